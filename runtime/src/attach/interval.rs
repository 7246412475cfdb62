//! `interval`: a timer on one CPU.

use bt_abi::manifest::Period;
use libbpf_rs::{Link, ProgramMut};

use super::perf_event;
use super::profile::{check, online, refused};
use crate::error::Failure;

pub fn attach(program: &ProgramMut<'_>, period: &Period, cookie: u32) -> Result<Link, Failure> {
    check(period)?;
    let cpu = online()?.first().copied().unwrap_or(0);
    let event = perf_event::clock(period, cpu).map_err(|e| refused(&e, period))?;
    perf_event::attach(program, event, cookie)
}
