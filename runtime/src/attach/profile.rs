//! `profile`: a timer on every CPU that is online.

use std::io;

use bt_abi::manifest::Period;
use libbpf_rs::{Link, ProgramMut};

use super::perf_event;
use crate::environment::cpus;
use crate::error::Failure;

pub fn attach(
    program: &ProgramMut<'_>,
    period: &Period,
    cookie: u32,
) -> Result<Vec<Link>, Failure> {
    check(period)?;
    let mut links = Vec::new();
    for cpu in online()? {
        let event = match perf_event::clock(period, cpu) {
            Ok(event) => event,
            // went offline since the list was read
            Err(e) if e.raw_os_error() == Some(libc::ENODEV) => continue,
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

pub fn online() -> Result<Vec<i32>, Failure> {
    cpus::online().map_err(|e| Failure::system(&e, "cannot read which CPUs are online"))
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
