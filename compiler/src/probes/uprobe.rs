//! `uprobe` and `uretprobe`: entry and return of functions of programs and libraries.

use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Uprobe;
pub struct Uretprobe;

impl Provider for Uprobe {
    fn names(&self) -> &'static [&'static str] {
        &["uprobe", "u"]
    }

    fn usage(&self) -> &'static str {
        "uprobe:BINARY:FUNCTION, uprobe:BINARY:FUNCTION+OFFSET, uprobe:BINARY:ADDRESS, uprobe:BINARY:cpp:\"NAME\" or uprobe:BINARY@FILE:LINE[:COLUMN]"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Uprobe, point)
    }
}

impl Provider for Uretprobe {
    fn names(&self) -> &'static [&'static str] {
        &["uretprobe", "ur"]
    }

    fn usage(&self) -> &'static str {
        "uretprobe:BINARY:FUNCTION or uretprobe:BINARY:cpp:\"NAME\""
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Uretprobe, point)
    }
}
