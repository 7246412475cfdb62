//! Pins: iterators that stay as files of a BPF file system, which run their program for each who reads them.
//! The only thing that a run leaves behind, since the script asks for it.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bt_abi::attach::PINS;
use libbpf_rs::Link;

use crate::error::Failure;

/// Can a pin be made here? Asked before anything is loaded; a dry run asks no more.
pub fn check(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    if path.symlink_metadata().is_ok() {
        return Err(
            Failure::unusable(format!("`{shown}` is there already")).help(format!(
                "read it, or remove what an earlier run has pinned: `rm {shown}`"
            )),
        );
    }
    let folder = path.parent().unwrap_or(path);
    let default = Path::new(PINS.trim_end_matches('/'));
    match is_bpf(folder) {
        Ok(true) => Ok(()),
        Ok(false) if folder == default => {
            let folder = folder.display();
            let message =
                format!("no BPF file system is mounted at {folder}, where `{shown}` would lie");
            Err(Failure::kernel(message).help(format!("mount it: `mount -t bpf bpf {folder}`")))
        }
        Ok(false) => {
            let message = format!("`{shown}` would not lie on a BPF file system");
            Err(Failure::unusable(message)
                .help(format!("pins lie below {PINS}, in folders that are there")))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Failure::unusable(format!(
            "`{shown}` cannot be made: there is no folder `{}`",
            folder.display()
        ))),
        Err(e) => Err(Failure::system(&e, format!("cannot pin to `{shown}`"))),
    }
}

fn is_bpf(folder: &Path) -> io::Result<bool> {
    let path = CString::new(folder.as_os_str().as_bytes())?;
    let mut about = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: a terminated string, and room for the answer.
    if unsafe { libc::statfs(path.as_ptr(), about.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has filled it.
    Ok(unsafe { about.assume_init() }.f_type == libc::BPF_FS_MAGIC)
}

/// Makes the pins, all or none.
pub fn all<'p>(pins: impl Iterator<Item = (&'p Link, &'p Path)>) -> Result<Vec<&'p Path>, Failure> {
    let mut made = Vec::new();
    for (link, path) in pins {
        if let Err(e) = one(link, path) {
            for path in made {
                // it was there a moment ago; if it is not, so much the better
                let _ = std::fs::remove_file(path);
            }
            let shown = path.display();
            return Err(match e.raw_os_error() {
                Some(libc::EEXIST) => Failure::unusable(format!("`{shown}` is there already")),
                _ => Failure::system(&e, format!("cannot pin to `{shown}`")),
            });
        }
        made.push(path);
    }
    Ok(made)
}

fn one(link: &Link, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a descriptor that is open, and a terminated string.
    match unsafe { libbpf_sys::bpf_obj_pin(link.as_fd().as_raw_fd(), path.as_ptr()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}
