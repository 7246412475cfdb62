//! Helper functions by name, so that a kernel can be asked whether it has one.

use libbpf_sys::*;

/// The number of a helper that compiled scripts use. Old ones that every supported kernel has are not listed.
pub fn id(name: &str) -> Option<bpf_func_id> {
    let name = name.strip_prefix("bpf_").unwrap_or(name);
    TABLE.iter().find(|(n, _)| *n == name).map(|(_, id)| *id)
}

const TABLE: &[(&str, bpf_func_id)] = &[
    ("get_stackid", BPF_FUNC_get_stackid),
    ("get_current_task", BPF_FUNC_get_current_task),
    ("get_current_cgroup_id", BPF_FUNC_get_current_cgroup_id),
    ("get_stack", BPF_FUNC_get_stack),
    ("probe_write_user", BPF_FUNC_probe_write_user),
    ("get_socket_cookie", BPF_FUNC_get_socket_cookie),
    ("d_path", BPF_FUNC_d_path),
    ("override_return", BPF_FUNC_override_return),
    ("send_signal", BPF_FUNC_send_signal),
    ("send_signal_thread", BPF_FUNC_send_signal_thread),
    ("skb_output", BPF_FUNC_skb_output),
    ("probe_read_user", BPF_FUNC_probe_read_user),
    ("probe_read_kernel", BPF_FUNC_probe_read_kernel),
    ("probe_read_user_str", BPF_FUNC_probe_read_user_str),
    ("probe_read_kernel_str", BPF_FUNC_probe_read_kernel_str),
    ("jiffies64", BPF_FUNC_jiffies64),
    ("get_ns_current_pid_tgid", BPF_FUNC_get_ns_current_pid_tgid),
    ("ktime_get_boot_ns", BPF_FUNC_ktime_get_boot_ns),
    ("seq_write", BPF_FUNC_seq_write),
    ("ringbuf_output", BPF_FUNC_ringbuf_output),
    ("ringbuf_reserve", BPF_FUNC_ringbuf_reserve),
    ("ringbuf_submit", BPF_FUNC_ringbuf_submit),
    ("ringbuf_discard", BPF_FUNC_ringbuf_discard),
    ("get_task_stack", BPF_FUNC_get_task_stack),
    ("per_cpu_ptr", BPF_FUNC_per_cpu_ptr),
    ("this_cpu_ptr", BPF_FUNC_this_cpu_ptr),
    ("get_current_task_btf", BPF_FUNC_get_current_task_btf),
    ("for_each_map_elem", BPF_FUNC_for_each_map_elem),
    ("snprintf", BPF_FUNC_snprintf),
    ("get_func_ip", BPF_FUNC_get_func_ip),
    ("get_attach_cookie", BPF_FUNC_get_attach_cookie),
    ("task_pt_regs", BPF_FUNC_task_pt_regs),
    ("loop", BPF_FUNC_loop),
    ("strncmp", BPF_FUNC_strncmp),
    ("ktime_get_tai_ns", BPF_FUNC_ktime_get_tai_ns),
];
