//! `software`, `hardware` and `watchpoint`: an event on every CPU that is online, or of each thread of a process.

use std::io;
use std::os::fd::OwnedFd;

use bt_abi::events::{self, Event};
use bt_abi::manifest::Attach;
use libbpf_rs::{Link, ProgramMut};
use libbpf_sys::{PERF_TYPE_HARDWARE, PERF_TYPE_SOFTWARE};

use super::perf_event::{self, Whose};
use crate::error::Failure;
use crate::process::Process;

// bits of <linux/hw_breakpoint.h>
const READ: u32 = 1;
const WRITE: u32 = 2;
const EXECUTE: u32 = 4;

pub fn attach(
    program: &ProgramMut<'_>,
    attach: &Attach,
    process: Option<&Process>,
    cookie: u32,
) -> Result<Vec<Link>, Failure> {
    match attach {
        Attach::Software { event, count } => {
            let config = known(events::SOFTWARE, event)?;
            on_each(program, process, cookie, event, |whose| {
                perf_event::counter(PERF_TYPE_SOFTWARE, config, *count, whose)
            })
        }
        Attach::Hardware { event, count } => {
            let config = known(events::HARDWARE, event)?;
            on_each(program, process, cookie, event, |whose| {
                perf_event::counter(PERF_TYPE_HARDWARE, config, *count, whose)
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
            on_each(
                program,
                process,
                cookie,
                &format!("{address:#x}"),
                |whose| perf_event::breakpoint(*address, length, access, whose),
            )
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
    process: Option<&Process>,
    cookie: u32,
    what: &str,
    open: impl Fn(Whose) -> io::Result<OwnedFd>,
) -> Result<Vec<Link>, Failure> {
    let mut links = Vec::new();
    for whose in perf_event::everywhere(process)? {
        let event = match open(whose) {
            Ok(event) => event,
            Err(e) if perf_event::is_gone(&e, whose) => continue,
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
