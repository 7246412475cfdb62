//! Programs that btrun itself runs: `begin`, `end`, `self`, `test` and `bench`.

use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec, malformed};
use crate::types::Records;

pub struct Begin;
pub struct End;
pub struct OfBtrun;
pub struct Test;
pub struct Bench;

impl Provider for OfBtrun {
    fn names(&self) -> &'static [&'static str] {
        &["self"]
    }

    fn usage(&self) -> &'static str {
        "self:signal:SIGUSR1"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Special, point)
    }
}

impl Provider for Test {
    fn names(&self) -> &'static [&'static str] {
        &["test"]
    }

    fn usage(&self) -> &'static str {
        "test:NAME"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Test, point)
    }
}

impl Provider for Bench {
    fn names(&self) -> &'static [&'static str] {
        &["bench"]
    }

    fn usage(&self) -> &'static str {
        "bench:NAME"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Bench, point)
    }
}

impl Provider for Begin {
    fn names(&self) -> &'static [&'static str] {
        &["begin", "BEGIN"]
    }

    fn usage(&self) -> &'static str {
        "begin"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        special(point, self, Attach::Begin)
    }
}

impl Provider for End {
    fn names(&self) -> &'static [&'static str] {
        &["end", "END"]
    }

    fn usage(&self) -> &'static str {
        "end"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        special(point, self, Attach::End)
    }
}

fn special(
    point: &AttachPoint,
    provider: &dyn Provider,
    attach: Attach,
) -> Result<Spec, Box<Diagnostic>> {
    match point.parts.is_empty() {
        true => Ok(Spec {
            kind: ProbeKind::Special,
            attach,
            text: provider.names()[0].to_string(),
        }),
        false => Err(malformed(
            point,
            provider,
            "it takes nothing after its name",
        )),
    }
}
