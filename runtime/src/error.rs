//! What a user is told when a run cannot go on: a message, the script's line, notes, and what to do.

use std::fmt::{self, Write};

use bt_abi::manifest::{Source, Span};

/// Why a run ended; the numbers are the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wrong arguments, an object that cannot be used, output that cannot be written.
    Unusable = 2,
    /// This kernel lacks something, or refused it.
    Kernel = 3,
    /// A capability is missing.
    NotPermitted = 4,
}

/// An error message. Boxed where it travels: it is large and rare.
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
pub struct Inner {
    pub kind: Kind,
    pub message: String,
    pub span: Option<Span>,
    /// Facts that follow the message, as they are: lines of the verifier, a list.
    pub notes: Vec<String>,
    pub help: Option<String>,
}

impl std::ops::Deref for Failure {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure(Box::new(Inner {
            kind,
            message: message.into(),
            span: None,
            notes: Vec::new(),
            help: None,
        }))
    }

    pub fn unusable(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Unusable, message)
    }

    pub fn kernel(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Kernel, message)
    }

    pub fn not_permitted(message: impl Into<String>) -> Failure {
        Failure::new(Kind::NotPermitted, message)
    }

    /// A system call's error: permission where the error says so, else the kernel.
    pub fn system(error: &std::io::Error, message: impl fmt::Display) -> Failure {
        let denied = matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES));
        let kind = if denied {
            Kind::NotPermitted
        } else {
            Kind::Kernel
        };
        Failure::new(kind, format!("{message}: {}", describe(error)))
    }

    pub fn at(mut self, span: Span) -> Failure {
        self.0.span = Some(span);
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Failure {
        self.0.notes.push(note.into());
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Failure {
        self.0.help = Some(help.into());
        self
    }

    /// `did you mean` as the help, where there is a name near enough.
    pub fn suggest(self, name: Option<String>) -> Failure {
        match name {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// The whole message, with the script's line if the place is known.
    pub fn render(&self, source: Option<&Source>) -> String {
        let mut out = format!("error: {}\n", self.message);
        if let (Some(span), Some(source)) = (self.span, source) {
            out.push_str(&excerpt(&span, source));
        }
        for note in &self.notes {
            for line in note.lines() {
                let _ = writeln!(out, "  {line}");
            }
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "help: {help}");
        }
        out
    }
}

/// The text of a system error, without Rust's `(os error 2)` and in lower case.
pub fn describe(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => text.to_string(),
    }
}

/// The line that a span starts on, marked.
fn excerpt(span: &Span, source: &Source) -> String {
    let place = format!("{}:{}:{}", source.name, span.line, span.column);
    let number = span.line.to_string();
    let margin = " ".repeat(number.len());
    let mut out = format!("{margin}--> {place}\n");
    let Some(line) = source
        .text
        .lines()
        .nth((span.line as usize).wrapping_sub(1))
    else {
        return out;
    };
    let before = (span.column as usize).saturating_sub(1);
    let marked = source
        .text
        .get(span.start as usize..span.end as usize)
        .and_then(|text| text.lines().next())
        .map_or(1, |text| text.chars().count())
        .max(1);
    let _ = writeln!(out, "{margin} |");
    let _ = writeln!(out, "{number} | {line}");
    // tabs stay tabs, so that the marks stand below what they mark
    let indent: String = line
        .chars()
        .take(before)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let _ = writeln!(out, "{margin} | {indent}{}", "^".repeat(marked));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_line_of_the_script() {
        let text = "BEGIN { }\nkprobe:vfs_reed\n{ @ = count() }\n";
        let source = Source {
            name: "a.bt".into(),
            text: text.into(),
        };
        let failure = Failure::kernel("kernel function `vfs_reed` does not exist on this kernel")
            .at(Span {
                start: 10,
                end: 25,
                line: 2,
                column: 1,
            })
            .suggest(Some("vfs_read".into()));
        let expected = "error: kernel function `vfs_reed` does not exist on this kernel\n \
                        --> a.bt:2:1\n  |\n2 | kprobe:vfs_reed\n  | ^^^^^^^^^^^^^^^\nhelp: did you mean `vfs_read`?\n";
        assert_eq!(failure.render(Some(&source)), expected);
    }

    #[test]
    fn a_span_outside_of_the_text_is_harmless() {
        let source = Source {
            name: "a.bt".into(),
            text: "x".into(),
        };
        let span = Span {
            start: 900,
            end: 3,
            line: 0,
            column: 0,
        };
        let failure = Failure::unusable("broken").at(span);
        assert_eq!(
            failure.render(Some(&source)),
            "error: broken\n --> a.bt:0:0\n"
        );
    }
}
