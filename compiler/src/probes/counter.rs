//! `software`, `hardware` and `watchpoint`: what the kernel and the processor count.

use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Software;
pub struct Hardware;
pub struct Watchpoint;

impl Provider for Software {
    fn names(&self) -> &'static [&'static str] {
        &["software", "s"]
    }

    fn usage(&self) -> &'static str {
        "software:EVENT or software:EVENT:COUNT"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Timer, point)
    }
}

impl Provider for Hardware {
    fn names(&self) -> &'static [&'static str] {
        &["hardware", "h"]
    }

    fn usage(&self) -> &'static str {
        "hardware:EVENT or hardware:EVENT:COUNT"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Timer, point)
    }
}

impl Provider for Watchpoint {
    fn names(&self) -> &'static [&'static str] {
        &["watchpoint", "w"]
    }

    fn usage(&self) -> &'static str {
        "watchpoint:ADDRESS:LENGTH:MODE"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Timer, point)
    }
}
