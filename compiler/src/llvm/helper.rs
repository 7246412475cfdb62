//! The BPF helper functions that generated code calls, as `include/uapi/linux/bpf.h` numbers them.

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
    GET_SMP_PROCESSOR_ID = 8 "bpf_get_smp_processor_id" "4.1";
    GET_CURRENT_PID_TGID = 14 "bpf_get_current_pid_tgid" "4.2";
    GET_CURRENT_UID_GID = 15 "bpf_get_current_uid_gid" "4.2";
    GET_CURRENT_COMM = 16 "bpf_get_current_comm" "4.2";
    GET_CURRENT_TASK = 35 "bpf_get_current_task" "4.8";
    PROBE_READ_STR = 45 "bpf_probe_read_str" "4.11";
    GET_STACK = 67 "bpf_get_stack" "4.18";
    PROBE_READ_USER = 112 "bpf_probe_read_user" "5.5";
    PROBE_READ_KERNEL = 113 "bpf_probe_read_kernel" "5.5";
    PROBE_READ_USER_STR = 114 "bpf_probe_read_user_str" "5.5";
    PROBE_READ_KERNEL_STR = 115 "bpf_probe_read_kernel_str" "5.5";
    KTIME_GET_BOOT_NS = 125 "bpf_ktime_get_boot_ns" "5.8";
    RINGBUF_OUTPUT = 130 "bpf_ringbuf_output" "5.8";
    RINGBUF_RESERVE = 131 "bpf_ringbuf_reserve" "5.8";
    RINGBUF_SUBMIT = 132 "bpf_ringbuf_submit" "5.8";
    FOR_EACH_MAP_ELEM = 164 "bpf_for_each_map_elem" "5.13";
    LOOP = 181 "bpf_loop" "5.17";
}
