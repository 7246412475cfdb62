#include "bpf.h"

struct hist {
	u64 buckets[66];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct hist);
} hists SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_read")
int enter_read(void *ctx)
{
	u32 key = tid();
	u64 now = bpf_ktime_get_boot_ns();

	bpf_map_update_elem(&starts, &key, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_read")
int exit_read(void *ctx)
{
	u32 key = tid(), zero = 0, bucket;
	u64 *start = bpf_map_lookup_elem(&starts, &key);
	struct hist *hist;

	if (!start)
		return 0;
	bucket = log2_bucket(bpf_ktime_get_boot_ns() - *start);
	hist = bpf_map_lookup_elem(&hists, &zero);
	if (hist && bucket < 66)
		hist->buckets[bucket]++;
	bpf_map_delete_elem(&starts, &key);
	return 0;
}
