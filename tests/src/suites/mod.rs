//! The suites: each takes fixtures and adds verdicts to a report.

pub mod commands;
pub mod docs;
pub mod host;
pub mod kernels;
mod listing;
mod losses;
pub mod object;
mod packets;
pub mod peer;
pub mod tools;
pub mod ui;

use crate::fixture::Fixture;
use crate::job::{Outcome, Result};
use crate::report::Verdict;

/// What a fixture says to an outcome of its job.
pub fn judge(fixture: &Fixture, outcome: &Outcome) -> Verdict {
    match &outcome.result {
        Result::Skipped(reason) => Verdict::Skipped(reason.clone()),
        Result::Ran(ran) => Verdict::of(fixture.expect.judge(ran), || {
            format!("--- stdout\n{}--- stderr\n{}", ran.stdout, ran.stderr)
        }),
    }
}
