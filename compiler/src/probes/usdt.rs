//! `usdt`: static probes that programs and libraries have notes about.

use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Usdt;

impl Provider for Usdt {
    fn names(&self) -> &'static [&'static str] {
        &["usdt", "U"]
    }

    fn usage(&self) -> &'static str {
        "usdt:BINARY:PROBE or usdt:BINARY:PROVIDER:PROBE"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Usdt, point)
    }
}
