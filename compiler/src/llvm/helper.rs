//! The BPF helper functions that generated code calls, as `include/uapi/linux/bpf.h` numbers them.

impl Helper {
    /// Gives the same value whenever it is called in one run of a program, and touches nothing: passes may drop calls and merge them.
    pub fn is_constant(self) -> bool {
        [
            GET_CURRENT_PID_TGID,
            GET_CURRENT_UID_GID,
            GET_CURRENT_TASK,
            GET_CURRENT_CGROUP_ID,
        ]
        .contains(&self)
    }
}

/// Number, name, and the first kernel that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Helper {
    pub id: u32,
    pub name: &'static str,
    pub since: &'static str,
}

macro_rules! helpers {
    ($($constant:ident = $id:literal $name:literal $since:literal;)*) => {
        $(pub const $constant: Helper = Helper { id: $id, name: $name, since: $since };)*
    };
}

helpers! {
    MAP_LOOKUP_ELEM = 1 "bpf_map_lookup_elem" "3.18";
    MAP_UPDATE_ELEM = 2 "bpf_map_update_elem" "3.18";
    MAP_DELETE_ELEM = 3 "bpf_map_delete_elem" "3.18";
    PROBE_READ = 4 "bpf_probe_read" "4.1";
    KTIME_GET_NS = 5 "bpf_ktime_get_ns" "4.1";
    GET_PRANDOM_U32 = 7 "bpf_get_prandom_u32" "4.1";
    GET_SMP_PROCESSOR_ID = 8 "bpf_get_smp_processor_id" "4.1";
    GET_CURRENT_PID_TGID = 14 "bpf_get_current_pid_tgid" "4.2";
    GET_CURRENT_UID_GID = 15 "bpf_get_current_uid_gid" "4.2";
    GET_CURRENT_COMM = 16 "bpf_get_current_comm" "4.2";
    GET_CURRENT_TASK = 35 "bpf_get_current_task" "4.8";
    PROBE_WRITE_USER = 36 "bpf_probe_write_user" "4.8";
    GET_NUMA_NODE_ID = 42 "bpf_get_numa_node_id" "4.10";
    PROBE_READ_STR = 45 "bpf_probe_read_str" "4.11";
    GET_SOCKET_COOKIE = 46 "bpf_get_socket_cookie" "5.12";
    OVERRIDE_RETURN = 58 "bpf_override_return" "4.16";
    GET_STACK = 67 "bpf_get_stack" "4.18";
    GET_CURRENT_CGROUP_ID = 80 "bpf_get_current_cgroup_id" "4.18";
    SEND_SIGNAL = 109 "bpf_send_signal" "5.3";
    SKB_OUTPUT = 111 "bpf_skb_output" "5.5";
    PROBE_READ_USER = 112 "bpf_probe_read_user" "5.5";
    PROBE_READ_KERNEL = 113 "bpf_probe_read_kernel" "5.5";
    PROBE_READ_USER_STR = 114 "bpf_probe_read_user_str" "5.5";
    PROBE_READ_KERNEL_STR = 115 "bpf_probe_read_kernel_str" "5.5";
    SEND_SIGNAL_THREAD = 117 "bpf_send_signal_thread" "5.5";
    JIFFIES64 = 118 "bpf_jiffies64" "5.17";
    GET_NS_CURRENT_PID_TGID = 120 "bpf_get_ns_current_pid_tgid" "5.7";
    KTIME_GET_BOOT_NS = 125 "bpf_ktime_get_boot_ns" "5.8";
    SEQ_PRINTF = 126 "bpf_seq_printf" "5.8";
    SEQ_WRITE = 127 "bpf_seq_write" "5.8";
    RINGBUF_OUTPUT = 130 "bpf_ringbuf_output" "5.8";
    RINGBUF_RESERVE = 131 "bpf_ringbuf_reserve" "5.8";
    RINGBUF_SUBMIT = 132 "bpf_ringbuf_submit" "5.8";
    D_PATH = 147 "bpf_d_path" "5.10";
    GET_CURRENT_TASK_BTF = 158 "bpf_get_current_task_btf" "5.11";
    FOR_EACH_MAP_ELEM = 164 "bpf_for_each_map_elem" "5.13";
    GET_ATTACH_COOKIE = 174 "bpf_get_attach_cookie" "5.15";
    TASK_PT_REGS = 175 "bpf_task_pt_regs" "5.15";
    LOOP = 181 "bpf_loop" "5.17";
    KTIME_GET_TAI_NS = 208 "bpf_ktime_get_tai_ns" "6.1";
}
