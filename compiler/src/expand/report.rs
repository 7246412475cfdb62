//! Diagnostics about expanded code: at the text that was written, with the calls that led to it.

use std::collections::HashSet;

use bt_grammar::diag::{Diagnostic, Label, Severity};

use super::expander::HYGIENE;
use crate::source::Source;

/// Calls that a message shows at most.
const MAX_CALLS: usize = 4;

/// Brings diagnostics to places in files. A mistake in a macro is told once, with the first call that has it.
pub fn locate(diagnostics: Vec<Diagnostic>, source: &Source) -> Vec<Diagnostic> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for mut d in diagnostics {
        let trail = d
            .labels
            .first()
            .map(|l| source.trail(l.span))
            .unwrap_or_default();
        for label in &mut d.labels {
            label.span = source.resolve(label.span);
            label.text = written(&label.text);
        }
        let message = written(&d.message);
        d.help = match d.help.as_deref().map(written) {
            // The nearest name was the same one, outside of the macro.
            Some(help) if d.code == "E0201" && message != d.message && repeats(&help, &message) => {
                Some("a macro sees only the variables that it is given: make it a parameter".into())
            }
            other => other,
        };
        d.message = message;
        if !seen.insert((d.code, d.labels.first().map(|l| l.span), d.message.clone())) {
            continue;
        }
        for (span, text) in trail.into_iter().take(MAX_CALLS) {
            d.labels.push(Label { span, text });
        }
        out.push(d);
    }
    out.sort_by_key(|d| {
        let start = d.labels.first().map_or(0, |l| l.span.start);
        (d.severity == Severity::Warning, start)
    });
    out
}

/// Whether a help suggests the very name that the message is about.
fn repeats(help: &str, message: &str) -> bool {
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_string);
    help.starts_with("did you mean") && quoted(help) == quoted(message)
}

/// Variables under the names that the script gives them: `$x#3` is `$x`.
fn written(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_variable = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let digit_next = chars.peek().is_some_and(char::is_ascii_digit);
        if in_variable && c == HYGIENE && digit_next {
            while chars.next_if(char::is_ascii_digit).is_some() {}
            in_variable = false;
            continue;
        }
        in_variable = c == '$' || in_variable && (c.is_ascii_alphanumeric() || c == '_');
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn names_are_as_written() {
        assert_eq!(
            written("`$x#12` and $y#1, not #3 or x#4"),
            "`$x` and $y, not #3 or x#4"
        );
        assert_eq!(written("$x # 1 $#"), "$x # 1 $#");
    }
}
