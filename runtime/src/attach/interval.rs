//! `interval`: a timer on one CPU.

use bt_abi::manifest::Period;
use libbpf_rs::{Link, ProgramMut};

use super::perf_event::{self, Whose};
use super::profile::{check, refused};
use crate::error::Failure;

pub fn attach(program: &ProgramMut<'_>, period: &Period, cookie: u32) -> Result<Link, Failure> {
    check(period)?;
    let cpu = Whose::Cpu(perf_event::first_cpu());
    let event = perf_event::clock(period, cpu).map_err(|e| refused(&e, period))?;
    perf_event::attach(program, event, cookie)
}
