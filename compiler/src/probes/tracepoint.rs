//! `tracepoint`: static events of the kernel.

use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec, malformed, refuse_wildcard};
use crate::suggest;
use crate::types::Records;

pub struct Tracepoint;

impl Provider for Tracepoint {
    fn names(&self) -> &'static [&'static str] {
        &["tracepoint", "t"]
    }

    fn usage(&self) -> &'static str {
        "tracepoint:CATEGORY:EVENT"
    }

    /// An event that the facts do not know is an error only when its arguments are used: the target may well have it. But a name
    /// that is nearly a known one is a slip.
    fn parse(&self, point: &AttachPoint, records: &Records) -> Result<Spec, Box<Diagnostic>> {
        let [category, event] = point.parts.as_slice() else {
            return Err(malformed(point, self, "expected a category and an event"));
        };
        refuse_wildcard(point, 0)?;
        refuse_wildcard(point, 1)?;
        if category.text.is_empty() || event.text.is_empty() {
            return Err(malformed(point, self, "expected a category and an event"));
        }
        if records
            .facts()
            .tracepoint(&category.text, &event.text)
            .is_none()
        {
            let known = records.facts().tracepoint_names();
            let full = format!("{}:{}", category.text, event.text);
            let names: Vec<String> = known.iter().map(|(c, e)| format!("{c}:{e}")).collect();
            if let Some(near) = suggest::closest(&full, names.iter().map(String::as_str)) {
                return Err(Box::new(
                    Diagnostic::error("E0503", point.span, format!("unknown tracepoint `{full}`"))
                        .here("no known kernel has it")
                        .help(format!("did you mean `tracepoint:{near}`?")),
                ));
            }
        }
        Ok(Spec {
            kind: ProbeKind::Tracepoint,
            attach: Attach::Tracepoint {
                category: category.text.clone(),
                event: event.text.clone(),
            },
            text: format!("tracepoint:{}:{}", category.text, event.text),
        })
    }
}
