//! `uprobe` and `uretprobe`: entry and return of functions of programs and libraries.

use bt_abi::manifest::{Attach, UserTarget};
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec, malformed, number, refuse_wildcard, split_offset};
use crate::types::Records;

pub struct Uprobe;
pub struct Uretprobe;

impl Provider for Uprobe {
    fn names(&self) -> &'static [&'static str] {
        &["uprobe", "u"]
    }

    fn usage(&self) -> &'static str {
        "uprobe:BINARY:FUNCTION, uprobe:BINARY:FUNCTION+OFFSET or uprobe:BINARY:ADDRESS"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        let (binary, target, text) = target(point, self)?;
        Ok(Spec {
            kind: ProbeKind::Uprobe,
            attach: Attach::Uprobe { binary, target },
            text,
        })
    }
}

impl Provider for Uretprobe {
    fn names(&self) -> &'static [&'static str] {
        &["uretprobe", "ur"]
    }

    fn usage(&self) -> &'static str {
        "uretprobe:BINARY:FUNCTION"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        let (binary, target, text) = target(point, self)?;
        if matches!(target, UserTarget::Function { offset: 1.., .. }) {
            return Err(malformed(point, self, "a return probe has no offset"));
        }
        Ok(Spec {
            kind: ProbeKind::Uretprobe,
            attach: Attach::Uretprobe { binary, target },
            text,
        })
    }
}

/// The binary, the target in it, and the probe's text.
fn target(
    point: &AttachPoint,
    provider: &dyn Provider,
) -> Result<(String, UserTarget, String), Box<Diagnostic>> {
    let [binary, function] = point.parts.as_slice() else {
        return Err(malformed(
            point,
            provider,
            "expected a binary and a function",
        ));
    };
    refuse_wildcard(point, 0)?;
    refuse_wildcard(point, 1)?;
    if binary.text.is_empty() || function.text.is_empty() {
        return Err(malformed(
            point,
            provider,
            "expected a binary and a function",
        ));
    }
    let text = format!("{}:{}:{}", provider.names()[0], binary.text, function.text);
    let target = match number(&function.text) {
        Some(address) if !function.quoted => UserTarget::Address(address),
        _ => match split_offset(&function.text) {
            (name, Some(Some(offset))) => UserTarget::Function {
                name: name.to_string(),
                offset,
            },
            _ => UserTarget::Function {
                name: function.text.clone(),
                offset: 0,
            },
        },
    };
    Ok((binary.text.clone(), target, text))
}
