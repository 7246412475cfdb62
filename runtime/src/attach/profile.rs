//! `profile`: a timer on every CPU that is online, or of each thread of a process.

use std::io;

use bt_abi::manifest::Period;
use libbpf_rs::{Link, ProgramMut};

use super::perf_event;
use crate::error::Failure;
use crate::process::Process;

pub fn attach(
    program: &ProgramMut<'_>,
    period: &Period,
    process: Option<&Process>,
    cookie: u32,
) -> Result<Vec<Link>, Failure> {
    check(period)?;
    let mut links = Vec::new();
    for whose in perf_event::everywhere(process)? {
        let event = match perf_event::clock(period, whose) {
            Ok(event) => event,
            Err(e) if perf_event::is_gone(&e, whose) => continue,
            Err(e) => return Err(refused(&e, period)),
        };
        links.push(perf_event::attach(program, event, cookie)?);
    }
    Ok(links)
}

/// A period of nothing would be taken for "never".
pub fn check(period: &Period) -> Result<(), Failure> {
    match period {
        Period::Nanoseconds(0) | Period::Hertz(0) => {
            Err(Failure::unusable("the period of a timer must not be zero"))
        }
        _ => Ok(()),
    }
}

pub fn refused(error: &io::Error, period: &Period) -> Failure {
    let failure = Failure::system(error, "the kernel refused a timer");
    match (period, error.raw_os_error()) {
        (Period::Hertz(hz), Some(libc::EINVAL)) => failure.help(format!(
            "is {hz} Hz above /proc/sys/kernel/perf_event_max_sample_rate?"
        )),
        (_, Some(libc::EPERM | libc::EACCES)) => {
            failure.help("CAP_PERFMON (or CAP_SYS_ADMIN) is needed")
        }
        _ => failure,
    }
}
