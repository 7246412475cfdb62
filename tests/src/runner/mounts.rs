//! A BPF file system for one case, which btrun, the trigger and nobody else sees.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// This thread is in a mount namespace of its own, and goes back when this is dropped.
pub struct Private {
    outside: File,
    folder: PathBuf,
}

impl Private {
    pub fn with_bpf() -> Result<Private> {
        let outside = File::open("/proc/thread-self/ns/mnt").context("the mount namespace")?;
        let folder = std::env::current_dir()?;
        // SAFETY: no pointers.
        done(unsafe { libc::unshare(libc::CLONE_NEWNS) }).context("a mount namespace")?;
        let private = Private { outside, folder };
        let flags = libc::MS_REC | libc::MS_PRIVATE;
        mount(c"none", c"/", flags).context("private mounts")?;
        mount(c"bpf", c"/sys/fs/bpf", 0).context("a BPF file system")?;
        Ok(private)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // SAFETY: a descriptor that is open.
        let back = unsafe { libc::setns(self.outside.as_raw_fd(), libc::CLONE_NEWNS) };
        if back != 0 || std::env::set_current_dir(&self.folder).is_err() {
            eprintln!("cannot go back to the mounts of the machine");
            std::process::abort();
        }
    }
}

fn mount(kind: &CStr, place: &CStr, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: all strings are terminated and live through the call; no data is passed.
    done(unsafe {
        let (source, kind) = (kind.as_ptr(), kind.as_ptr());
        libc::mount(source, place.as_ptr(), kind, flags, std::ptr::null())
    })
}

fn done(status: i32) -> io::Result<()> {
    match status {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
