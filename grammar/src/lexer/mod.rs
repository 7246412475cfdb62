//! Text to tokens, in modes: script level, attach points, bodies, strings, C definitions.
//!
//! What a character means depends on where it stands (a `/` is a path's, a predicate's, or a division), so each mode
//! is a lexer of its own over the same [`Cursor`], and [`crate::items`] decides which one reads next.

pub mod attach;
pub mod brackets;
pub mod cdef;
pub mod number;
pub mod shape;
pub mod string;

use logos::Logos;

use crate::diag::Diagnostic;
use crate::span::Span;
use crate::token::{Tok, Triple};

/// Where the lexers are in the source, and what they complained about.
pub struct Cursor<'s> {
    pub src: &'s str,
    pub pos: usize,
    pub diagnostics: Vec<Diagnostic>,
    /// A comment that never closes took the rest of the file.
    pub in_comment: bool,
}

impl<'s> Cursor<'s> {
    pub fn new(src: &'s str) -> Self {
        Cursor {
            src,
            pos: 0,
            diagnostics: Vec::new(),
            in_comment: false,
        }
    }

    pub fn rest(&self) -> &'s str {
        &self.src[self.pos..]
    }

    pub fn at_end(&self) -> bool {
        self.pos >= self.src.len()
    }

    pub fn peek(&self) -> Option<u8> {
        self.src.as_bytes().get(self.pos).copied()
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// White space and comments from `pos` on, as an offset; an unterminated comment reaches to the end.
    pub fn layout_end(&self, mut pos: usize) -> usize {
        let bytes = self.src.as_bytes();
        loop {
            match bytes.get(pos) {
                Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c) => pos += 1,
                Some(0xef) if self.src[pos..].starts_with('\u{feff}') => pos += 3,
                Some(b'/') if bytes.get(pos + 1) == Some(&b'/') => {
                    pos = self.src[pos..]
                        .find('\n')
                        .map_or(self.src.len(), |n| pos + n);
                }
                Some(b'/') if bytes.get(pos + 1) == Some(&b'*') => {
                    pos = self.src[pos + 2..]
                        .find("*/")
                        .map_or(self.src.len(), |n| pos + 2 + n + 2);
                }
                _ => return pos,
            }
        }
    }

    pub fn skip_layout(&mut self) {
        let end = self.layout_end(self.pos);
        // Comments are short and this is the only place that could lose the news of an open one.
        if end == self.src.len() {
            self.check_open_comment(end);
        }
        self.pos = end;
    }

    /// The layout from `pos` reaches the end of the file: say so if a comment never closed.
    fn check_open_comment(&mut self, end: usize) {
        let mut pos = self.pos;
        while pos < end {
            let rest = &self.src[pos..end];
            if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(n) => pos += n + 4,
                    None => return self.open_comment(pos),
                }
            } else if rest.starts_with("//") {
                pos += rest.find('\n').unwrap_or(rest.len());
            } else {
                pos += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
    }

    fn open_comment(&mut self, start: usize) {
        // Modes may look at the same text twice.
        if std::mem::replace(&mut self.in_comment, true) {
            return;
        }
        self.report(
            Diagnostic::error("E0103", Span::new(start, start + 2), "unterminated comment")
                .here("the comment starts here")
                .help("close it with `*/`"),
        );
    }

    /// The next token of a body, of a macro, a config block or a C definition. `None` at the end of the file.
    pub fn next_token(&mut self) -> Option<Triple<'s>> {
        loop {
            let base = self.pos;
            let mut lexer = Tok::lexer(self.rest());
            let Some(found) = lexer.next() else {
                self.pos = self.src.len();
                return None;
            };
            let (start, end) = (base + lexer.span().start, base + lexer.span().end);
            self.pos = end;
            let tok = match found {
                Ok(Tok::CommentOpen) => {
                    match self.rest().find("*/") {
                        Some(n) => self.pos += n + 2,
                        None => {
                            self.open_comment(start);
                            self.pos = self.src.len();
                        }
                    }
                    continue;
                }
                Ok(Tok::Quote) => Tok::Str(string::quoted(self, start)),
                Ok(Tok::Apostrophe) => match string::single_quoted(self, start) {
                    Some(text) => Tok::Str(text),
                    None => continue,
                },
                Ok(Tok::Number(text)) => Tok::Int(number::integer(self, text, start)),
                Ok(Tok::RawParam(text)) => Tok::Param(number::param(self, text, start)),
                Ok(tok) => tok,
                Err(()) => {
                    self.bad_character(start, end);
                    continue;
                }
            };
            return Some((start, tok, self.pos));
        }
    }

    fn bad_character(&mut self, start: usize, end: usize) {
        let text = &self.src[start..end];
        let what = match text.chars().next() {
            Some(c) if !c.is_control() => format!("unexpected character `{c}`"),
            Some(c) => format!("unexpected control character {}", c.escape_default()),
            None => "unexpected character".to_owned(),
        };
        let help = match text.chars().next() {
            Some('\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}') => {
                "write strings in plain double quotes: `\"text\"`"
            }
            Some('#') => {
                "`#include` and `#define` belong at the top of the script, outside of any block"
            }
            Some('$') => "a variable has a name (`$x`), a parameter a number (`$1`)",
            Some('\\') => "a line need not be continued with a backslash here",
            _ => "remove it",
        };
        let span = Span::new(start, end);
        self.report(
            Diagnostic::error("E0102", span, what)
                .here("not part of the language")
                .help(help),
        );
    }
}
