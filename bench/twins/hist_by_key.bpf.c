#include "bpf.h"

struct key {
	char comm[16];
};

struct hist {
	u64 buckets[66];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, struct hist);
} hists SEC(".maps");

static const struct hist empty;

SEC("tracepoint/syscalls/sys_enter_read")
int enter_read(struct enter *ctx)
{
	struct key key;
	struct hist *hist;
	u32 bucket = log2_bucket(ctx->args[2]);

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	hist = bpf_map_lookup_elem(&hists, &key);
	if (!hist) {
		bpf_map_update_elem(&hists, &key, &empty, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&hists, &key);
	}
	if (hist && bucket < 66)
		hist->buckets[bucket]++;
	return 0;
}
