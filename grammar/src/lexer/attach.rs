//! The mode for attach points: `[name=]provider:part:part, ...` up to the `/` of a predicate or the `{` of the action.
//!
//! Here white space ends a part, a `/` may belong to a path, `/*` may be a glob, and most characters just stand for
//! themselves. Which parts a provider has is not decided here.

use logos::Logos;

use super::{Cursor, string};
use crate::ast::AttachPart;
use crate::diag::Diagnostic;
use crate::span::Span;
use crate::token::{Tok, Triple};

/// Providers by their names of today and of old releases: what tells a forgotten `}` from more of a body.
const PROVIDERS: &[&str] = &[
    "asyncwatchpoint",
    "bench",
    "f",
    "fentry",
    "fexit",
    "fr",
    "h",
    "hardware",
    "i",
    "interval",
    "iter",
    "it",
    "k",
    "kfunc",
    "kprobe",
    "kr",
    "kretfunc",
    "kretprobe",
    "p",
    "profile",
    "rawtracepoint",
    "rt",
    "s",
    "self",
    "software",
    "t",
    "test",
    "tracepoint",
    "u",
    "uprobe",
    "ur",
    "uretprobe",
    "U",
    "usdt",
    "w",
    "watchpoint",
];

/// Providers whose targets are paths, or names that may hold a slash.
const WITH_PATHS: &[&str] = &["u", "ur", "uprobe", "uretprobe", "usdt", "U", "iter", "it"];

#[derive(Logos, Debug, Clone, Copy, PartialEq)]
enum Piece {
    #[regex(r#"[^ \t\r\n\x0b\x0c:,{}/"=;]+"#)]
    Word,
    #[token(":")]
    Colon,
    #[token(",")]
    Comma,
    #[token("/")]
    Slash,
    #[token("\"")]
    Quote,
    #[token("=")]
    Equals,
    /// Alternatives in a name, told from a body by the comma and the absence of anything that a body would have.
    #[regex(r"\{[A-Za-z0-9_*?.$+-]+(,[ \t]*[A-Za-z0-9_*?.$+-]+)+\}")]
    Alternatives,
}

/// Whether the text reads like the start of a probe or a macro, strictly enough to end an unclosed block there.
pub fn starts_item(text: &str) -> bool {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let next = rest.trim_start().chars().next();
    match word {
        "begin" | "end" | "BEGIN" | "END" => {
            matches!(next, Some('{' | ',' | '/')) && !rest.starts_with(',')
        }
        "macro" => {
            rest.starts_with([' ', '\t'])
                && next.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        }
        _ => PROVIDERS.contains(&word) && rest.starts_with(':') && !rest.starts_with("::"),
    }
}

/// How the list of attach points ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At a `{` or the end of the file; not read yet.
    Body,
    /// At the `/` of a predicate; not read yet.
    Predicate,
    /// At the start of a line that is an item of its own.
    NextItem,
    /// At something that does not belong here; reported.
    Stray,
}

/// Reads attach points from the cursor on and appends their tokens.
pub fn header<'s>(cursor: &mut Cursor<'s>, out: &mut Vec<Triple<'s>>) -> End {
    let mut reader = Reader {
        cursor,
        out,
        paths: false,
    };
    loop {
        reader.cursor.skip_layout();
        if !reader.attach_point() {
            return reader.stop();
        }
        reader.cursor.skip_layout();
        match reader.piece() {
            Some((start, Piece::Comma, end)) => {
                reader.cursor.pos = end;
                reader.out.push((start, Tok::Comma, end));
            }
            _ => return reader.stop(),
        }
    }
}

struct Reader<'c, 's> {
    cursor: &'c mut Cursor<'s>,
    out: &'c mut Vec<Triple<'s>>,
    /// A `/` that directly continues a part belongs to it.
    paths: bool,
}

