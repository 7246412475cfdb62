//! `errorf()` and `warnf()`: where they stand in the script.

use bt_abi::manifest::{Source, Span};

/// `file.bt:3:5-20`, the columns from the first character to the one behind the last; `file.bt:3-5` for several lines.
pub fn place(source: &Source, span: &Span) -> String {
    let text = source.text.get(span.start as usize..span.end as usize);
    let text = text.unwrap_or_default();
    let (name, line, column) = (&source.name, span.line, span.column as usize);
    match text.matches('\n').count() {
        0 => format!("{name}:{line}:{column}-{}", column + text.chars().count()),
        more => format!("{name}:{line}-{}", line as usize + more),
    }
}
