//! Names in the object that both sides must know.

use crate::types::StackMode;

/// The kernel's function that tells a session which of its two it is run for.
pub const SESSION_KFUNC: &str = "bpf_session_is_return";

/// ELF section of the manifest: JSON, UTF-8, without a terminator.
pub const MANIFEST_SECTION: &str = ".btc.manifest";

/// ELF section, and so the map, of the late-bound slots.
pub const SLOTS_SECTION: &str = ".rodata.btc";

/// ELF section, and so the map, in which programs count what goes wrong: a word that says whether rarely wanted faults count, a word that
/// is not used, then for each of [`crate::Manifest::faults`] a `u64` count and an `i64`, the last status.
pub const FAULTS_SECTION: &str = ".data.btc_faults";

/// Bytes before the first fault in [`FAULTS_SECTION`], and of each fault.
pub const FAULT_SIZE: u32 = 16;

/// Ring buffer of the event records.
pub const EVENTS_MAP: &str = "btc_events";

/// Perf buffers of the packets that `skboutput` sends.
pub const PACKETS_MAP: &str = "btc_packets";

/// Per-CPU array of `u64`, one entry a program (its index in the manifest): records that found the ring buffer full.
pub const LOST_MAP: &str = "btc_lost";

/// Memory for values that do not fit on the BPF stack: an array of as many entries as there are programs, times the number of
/// possible CPUs, which btrun multiplies in before load; entry `cpu * programs + program`. (No per-CPU array: their values are limited
/// to 32 KiB, and their look-up is a call.) A per-CPU array, as the first objects of manifest 1.0 have it, needs nothing.
pub const SCRATCH_MAP: &str = "btc_scratch";

/// Prefix of the synthetic structs that stand for tracepoint arguments: `btc_tp__CATEGORY__EVENT`.
pub const TRACEPOINT_PREFIX: &str = "btc_tp__";

/// Array of strings, one for each place that a program with names known late is attached to: what the builtin `probe` gives
/// there. The index is the attach cookie, or in the slot [`crate::manifest::SlotValue::ProbeId`]; entry 0 is not used. btrun sizes
/// and fills it.
pub const PROBE_NAMES_MAP: &str = "btc_probe_names";

/// The same for the builtin `func`.
pub const FUNCTION_NAMES_MAP: &str = "btc_func_names";

/// The synthetic struct of a tracepoint's arguments; what C cannot name is replaced by `_`, the `*` of a pattern by `ALL`.
pub fn tracepoint_struct(category: &str, event: &str) -> String {
    let word = |text: &str| {
        let text = text.replace('*', "ALL");
        text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_")
    };
    format!("{TRACEPOINT_PREFIX}{}__{}", word(category), word(event))
}

/// Whose arguments a synthetic struct stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionKind {
    Entry,
    /// What the function returned is a member too: `retval`.
    Exit,
    RawTracepoint,
    /// In the registers of a kprobe.
    Registers,
    /// In those of a kretprobe: `retval` alone.
    Returned,
}

impl FunctionKind {
    /// One for each kind: LLVM takes structs of one name for one, whatever their members.
    fn prefix(self) -> &'static str {
        match self {
            FunctionKind::Entry => "btc_fn__",
            FunctionKind::Exit => "btc_fx__",
            FunctionKind::RawTracepoint => "btc_rt__",
            FunctionKind::Registers => "btc_kn__",
            FunctionKind::Returned => "btc_kx__",
        }
    }
}

/// The synthetic struct of a function's arguments, or of a raw tracepoint's; of a module by the module's name, too.
pub fn function_struct(kind: FunctionKind, module: Option<&str>, name: &str) -> String {
    let name = name.replace('*', "ALL");
    let name = match module {
        None | Some("vmlinux") => name,
        Some(module) => format!("{}__{name}", module.replace('*', "ALL")),
    };
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    format!("{}{name}", kind.prefix())
}

/// No kernel has a struct of this name: btrun makes it.
pub fn is_synthetic(name: &str) -> bool {
    use FunctionKind::{Entry, Exit, RawTracepoint, Registers, Returned};
    let kinds = [Entry, Exit, RawTracepoint, Registers, Returned];
    let of_function = |kind: FunctionKind| name.starts_with(kind.prefix());
    name.starts_with(TRACEPOINT_PREFIX) || kinds.into_iter().any(of_function)
}

/// The hash map of stacks of at most `limit` frames: key `u64` (see [`crate::Type::KernelStack`]), value `u64[limit]`,
/// innermost frame first, unused entries 0. For [`StackMode::BuildId`] the frames are `struct bpf_stack_build_id`: `i32` status (0 unused,
/// 1 known, 2 address alone), 20 bytes of build id, `u64` offset in the file or address.
pub fn stacks_map(limit: u32, mode: StackMode) -> String {
    match mode {
        StackMode::BuildId => format!("btc_stacks_build_id_{limit}"),
        _ => format!("btc_stacks_{limit}"),
    }
}

/// Does a library's file name answer to `name`: itself, with `.so` behind, with `lib` in front?
pub fn answers_to(file: &str, name: &str) -> bool {
    let stem = file.split(".so").next().unwrap_or(file);
    file == name
        || file.contains(".so") && (stem == name || stem.strip_prefix("lib") == Some(name))
        || file
            .strip_prefix(name)
            .is_some_and(|r| name.ends_with(".so") && r.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_names() {
        for name in ["libc", "c", "libc.so", "libc.so.6"] {
            assert!(answers_to("libc.so.6", name), "{name}");
        }
        for name in ["lib", "libcrypt", "so", "libc.so.5", "b"] {
            assert!(!answers_to("libc.so.6", name), "{name}");
        }
        assert!(!answers_to("libc.a", "libc"));
    }
}
