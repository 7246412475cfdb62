//! Diagnostics for people and for programs.

pub mod codes;
mod json;

use bt_grammar::diag::{Diagnostic, Severity};
use codespan_reporting::diagnostic::{Diagnostic as Report, Label, LabelStyle};
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term::{self, Config, StylesWriter, termcolor};

use crate::source::Source;

pub use json::to_json;

/// Whether anything in the list stops the compilation.
pub fn has_errors(list: &[Diagnostic]) -> bool {
    list.iter().any(|d| d.severity == Severity::Error)
}

/// Writes the diagnostics to standard error, in colour where that is a terminal and NO_COLOR is not set.
pub fn print(list: &[Diagnostic], source: &Source) -> std::io::Result<()> {
    use std::io::IsTerminal;
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || !std::io::stderr().is_terminal();
    let choice = if plain {
        termcolor::ColorChoice::Never
    } else {
        termcolor::ColorChoice::Auto
    };
    let stream = termcolor::StandardStream::stderr(choice);
    let styles = term::Styles::default();
    let mut writer = StylesWriter::new(stream.lock(), &styles);
    let files = files(source);
    for diagnostic in list {
        term::emit_to_write_style(
            &mut writer,
            &Config::default(),
            &files,
            &report(diagnostic, source),
        )
        .map_err(std::io::Error::other)?;
    }
    Ok(())
}

/// The diagnostics as plain text.
pub fn to_text(list: &[Diagnostic], source: &Source) -> String {
    let files = files(source);
    let render = |d| {
        term::emit_into_string(&Config::default(), &files, &report(d, source)).unwrap_or_default()
    };
    list.iter().map(render).collect()
}

/// The script and what it imports, numbered as [`Source::place`] numbers them.
fn files(source: &Source) -> SimpleFiles<String, String> {
    let mut files = SimpleFiles::new();
    files.add(source.name.clone(), source.text.clone());
    for file in source.files() {
        files.add(file.name.clone(), file.text.clone());
    }
    files
}

fn report(d: &Diagnostic, source: &Source) -> Report<usize> {
    let base = match d.severity {
        Severity::Error => Report::error(),
        Severity::Warning => Report::warning(),
    };
    let labels = d.labels.iter().enumerate().map(|(index, label)| {
        let style = if index == 0 {
            LabelStyle::Primary
        } else {
            LabelStyle::Secondary
        };
        let place = source.place(label.span);
        let range = place.start as usize..place.end as usize;
        Label::new(style, place.file, range).with_message(&label.text)
    });
    let notes = d.help.iter().map(|help| format!("help: {help}"));
    base.with_code(d.code)
        .with_message(&d.message)
        .with_labels(labels.collect())
        .with_notes(notes.collect())
}
