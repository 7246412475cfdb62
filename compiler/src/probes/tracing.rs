//! `fentry`, `fexit` and `rawtracepoint`: functions and events whose arguments the kernel's BTF describes.

use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Fentry;
pub struct Fexit;
pub struct RawTracepoint;

impl Provider for Fentry {
    fn names(&self) -> &'static [&'static str] {
        &["fentry", "f", "kfunc"]
    }

    fn usage(&self) -> &'static str {
        "fentry:FUNCTION, fentry:MODULE:FUNCTION, fentry:bpf:NAME or fentry:bpf:ID:NAME"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Fentry, point)
    }
}

impl Provider for Fexit {
    fn names(&self) -> &'static [&'static str] {
        &["fexit", "fr", "kretfunc"]
    }

    fn usage(&self) -> &'static str {
        "fexit:FUNCTION, fexit:MODULE:FUNCTION, fexit:bpf:NAME or fexit:bpf:ID:NAME"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Fexit, point)
    }
}

impl Provider for RawTracepoint {
    fn names(&self) -> &'static [&'static str] {
        &["rawtracepoint", "rt"]
    }

    fn usage(&self) -> &'static str {
        "rawtracepoint:EVENT or rawtracepoint:MODULE:EVENT"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::RawTracepoint, point)
    }
}
