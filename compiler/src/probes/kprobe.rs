//! `kprobe` and `kretprobe`: entry and return of kernel functions.

use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec, malformed, refuse_wildcard, split_offset};
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
        let (module, function) = target(point, self)?;
        let (name, offset) = split_offset(&function);
        let offset = match offset {
            None => 0,
            Some(Some(offset)) => offset,
            Some(None) => return Err(malformed(point, self, "the offset is no number")),
        };
        let attach = Attach::Kprobe {
            module: module.clone(),
            function: name.to_string(),
            offset,
        };
        Ok(Spec {
            kind: ProbeKind::Kprobe,
            attach,
            text: text("kprobe", &module, &function),
        })
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
        let (module, function) = target(point, self)?;
        if function.contains('+') {
            return Err(malformed(point, self, "a return probe has no offset"));
        }
        let text = text("kretprobe", &module, &function);
        Ok(Spec {
            kind: ProbeKind::Kretprobe,
            attach: Attach::Kretprobe { module, function },
            text,
        })
    }
}

/// The module, if there is one, and the function.
fn target(
    point: &AttachPoint,
    provider: &dyn Provider,
) -> Result<(Option<String>, String), Box<Diagnostic>> {
    let (module, function) = match point.parts.as_slice() {
        [function] => (None, function),
        [module, function] => (Some(module.text.clone()), function),
        _ => {
            return Err(malformed(
                point,
                provider,
                "expected the name of a function",
            ));
        }
    };
    if function.text.is_empty() {
        return Err(malformed(point, provider, "the function has no name"));
    }
    refuse_wildcard(point, point.parts.len() - 1)?;
    if let Some(bad) = function
        .text
        .find(|c: char| !c.is_alphanumeric() && !"_.$+".contains(c))
    {
        let shown = function.text[bad..].chars().next().unwrap_or(' ');
        return Err(malformed(
            point,
            provider,
            &format!("`{shown}` cannot be part of a function's name"),
        ));
    }
    Ok((module, function.text.clone()))
}

fn text(provider: &str, module: &Option<String>, function: &str) -> String {
    match module {
        Some(module) => format!("{provider}:{module}:{function}"),
        None => format!("{provider}:{function}"),
    }
}
