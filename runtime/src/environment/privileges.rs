//! The capabilities that tracing takes.

use crate::error::Failure;

// capability numbers of <linux/capability.h>
const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// CAP_SYS_ADMIN stands for the two newer ones, and is the only one that kernels before 5.8 know.
pub fn check() -> Result<(), Failure> {
    let Some(effective) = effective() else {
        // without /proc nothing can be said before the kernel says it
        return Ok(());
    };
    let missing = missing(effective);
    if missing.is_empty() {
        return Ok(());
    }
    let (verb, them) = match missing.len() {
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    Err(Failure::not_permitted(format!(
        "not permitted to trace: {} {verb} missing",
        missing.join(" and ")
    ))
    .help(format!(
        "run btrun as root, or give it {them}: `setcap cap_bpf,cap_perfmon+ep btrun`"
    )))
}

fn missing(effective: u64) -> Vec<&'static str> {
    let has = |capability: u32| effective >> capability & 1 == 1;
    if has(SYS_ADMIN) {
        return Vec::new();
    }
    let wanted = [(BPF, "CAP_BPF"), (PERFMON, "CAP_PERFMON")];
    wanted
        .iter()
        .filter(|(capability, _)| !has(*capability))
        .map(|(_, name)| *name)
        .collect()
}

fn effective() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing() {
        assert_eq!(missing(0), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing(1 << BPF), ["CAP_PERFMON"]);
        assert!(missing(1 << BPF | 1 << PERFMON).is_empty());
        assert!(missing(1 << SYS_ADMIN).is_empty());
    }
}
