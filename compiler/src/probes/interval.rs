//! `interval` and `profile`: timers, on one CPU or on each.

use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Interval;
pub struct Profile;

impl Provider for Interval {
    fn names(&self) -> &'static [&'static str] {
        &["interval", "i"]
    }

    fn usage(&self) -> &'static str {
        "interval:s:1, interval:ms:100, interval:us:100, interval:hz:10 or interval:1s"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Timer, point)
    }
}

impl Provider for Profile {
    fn names(&self) -> &'static [&'static str] {
        &["profile", "p"]
    }

    fn usage(&self) -> &'static str {
        "profile:hz:99, profile:s:1, profile:ms:10, profile:us:100 or profile:10ms"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Timer, point)
    }
}
