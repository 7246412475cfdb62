//! Whether this machine has what a case needs.

use std::path::Path;

use crate::fixture::kernel_version;
use crate::job::{Job, Kernels, Need, Place};

/// The reason to skip a case here.
pub fn missing(job: &Job, place: Place) -> Option<String> {
    if !is_root() {
        return Some("needs root".to_string());
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
        Need::Tracepoint => (Path::new("/sys/kernel/tracing").exists(), "has no tracefs"),
    };
    (!there).then_some(what)
}