impl<'s> Reader<'_, 's> {
    /// The next piece, not consumed.
    fn piece(&self) -> Option<(usize, Piece, usize)> {
        let mut lexer = Piece::lexer(self.cursor.rest());
        let piece = lexer.next()?.ok()?;
        let base = self.cursor.pos;
        Some((base + lexer.span().start, piece, base + lexer.span().end))
    }

    /// One attach point; `false` if there is none here.
    fn attach_point(&mut self) -> bool {
        let Some((start, Piece::Word, mut end)) = self.piece() else {
            return false;
        };
        self.cursor.pos = end;
        let mut word = &self.cursor.src[start..end];
        let mut provider_start = start;
        self.cursor.skip_layout();
        if let Some((_, Piece::Equals, after)) = self.piece() {
            self.out.push((start, Tok::ProbeName(word), end));
            self.cursor.pos = after;
            self.cursor.skip_layout();
            let Some((s, Piece::Word, e)) = self.piece() else {
                return true;
            };
            (provider_start, end) = (s, e);
            word = &self.cursor.src[s..e];
            self.cursor.pos = e;
        } else {
            self.cursor.pos = end;
        }
        if !word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_*?[]-!".contains(&b))
        {
            self.cursor.pos = provider_start;
            return false;
        }
        self.out.push((provider_start, Tok::Provider(word), end));
        self.paths = WITH_PATHS.contains(&word);
        self.parts();
        true
    }

    fn parts(&mut self) {
        loop {
            // The colon may stand apart, but without one the white space before it is not ours.
            let behind = self.cursor.pos;
            self.cursor.skip_layout();
            let Some((start, Piece::Colon, end)) = self.piece() else {
                self.cursor.pos = behind;
                return;
            };
            self.cursor.pos = end;
            self.out.push((start, Tok::Colon, end));
            let next = self.cursor.layout_end(end);
            if next == end || self.part_follows(next) {
                self.cursor.pos = next;
                self.part(next == end);
            }
        }
    }

    /// After a colon and white space: a part, or the predicate of a probe whose last part is empty?
    fn part_follows(&self, pos: usize) -> bool {
        match self.cursor.src.as_bytes().get(pos) {
            Some(b'/') => self.paths && !self.closes_as_predicate(pos),
            Some(b'{' | b',' | b':') | None => false,
            Some(_) => true,
        }
    }

    /// A predicate on this line ends in `/ {`; a path does not.
    fn closes_as_predicate(&self, pos: usize) -> bool {
        let line = self.cursor.src[pos..]
            .split(['\n', '{'])
            .next()
            .unwrap_or("");
        line.trim_end().len() > 1 && line.trim_end().ends_with('/')
    }

    /// Everything up to the next separator, quoted pieces included.
    fn part(&mut self, adjacent: bool) {
        let start = self.cursor.pos;
        let mut part = AttachPart {
            text: String::new(),
            quoted: false,
            span: Span::default(),
        };
        if adjacent && self.cursor.peek() == Some(b'/') {
            // A slash right behind the colon starts a path whatever the provider: this may be a misspelt one.
            self.paths = true;
        }
        while let Some((at, piece, end)) = self.piece() {
            match piece {
                Piece::Word | Piece::Equals | Piece::Alternatives => {
                    part.text.push_str(&self.cursor.src[at..end]);
                    self.cursor.pos = end;
                }
                Piece::Slash if self.paths => {
                    part.text.push('/');
                    self.cursor.pos = end;
                }
                Piece::Quote => {
                    self.cursor.pos = end;
                    let bytes = string::quoted(self.cursor, at);
                    part.text.push_str(&String::from_utf8_lossy(&bytes));
                    part.quoted = true;
                }
                Piece::Slash | Piece::Colon | Piece::Comma => break,
            }
        }
        let end = self.cursor.pos;
        part.span = Span::new(start, end);
        if end > start {
            self.out.push((start, Tok::Part(part), end));
        }
    }

    fn stop(&mut self) -> End {
        match self.cursor.peek() {
            None | Some(b'{') => End::Body,
            Some(b'/') => End::Predicate,
            Some(_) if self.at_next_item() => End::NextItem,
            Some(_) => {
                self.stray();
                End::Stray
            }
        }
    }

    /// Attach points were read, and what follows on a new line looks like the next probe.
    fn at_next_item(&self) -> bool {
        let pos = self.cursor.pos;
        !self.out.is_empty()
            && self.cursor.src[..pos].ends_with('\n')
            && !matches!(self.out.last(), Some((_, Tok::Comma, _)))
            && starts_item(self.cursor.rest())
    }

    fn stray(&mut self) {
        let start = self.cursor.pos;
        let rest = self.cursor.rest();
        let mut len = rest
            .find(|c: char| c.is_whitespace() || "{},;".contains(c))
            .unwrap_or(rest.len());
        if len == 0 {
            len = rest.chars().next().map_or(0, char::len_utf8);
        }
        let text = &rest[..len];
        let span = Span::new(start, start + len);
        let first = self.out.is_empty();
        let diagnostic = if first {
            Diagnostic::error(
                "E0114",
                span,
                format!("unexpected `{text}` outside of a probe"),
            )
            .here("expected a probe")
            .help("statements belong into the braces of a probe, such as `begin { ... }`")
        } else {
            Diagnostic::error(
                "E0113",
                span,
                format!("unexpected `{text}` after an attach point"),
            )
            .here("expected `,`, a predicate or `{`")
            .help("put a path or name with spaces into double quotes")
        };
        self.cursor.report(diagnostic);
    }
}
