//! The pid namespace of a process, and its number there: what a program in the kernel can compare, wherever btrun runs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use bt_abi::manifest::TargetPart;

use crate::error::Failure;

/// The root namespace has the same number everywhere: `PROC_PID_INIT_INO`.
const ROOT: u64 = 0xefff_fffc;

/// Device and inode of the pid namespace of a process (a number, or `self`), as the kernel compares them; zeroes for the root one.
pub fn name_of(process: &str) -> io::Result<[u64; 2]> {
    let namespace = fs::metadata(format!("/proc/{process}/ns/pid"))?;
    if namespace.ino() == ROOT {
        return Ok([0; 2]);
    }
    // the kernel's own encoding of devices is another than that of stat(2)
    let device = namespace.dev();
    let device = u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device));
    Ok([device, namespace.ino()])
}

pub struct PidNamespace {
    pid: u64,
    /// What bpf_get_ns_current_pid_tgid compares; zeroes for the root namespace.
    device: u64,
    inode: u64,
}

impl PidNamespace {
    /// `pid`: as the namespace of btrun counts.
    pub fn of(pid: u32) -> Result<PidNamespace, Failure> {
        let cannot =
            |e| Failure::system(&e, format!("cannot read what /proc says of process {pid}"));
        let [device, inode] = name_of(&pid.to_string()).map_err(cannot)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(cannot)?;
        // from the namespace of /proc inwards
        let innermost = field(&status, "NStgid").and_then(|ids| ids.split_whitespace().last());
        let innermost = innermost.filter(|_| inode != 0);
        Ok(PidNamespace {
            pid: innermost
                .and_then(|id| id.parse().ok())
                .unwrap_or(u64::from(pid)),
            device,
            inode,
        })
    }

    pub fn part(&self, part: TargetPart) -> u64 {
        match part {
            TargetPart::Pid => self.pid,
            TargetPart::Device => self.device,
            TargetPart::Inode => self.inode,
        }
    }
}

/// A line of /proc/PID/status.
pub fn field<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ourselves() {
        let pid = std::process::id();
        let namespace = PidNamespace::of(pid).unwrap_or_else(|f| panic!("{}", f.message));
        assert!(namespace.part(TargetPart::Pid) > 0);
        assert_eq!(
            namespace.part(TargetPart::Device) == 0,
            namespace.part(TargetPart::Inode) == 0
        );
    }

    #[test]
    fn lines_of_status() {
        let status = "Name:\tx\nTgid:\t12\nNStgid:\t12\t1\n";
        assert_eq!(field(status, "Tgid"), Some("12"));
        assert_eq!(field(status, "NStgid"), Some("12\t1"));
        assert_eq!(field(status, "Pid"), None);
    }
}
