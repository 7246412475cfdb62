//! `uprobe` and `uretprobe`: functions of programs and libraries.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libbpf_rs::{Link, ProgramMut};

use super::perf_event::{self, Pmu};
use crate::environment::release;
use crate::error::Failure;
use crate::targets::Site;

pub fn attach(
    program: &ProgramMut<'_>,
    site: &Site,
    path: &Path,
    offset: u64,
    at_return: bool,
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
    let place = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Failure::unusable("the path of the program holds a zero byte"))?;
    let event = pmu
        .open(Some(&place), offset, at_return, pid)
        .map_err(|e| refused(&e, path, site))?;
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
