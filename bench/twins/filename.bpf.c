#include "bpf.h"

struct key {
	char name[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, u64);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct enter *ctx)
{
	struct key key = {};
	u64 *count, one = 1;

	bpf_probe_read_user_str(key.name, sizeof(key.name), (void *)ctx->args[1]);
	count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
	return 0;
}
