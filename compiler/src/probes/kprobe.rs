//! `kprobe` and `kretprobe`: entry and return of kernel functions.

use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Kprobe;
pub struct Kretprobe;

impl Provider for Kprobe {
    fn names(&self) -> &'static [&'static str] {
        &["kprobe", "k"]
    }

    fn usage(&self) -> &'static str {
        "kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:MODULE:FUNCTION"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Kprobe, point)
    }
}

impl Provider for Kretprobe {
    fn names(&self) -> &'static [&'static str] {
        &["kretprobe", "kr"]
    }

    fn usage(&self) -> &'static str {
        "kretprobe:FUNCTION or kretprobe:MODULE:FUNCTION"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Kretprobe, point)
    }
}
