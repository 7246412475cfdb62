#include "bpf.h"

struct mm_struct {
	int map_count;
} RELOCATED;

struct signal_struct {
	int nr_threads;
} RELOCATED;

struct task_struct {
	s32 tgid;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct mm_struct *mm;
} RELOCATED;

struct key {
	s32 parent, grandparent, threads, areas;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, u64);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_read")
int enter_read(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *parent = task->real_parent;
	struct key key = {
		parent->tgid,
		parent->real_parent->tgid,
		task->signal->nr_threads,
		task->mm->map_count,
	};
	u64 *count, one = 1;

	count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
	return 0;
}
