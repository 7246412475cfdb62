#include "bpf.h"

struct record {
	u64 id;
	u32 pid;
	char comm[16];
	char name[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct enter *ctx)
{
	struct record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return 0;
	record->id = 1;
	record->pid = pid();
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	bpf_probe_read_user_str(record->name, sizeof(record->name), (void *)ctx->args[1]);
	bpf_ringbuf_submit(record, 0);
	return 0;
}
