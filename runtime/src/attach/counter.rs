//! `software`, `hardware` and `watchpoint`: an event on every CPU that is online.

use std::io;
use std::os::fd::OwnedFd;

use bt_abi::events::{self, Event};
use bt_abi::manifest::Attach;
use libbpf_rs::{Link, ProgramMut};
use libbpf_sys::{PERF_TYPE_HARDWARE, PERF_TYPE_SOFTWARE};

use super::perf_event;
use super::profile::online;
use crate::error::Failure;

// bits of <linux/hw_breakpoint.h>
const READ: u32 = 1;
const WRITE: u32 = 2;
const EXECUTE: u32 = 4;

pub fn attach(
    program: &ProgramMut<'_>,
    attach: &Attach,
    cookie: u32,
) -> Result<Vec<Link>, Failure> {
    match attach {
        Attach::Software { event, count } => {
            let config = known(events::SOFTWARE, event)?;
            on_each(program, cookie, event, |cpu| {
                perf_event::counter(PERF_TYPE_SOFTWARE, config, *count, cpu)
            })
        }
        Attach::Hardware { event, count } => {
            let config = known(events::HARDWARE, event)?;
            on_each(program, cookie, event, |cpu| {
                perf_event::counter(PERF_TYPE_HARDWARE, config, *count, cpu)
            })
        }
        Attach::Watchpoint {
            address,
            length,
            mode,
        } => {
            let (access, length) = match mode.as_str() {
                "x" => (EXECUTE, size_of::<libc::c_long>() as u64),
                "w" => (WRITE, *length),
                _ => (READ | WRITE, *length),
            };
            on_each(program, cookie, &format!("{address:#x}"), |cpu| {
                perf_event::breakpoint(*address, length, access, cpu)
            })
        }
        _ => Ok(Vec::new()),
    }
}

fn known(events: &'static [Event], name: &str) -> Result<u64, Failure> {
    match events::find(events, name) {
        Some(event) => Ok(event.config),
        None => Err(
            Failure::unusable(format!("the event `{name}` is unknown here"))
                .help("use a newer btrun"),
        ),
    }
}

fn on_each(
    program: &ProgramMut<'_>,
    cookie: u32,
    what: &str,
    open: impl Fn(i32) -> io::Result<OwnedFd>,
) -> Result<Vec<Link>, Failure> {
    let mut links = Vec::new();
    for cpu in online()? {
        let event = match open(cpu) {
            Ok(event) => event,
            // went offline since the list was read
            Err(e) if e.raw_os_error() == Some(libc::ENODEV) => continue,
            Err(e) => return Err(refused(&e, what)),
        };
        links.push(perf_event::attach(program, event, cookie)?);
    }
    match links.is_empty() {
        true => Err(refused(&io::Error::from_raw_os_error(libc::ENODEV), what)),
        false => Ok(links),
    }
}

fn refused(error: &io::Error, what: &str) -> Failure {
    let failure = Failure::system(error, format!("the kernel refused to watch `{what}`"));
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP) => {
            failure.help("this machine does not count it; virtual machines often have no counters of the processor")
        }
        Some(libc::ENOSPC) => {
            failure.help("a processor watches four addresses at once; others may be using them")
        }
        _ => failure,
    }
}
