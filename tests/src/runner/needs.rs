//! Whether this machine has what a case needs.

use std::path::Path;
use std::process::Command;

use crate::fixture::kernel_version;
use crate::job::{GUEST_MODULE, Job, Kernels, Need, Place};

/// The reason to skip a case here.
pub fn missing(job: &Job, place: Place) -> Option<String> {
    if !is_root() {
        return Some("needs root".to_string());
    }
    if place == Place::Host && !bpf_is_allowed() {
        return Some("this machine does not allow BPF".to_string());
    }
    let kernel = kernel_release();
    if let Some(reason) = kernel_mismatch(&job.kernels, &kernel, place) {
        return Some(reason);
    }
    job.needs
        .iter()
        .find_map(|need| lacks(*need))
        .map(|what| format!("kernel {kernel} {what}"))
}

/// `uname -r`
pub fn kernel_release() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim().to_string()
}

fn is_root() -> bool {
    // SAFETY: a system call without arguments that cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Tries the smallest thing: a map of one entry. A container may forbid bpf(2) even to root; then the VMs do the work.
fn bpf_is_allowed() -> bool {
    const BPF_MAP_CREATE: i64 = 0;
    const BPF_MAP_TYPE_ARRAY: u32 = 2;
    let mut attr = [0u32; 16];
    attr[..4].copy_from_slice(&[BPF_MAP_TYPE_ARRAY, 4, 4, 1]); // type, bytes of a key, of a value, entries
    // SAFETY: `attr` holds the four fields that the command needs, zeros behind them, and its size is passed. The
    // descriptor that may come back is closed at once.
    unsafe {
        let fd = libc::syscall(
            libc::SYS_bpf,
            BPF_MAP_CREATE,
            attr.as_ptr(),
            size_of_val(&attr),
        );
        if fd >= 0 {
            libc::close(fd as i32);
        }
        fd >= 0
    }
}

fn kernel_mismatch(kernels: &Kernels, release: &str, place: Place) -> Option<String> {
    if kernels.place.is_some_and(|p| p != place) {
        let only = if place == Place::Host {
            "a VM"
        } else {
            "the host"
        };
        return Some(format!("runs only on {only}"));
    }
    let version = kernel_version(release).unwrap_or((0, 0));
    if let Some((major, minor)) = kernels.at_least.filter(|v| version < *v) {
        return Some(format!("kernel {release} is older than {major}.{minor}"));
    }
    if let Some((major, minor)) = kernels.at_most.filter(|v| version > *v) {
        return Some(format!("kernel {release} is newer than {major}.{minor}"));
    }
    None
}

fn lacks(need: Need) -> Option<&'static str> {
    let source = |name: &str| {
        Path::new("/sys/bus/event_source/devices")
            .join(name)
            .exists()
    };
    let (there, what) = match need {
        Need::Kprobe => (source("kprobe"), "has no kprobes"),
        Need::NoKprobe => (!source("kprobe"), "has kprobes"),
        Need::Uprobe => (source("uprobe"), "has no uprobes"),
        Need::Module => (module(), "has no module with BTF"),
        Need::Tracepoint => (Path::new("/sys/kernel/tracing").exists(), "has no tracefs"),
    };
    (!there).then_some(what)
}

/// Loads the module that lies in the guest; it stays loaded.
fn module() -> bool {
    let btf = Path::new("/sys/kernel/btf/loop");
    if !btf.exists() && Path::new(GUEST_MODULE).exists() {
        // What it says is seen by what is there then.
        let _ = Command::new("insmod").arg(GUEST_MODULE).status();
    }
    btf.exists()
}
