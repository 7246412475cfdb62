//! This machine: may we trace here, and where are the kernel's own descriptions?
//!
//! Only what can be seen cheaply is checked before the load; helpers, map types and the like are asked for when the
//! kernel has refused (see `load::explain`), so that a good run pays nothing for them.

pub mod cpus;
pub mod kallsyms;
pub mod late;
mod privileges;
pub mod tracefs;

use std::path::PathBuf;

use bt_abi::manifest::{Attach, Manifest};

use crate::cli::Mode;
use crate::error::Failure;
use crate::targets::is_run;

pub use tracefs::Tracefs;

/// Where the running kernel's type information is.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";
/// Beside the kernel's own BTF: that of each module that is loaded.
pub const BTF_FOLDER: &str = "/sys/kernel/btf";

/// What the later phases need to know of the machine.
pub struct Environment {
    /// `None` if no program needs it.
    pub tracefs: Option<Tracefs>,
    /// Probes may break what they are attached to.
    pub allow_unsafe: bool,
}

impl Environment {
    /// The folder of a tracepoint in tracefs.
    pub fn tracepoint(&self, category: &str, event: &str) -> PathBuf {
        match &self.tracefs {
            Some(tracefs) => tracefs.events().join(category).join(event),
            None => PathBuf::from("/sys/kernel/tracing/events")
                .join(category)
                .join(event),
        }
    }
}

/// Checks privileges, and finds tracefs (or mounts it in a mount namespace of our own) where the object has tracepoints.
pub fn check(manifest: &Manifest, mode: Mode) -> Result<Environment, Failure> {
    privileges::check()?;
    let uses = |attach: &Attach| match attach {
        Attach::Tracepoint { .. } => true,
        // the list of functions is there
        Attach::Kprobe { .. }
        | Attach::Kretprobe { .. }
        | Attach::Fentry { .. }
        | Attach::Fexit { .. } => attach.is_pattern(),
        _ => false,
    };
    let mut programs = manifest.programs.iter();
    let tracefs = match programs.find(|p| uses(&p.attach) && is_run(&p.attach, mode)) {
        Some(program) => Some(Tracefs::find().map_err(|f| f.at(program.span))?),
        None => None,
    };
    Ok(Environment {
        tracefs,
        allow_unsafe: false,
    })
}

/// The kernel's version as `uname -r` says it, for messages.
pub fn release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map(|s| s.trim().to_string())
        .unwrap_or_else(|_| "unknown".into())
}
