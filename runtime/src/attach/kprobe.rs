//! `kprobe` and `kretprobe`: entry, a place within, and return of a kernel function.

use std::ffi::CString;
use std::io;

use libbpf_rs::{Link, ProgramMut};

use super::perf_event::{self, Pmu};
use crate::environment::kallsyms::{self, Lookup};
use crate::environment::release;
use crate::error::Failure;
use crate::targets::kernel_functions::is_loaded;

pub fn attach(
    program: &ProgramMut<'_>,
    module: Option<&str>,
    function: &str,
    offset: u64,
    at_return: bool,
    cookie: u32,
) -> Result<Link, Failure> {
    let pmu = pmu()?;
    let place = match module {
        None | Some("vmlinux") => function.to_string(),
        Some(module) => format!("{module}:{function}"),
    };
    let place = CString::new(place)
        .map_err(|_| Failure::unusable("the name of the function holds a zero byte"))?;
    let event = pmu
        .open(Some(&place), offset, at_return, 0, None)
        .map_err(|e| refused(&e, module, function, offset))?;
    perf_event::attach(program, event, cookie)
}

/// At an instruction, whatever it is.
pub fn attach_address(
    program: &ProgramMut<'_>,
    address: u64,
    at_return: bool,
    cookie: u32,
) -> Result<Link, Failure> {
    let event = pmu()?.open(None, address, at_return, 0, None).map_err(|e| {
        Failure::system(&e, format!("the kernel refused a probe at {address:#x}"))
            .help("it must be the start of an instruction of the kernel, and for a kretprobe that of a function: see /proc/kallsyms")
    })?;
    perf_event::attach(program, event, cookie)
}

fn pmu() -> Result<Pmu, Failure> {
    Pmu::find("kprobe").ok_or_else(|| {
        Failure::kernel(format!(
            "this kernel ({}) was built without kprobes",
            release()
        ))
        .help("a kernel with CONFIG_KPROBES and CONFIG_KPROBE_EVENTS is needed")
    })
}

fn refused(error: &io::Error, module: Option<&str>, function: &str, offset: u64) -> Failure {
    let denied = matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES));
    if denied {
        return Failure::system(error, format!("cannot attach to `{function}`")).help(
            "CAP_PERFMON (or CAP_SYS_ADMIN) is needed, and kernel lockdown must permit kprobes",
        );
    }
    if let Some(module) = module.filter(|m| *m != "vmlinux" && !is_loaded(m)) {
        return Failure::kernel(format!("kernel module `{module}` is not loaded"));
    }
    let of_module = match module {
        None | Some("vmlinux") => String::new(),
        Some(module) => format!(" of module `{module}`"),
    };
    match kallsyms::look_up(function, module) {
        Some(Lookup::Missing { near }) => Failure::kernel(format!(
            "kernel function `{function}`{of_module} does not exist on this kernel"
        ))
        .suggest(near),
        Some(Lookup::Found { times }) if times > 1 => Failure::kernel(format!(
            "kernel function `{function}`{of_module} exists {times} times, and the kernel does not know which is meant"
        )),
        _ if error.raw_os_error() == Some(libc::EILSEQ) => Failure::kernel(format!(
            "`{function}+{offset}` is in the middle of an instruction"
        )),
        _ if offset > 0 => Failure::system(
            error,
            format!("the kernel refused a probe at `{function}+{offset}`"),
        ),
        _ => Failure::system(
            error,
            format!("the kernel refused a probe at its function `{function}`"),
        )
        .help("some functions must not be probed: see /sys/kernel/debug/kprobes/blacklist"),
    }
}
