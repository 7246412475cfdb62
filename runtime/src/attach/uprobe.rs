//! `uprobe`, `uretprobe` and `usdt`: functions and static probes of programs and libraries.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libbpf_rs::{Link, ProgramMut};

use super::perf_event::{self, Pmu};
use crate::environment::release;
use crate::error::Failure;
use crate::targets::Site;

/// A place of a file.
pub struct Spot<'a> {
    pub path: &'a Path,
    pub offset: u64,
    pub at_return: bool,
    /// Where in the file the counter is that the kernel raises while somebody looks; 0 if there is none.
    pub semaphore: u64,
}

pub fn attach(
    program: &ProgramMut<'_>,
    site: &Site,
    spot: &Spot<'_>,
    pid: Option<u32>,
    cookie: u32,
) -> Result<Link, Failure> {
    let Some(pmu) = Pmu::find("uprobe") else {
        return Err(Failure::kernel(format!(
            "this kernel ({}) was built without uprobes",
            release()
        ))
        .help("a kernel with CONFIG_UPROBES and CONFIG_UPROBE_EVENTS is needed"));
    };
    let place = CString::new(spot.path.as_os_str().as_bytes())
        .map_err(|_| Failure::unusable("the path of the program holds a zero byte"))?;
    let event = pmu
        .open(
            Some(&place),
            spot.offset,
            spot.at_return,
            spot.semaphore,
            pid,
        )
        .map_err(|e| refused(&e, spot.path, site))?;
    perf_event::attach(program, event, cookie)
}

fn refused(error: &io::Error, path: &Path, site: &Site) -> Failure {
    let place = site.probe.rsplit(':').next().unwrap_or_default();
    let failure = Failure::system(
        error,
        format!(
            "the kernel refused a probe at `{place}` of `{}`",
            path.display()
        ),
    );
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => failure.help("CAP_PERFMON (or CAP_SYS_ADMIN) is needed"),
        Some(libc::EINVAL | libc::EILSEQ) => {
            failure.help("the place may be in the middle of an instruction, or the file system cannot hold probes")
        }
        _ => failure,
    }
}
