//! Locks between processes.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result};

/// Waits until no other process holds the lock of this file, which is created; released when dropped.
pub fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    // SAFETY: a system call on a descriptor that is open.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) };
    anyhow::ensure!(
        result == 0,
        "locking {}: {}",
        path.display(),
        std::io::Error::last_os_error()
    );
    Ok(file)
}
