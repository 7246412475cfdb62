//! `begin` and `end`: run by btrun itself, once.

use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec, malformed};
use crate::types::Records;

pub struct Begin;
pub struct End;

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
