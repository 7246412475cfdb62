//! tracefs: where it is mounted, and how to get at it where it is not.
//!
//! A machine that has never traced has it unmounted. Then it is mounted in a mount namespace of our own, which the kernel
//! throws away with this process: the machine stays as it was, however we end.

use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Failure, describe};

/// The two places, in the order of preference: the mount of its own (since Linux 4.1), and the one inside debugfs.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

pub struct Tracefs {
    root: PathBuf,
}

impl Tracefs {
    /// Finds tracefs, or mounts it. May give this process a mount namespace of its own.
    pub fn find() -> Result<Tracefs, Failure> {
        if let Some(root) = mounted() {
            return Ok(Tracefs { root });
        }
        let hidden = |place: &&&str| {
            std::fs::metadata(Path::new(place).join("events"))
                .is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
        };
        if let Some(place) = PLACES.iter().find(hidden) {
            return Err(Failure::not_permitted(format!(
                "tracefs at {place} may not be read here: CAP_DAC_READ_SEARCH is missing"
            ))
            .help("run btrun as root, or give it the capability"));
        }
        let failed = |error: io::Error| {
            let denied = error.raw_os_error() == Some(libc::EPERM);
            let failure = Failure::system(
                &error,
                "tracefs is not mounted here, and cannot be mounted in a private namespace",
            );
            match denied {
                true => failure.help("CAP_SYS_ADMIN is missing; or mount it before: `mount -t tracefs tracefs /sys/kernel/tracing`"),
                false => failure.help("tracepoints need a kernel with CONFIG_EVENT_TRACING, and tracefs: `mount -t tracefs tracefs /sys/kernel/tracing`"),
            }
        };
        private_namespace().map_err(failed)?;
        mount(c"tracefs", c"/sys/kernel/tracing")
            .or_else(|_| mount(c"debugfs", c"/sys/kernel/debug"))
            .map_err(failed)?;
        match mounted() {
            Some(root) => Ok(Tracefs { root }),
            None => Err(Failure::kernel(format!(
                "tracefs has no events ({})",
                describe(&io::Error::from_raw_os_error(libc::ENOENT))
            ))),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder with a folder for each category.
    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }
}

fn mounted() -> Option<PathBuf> {
    PLACES
        .iter()
        .map(Path::new)
        .find(|p| p.join("events").is_dir())
        .map(Path::to_path_buf)
}

/// A mount namespace whose mounts the machine does not see. Mounts that the machine makes later still arrive here.
fn private_namespace() -> io::Result<()> {
    // SAFETY: no pointers; the process has one thread, so nothing else shares the file system context.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all strings are terminated and live through the call; the other pointers may be null for this operation.
    let done = unsafe {
        libc::mount(
            c"none".as_ptr(),
            c"/".as_ptr(),
            std::ptr::null(),
            libc::MS_REC | libc::MS_SLAVE,
            std::ptr::null(),
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn mount(kind: &CStr, place: &CStr) -> io::Result<()> {
    // SAFETY: all strings are terminated and live through the call; no data is passed.
    let done = unsafe {
        libc::mount(
            kind.as_ptr(),
            place.as_ptr(),
            kind.as_ptr(),
            libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            std::ptr::null(),
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
