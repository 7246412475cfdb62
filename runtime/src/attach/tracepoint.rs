//! `tracepoint`: an event that the kernel's source declares.

use std::fs;
use std::io;

use libbpf_rs::{Link, ProgramMut};

use super::perf_event;
use crate::environment::Environment;
use crate::error::Failure;

pub fn attach(
    program: &ProgramMut<'_>,
    environment: &Environment,
    category: &str,
    event: &str,
    cookie: u32,
) -> Result<Link, Failure> {
    // that the event exists was seen before
    let cannot = |e: &io::Error| {
        Failure::system(
            e,
            format!("cannot attach to tracepoint `{category}:{event}`"),
        )
    };
    let file = environment.tracepoint(category, event).join("id");
    let text = fs::read_to_string(file).map_err(|e| cannot(&e))?;
    let id = text
        .trim()
        .parse()
        .map_err(|_| cannot(&io::ErrorKind::InvalidData.into()))?;
    let opened = perf_event::tracepoint(id).map_err(|e| cannot(&e))?;
    perf_event::attach(program, opened, cookie)
}
