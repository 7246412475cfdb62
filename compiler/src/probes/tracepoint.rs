//! `tracepoint`: static events of the kernel.

use bt_abi::attach::is_pattern;
use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::facts::KernelFacts;
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
        let spec = super::spec(self, ProbeKind::Tracepoint, point)?;
        if let Attach::Tracepoint { category, event } = &spec.attach
            && !spec.attach.is_pattern()
            && records.facts().tracepoint(category, event).is_none()
        {
            let known = records.facts().tracepoint_names();
            let full = format!("{category}:{event}");
            let names: Vec<String> = known.iter().map(|(c, e)| format!("{c}:{e}")).collect();
            if let Some(near) = suggest::closest(&full, names.iter().map(String::as_str)) {
                return Err(Box::new(
                    Diagnostic::error("E0503", point.span, format!("unknown tracepoint `{full}`"))
                        .here("no known kernel has it")
                        .help(format!("did you mean `tracepoint:{near}`?")),
                ));
            }
        }
        Ok(spec)
    }
}

/// The known events that a category and an event with wildcards stand for.
pub fn matching(facts: &dyn KernelFacts, category: &str, event: &str) -> Vec<(String, String)> {
    if !is_pattern(category) && !is_pattern(event) {
        return vec![(category.to_string(), event.to_string())];
    }
    let mut names = facts.tracepoint_names();
    names
        .retain(|(c, e)| bt_abi::attach::matches(category, c) && bt_abi::attach::matches(event, e));
    names
}

/// The first event of those that match which lacks a field that another has, or has it of another type.
pub fn odd_one_out(
    facts: &dyn KernelFacts,
    category: &str,
    event: &str,
    field: &str,
) -> Option<String> {
    let of = |(category, event): &(String, String)| {
        let fields = facts.tracepoint(category, event)?.fields;
        let found = fields.into_iter().find(|f| f.name == field)?;
        Some((found.decl, found.size))
    };
    let events = matching(facts, category, event);
    let common = events.iter().find_map(of)?;
    let odd = events.iter().find(|e| of(e).as_ref() != Some(&common))?;
    Some(format!("{}:{}", odd.0, odd.1))
}
