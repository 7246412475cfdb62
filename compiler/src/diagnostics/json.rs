//! Diagnostics as JSON lines, one object each.

use bt_grammar::diag::{Diagnostic, Severity};
use serde::Serialize;

use crate::source::Source;

#[derive(Serialize)]
struct Line<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    file: &'a str,
    labels: Vec<JsonLabel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

/// Bytes, end exclusive, and the line and column of the start, from 1.
#[derive(Serialize)]
struct JsonLabel<'a> {
    primary: bool,
    start: u32,
    end: u32,
    line: u32,
    column: u32,
    /// The imported file that it lies in, if it does not lie in the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    text: &'a str,
}

/// One line of JSON for each diagnostic.
pub fn to_json(list: &[Diagnostic], source: &Source) -> String {
    let mut out = String::new();
    let files = source.files();
    for d in list {
        let labels = d.labels.iter().enumerate().map(|(index, label)| {
            let place = source.place(label.span);
            let imported = place.file.checked_sub(1).and_then(|at| files.get(at));
            JsonLabel {
                primary: index == 0,
                start: place.start,
                end: place.end,
                line: place.line,
                column: place.column,
                file: imported.map(|f| f.name.as_str()),
                text: &label.text,
            }
        });
        let line = Line {
            code: d.code,
            severity: if d.severity == Severity::Error {
                "error"
            } else {
                "warning"
            },
            message: &d.message,
            file: &source.name,
            labels: labels.collect(),
            help: d.help.as_deref(),
        };
        out.push_str(&serde_json::to_string(&line).unwrap_or_default());
        out.push('\n');
    }
    out
}
