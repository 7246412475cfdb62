//! Preprocessor lines: `#include` and `#define` become definitions, conditionals are decided.
//!
//! There is no expansion here: what a macro's body means is the compiler's business. Conditionals see the script's own
//! definitions and `BPFTRACE_HAVE_BTF`, which is always set: the compiler takes kernel types from BTF.

mod condition;

use std::collections::HashMap;

use crate::ast::CItem;
use crate::diag::Diagnostic;
use crate::lexer::Cursor;
use crate::span::{Ident, Span, Spanned};

/// `#if` to `#endif`.
struct Conditional {
    start: usize,
    /// One of the branches was taken: later ones are not.
    decided: bool,
    seen_else: bool,
}

pub struct Preprocessor {
    conditionals: Vec<Conditional>,
    /// Names that are defined, with their text.
    defined: HashMap<String, String>,
    pub definitions: Vec<CItem>,
}

/// A directive's line, continuation lines included.
struct Line<'s> {
    /// Offset of the `#`, and of the end of the line.
    start: usize,
    end: usize,
    word: &'s str,
    /// Offset of what follows the word.
    rest: usize,
}

impl Preprocessor {
    pub fn new() -> Self {
        let defined = HashMap::from([("BPFTRACE_HAVE_BTF".to_owned(), "1".to_owned())]);
        Preprocessor {
            conditionals: Vec::new(),
            defined,
            definitions: Vec::new(),
        }
    }

    /// The cursor is at a `#`: handles that line, and what a conditional excludes after it.
    pub fn directive(&mut self, cursor: &mut Cursor<'_>) {
        let line = line_at(cursor.src, cursor.pos);
        cursor.pos = line.end;
        match line.word {
            "include" => self.include(cursor, &line),
            "define" => self.define(cursor, &line),
            "undef" => self.undef(cursor, &line),
            "if" | "ifdef" | "ifndef" => {
                let taken = self.decide(cursor, &line);
                self.conditionals.push(Conditional {
                    start: line.start,
                    decided: taken,
                    seen_else: false,
                });
                if !taken {
                    self.skip_branch(cursor);
                }
            }
            // Reached from a branch that was taken, so the others are not.
            "else" | "elif" | "elifdef" | "elifndef" => {
                if self.conditionals.is_empty() {
                    without_if(cursor, &line);
                } else {
                    self.check_last_branch(cursor, &line);
                    self.skip_branch(cursor);
                }
            }
            "endif" => {
                if self.conditionals.pop().is_none() {
                    without_if(cursor, &line);
                }
            }
            // `#` alone is legal C, and a pragma is for another compiler.
            "" | "pragma" | "line" | "ident" | "warning" => {}
            word => {
                let span = Span::new(line.start, line.rest);
                let message = if word == "error" {
                    format!("#error{}", cursor.src[line.rest..line.end].trim_end())
                } else {
                    format!("unknown directive `#{word}`")
                };
                cursor.report(
                    Diagnostic::error("E0117", span, message)
                        .here("not understood here")
                        .help("directives are #include, #define, #undef, #if, #ifdef, #ifndef, #elif, #else, #endif"),
                );
            }
        }
    }

    /// At the end of the file.
    pub fn finish(&mut self, cursor: &mut Cursor<'_>) {
        for open in std::mem::take(&mut self.conditionals) {
            cursor.report(
                Diagnostic::error(
                    "E0118",
                    Span::new(open.start, open.start + 1),
                    "unterminated conditional",
                )
                .here("this `#if` has no `#endif`")
                .help("add `#endif`"),
            );
        }
    }

    fn include(&mut self, cursor: &mut Cursor<'_>, line: &Line<'_>) {
        let rest = &cursor.src[line.rest..line.end];
        let text = rest.trim_start();
        let start = line.rest + (rest.len() - text.len());
        let close = match text.bytes().next() {
            Some(b'<') => '>',
            Some(b'"') => '"',
            _ => {
                return malformed(
                    cursor,
                    line,
                    "expected a file name",
                    "`#include <linux/fs.h>` or `#include \"my.h\"`",
                );
            }
        };
        let Some(len) = text[1..].find(close) else {
            return malformed(
                cursor,
                line,
                "the file name does not end",
                "`#include <linux/fs.h>`",
            );
        };
        let path = Spanned {
            node: text[1..=len].to_owned(),
            span: Span::new(start, start + len + 2),
        };
        let span = Span::new(line.start, start + len + 2);
        self.definitions.push(CItem::Include {
            path,
            system: close == '>',
            span,
        });
    }

    fn define(&mut self, cursor: &mut Cursor<'_>, line: &Line<'_>) {
        let src = cursor.src;
        let Some((name, mut pos)) = name_at(src, line.rest, line.end) else {
            return malformed(cursor, line, "expected a name", "`#define NAME value`");
        };
        // A parenthesis opens parameters only right behind the name; elsewhere it belongs to the value.
        let params = if src[pos..line.end].starts_with('(') {
            let Some(len) = src[pos..line.end].find(')') else {
                return malformed(
                    cursor,
                    line,
                    "the parameters do not end",
                    "`#define NAME(a, b) value`",
                );
            };
            let text = joined(&src[pos + 1..pos + len]);
            pos += len + 1;
            Some(
                text.split(',')
                    .map(|p| p.trim().to_owned())
                    .filter(|p| !p.is_empty())
                    .collect(),
            )
        } else {
            None
        };
        let raw = &src[pos..line.end];
        let start = pos + (raw.len() - raw.trim_start_matches([' ', '\t']).len());
        let end = (pos + raw.trim_end().len()).max(start);
        let text = joined(&src[start..end]).trim().to_owned();
        if params.is_none() {
            self.defined.insert(name.node.clone(), text.clone());
        }
        let body = Spanned {
            node: text,
            span: Span::new(start, end),
        };
        self.definitions.push(CItem::Define {
            name,
            params,
            body,
            span: Span::new(line.start, end),
        });
    }

    fn undef(&mut self, cursor: &mut Cursor<'_>, line: &Line<'_>) {
        let Some((name, _)) = name_at(cursor.src, line.rest, line.end) else {
            return malformed(cursor, line, "expected a name", "`#undef NAME`");
        };
        self.defined.remove(&name.node);
        self.definitions
            .retain(|d| !matches!(d, CItem::Define { name: n, .. } if n.node == name.node));
    }

    /// Whether the branch that this line opens is compiled.
    fn decide(&self, cursor: &mut Cursor<'_>, line: &Line<'_>) -> bool {
        let text = joined(&cursor.src[line.rest..line.end]);
        let named = |negate: bool| {
            let name = text.trim();
            let name = &name[..name.find(|c: char| !is_name_char(c)).unwrap_or(name.len())];
            (!name.is_empty()).then(|| self.defined.contains_key(name) != negate)
        };
        let decision = match line.word {
            "ifdef" | "elifdef" => named(false),
            "ifndef" | "elifndef" => named(true),
            _ => condition::evaluate(&text, &self.defined),
        };
        decision.unwrap_or_else(|| {
            cursor.report(
                Diagnostic::error("E0118", Span::new(line.start, line.end), "condition cannot be decided")
                    .here("neither true nor false for the compiler")
                    .help("conditions may use numbers, `defined(NAME)` and the script's own #define; the object runs on any kernel version"),
            );
            false
        })
    }

    /// Skips text up to the branch that is compiled, or behind the `#endif`.
    fn skip_branch(&mut self, cursor: &mut Cursor<'_>) {
        let mut nested = 0usize;
        loop {
            cursor.pos = next_line(cursor.src, cursor.pos);
            if cursor.at_end() {
                return;
            }
            let indent = cursor.rest().len() - cursor.rest().trim_start_matches([' ', '\t']).len();
            if !cursor.rest()[indent..].starts_with('#') {
                continue;
            }
            let line = line_at(cursor.src, cursor.pos + indent);
            cursor.pos = line.end;
            match line.word {
                "if" | "ifdef" | "ifndef" => nested += 1,
                "endif" if nested > 0 => nested -= 1,
                "endif" => {
                    self.conditionals.pop();
                    return;
                }
                "else" | "elif" | "elifdef" | "elifndef"
                    if nested == 0 && self.branch(cursor, &line) =>
                {
                    return;
                }
                _ => {}
            }
        }
    }

    /// A further branch of the current conditional, reached while skipping: is it the one?
    fn branch(&mut self, cursor: &mut Cursor<'_>, line: &Line<'_>) -> bool {
        self.check_last_branch(cursor, line);
        let decided = self.conditionals.last().is_some_and(|c| c.decided);
        let taken = !decided && (line.word == "else" || self.decide(cursor, line));
        if let Some(conditional) = self.conditionals.last_mut() {
            conditional.decided |= taken;
        }
        taken
    }
}

impl Preprocessor {
    /// Nothing but `#endif` follows `#else`.
    fn check_last_branch(&mut self, cursor: &mut Cursor<'_>, line: &Line<'_>) {
        let Some(conditional) = self.conditionals.last_mut() else {
            return;
        };
        if conditional.seen_else {
            cursor.report(
                Diagnostic::error(
                    "E0118",
                    Span::new(line.start, line.rest),
                    format!("`#{}` after `#else`", line.word),
                )
                .here("the conditional has its last branch already")
                .help("close it with `#endif` before"),
            );
        }
        conditional.seen_else |= line.word == "else";
    }
}

fn without_if(cursor: &mut Cursor<'_>, line: &Line<'_>) {
    cursor.report(
        Diagnostic::error(
            "E0118",
            Span::new(line.start, line.rest),
            format!("`#{}` without `#if`", line.word),
        )
        .here("no conditional is open here")
        .help("remove it"),
    );
}

fn malformed(cursor: &mut Cursor<'_>, line: &Line<'_>, here: &str, example: &str) {
    cursor.report(
        Diagnostic::error(
            "E0117",
            Span::new(line.start, line.rest),
            format!("malformed `#{}`", line.word),
        )
        .here(here)
        .help(format!("write it like {example}")),
    );
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The directive whose `#` is at `start`.
fn line_at(src: &str, start: usize) -> Line<'_> {
    let end = line_end(src, start);
    let text = &src[start + 1..end];
    let word_start = start + 1 + (text.len() - text.trim_start_matches([' ', '\t']).len());
    let len = src[word_start..end]
        .find(|c: char| !is_name_char(c))
        .unwrap_or(end - word_start);
    Line {
        start,
        end,
        word: &src[word_start..word_start + len],
        rest: word_start + len,
    }
}

/// The end of a line, over escaped line breaks and over comments, which may span lines.
fn line_end(src: &str, start: usize) -> usize {
    let bytes = src.as_bytes();
    let mut pos = start;
    while let Some(&b) = bytes.get(pos) {
        match b {
            b'\n' => return pos,
            b'\\' if bytes.get(pos + 1) == Some(&b'\n') => pos += 2,
            b'\\' if src[pos + 1..].starts_with("\r\n") => pos += 3,
            b'/' if bytes.get(pos + 1) == Some(&b'*') => match src[pos + 2..].find("*/") {
                Some(n) => pos += n + 4,
                None => return next_line(src, pos),
            },
            b'/' if bytes.get(pos + 1) == Some(&b'/') => {
                return src[pos..].find('\n').map_or(src.len(), |n| pos + n);
            }
            b'"' => pos = string_end(bytes, pos),
            _ => pos += 1,
        }
    }
    src.len()
}

/// Behind the string that opens at `pos`, at most at the end of the line.
fn string_end(bytes: &[u8], pos: usize) -> usize {
    let mut end = pos + 1;
    while let Some(&b) = bytes.get(end) {
        match b {
            b'"' => return end + 1,
            b'\n' => return end,
            b'\\' if bytes.get(end + 1).is_some_and(|b| *b != b'\n') => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

fn next_line(src: &str, pos: usize) -> usize {
    src[pos..].find('\n').map_or(src.len(), |n| pos + n + 1)
}

fn name_at(src: &str, from: usize, end: usize) -> Option<(Ident, usize)> {
    let rest = &src[from..end];
    let text = rest.trim_start_matches([' ', '\t']);
    let start = from + (rest.len() - text.len());
    let len = text.find(|c: char| !is_name_char(c)).unwrap_or(text.len());
    let valid = len > 0 && !text.starts_with(|c: char| c.is_ascii_digit());
    valid.then(|| {
        (
            Ident {
                node: text[..len].to_owned(),
                span: Span::new(start, start + len),
            },
            start + len,
        )
    })
}

/// Text as C sees it: continued lines joined, a comment replaced by a space.
fn joined(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = String::with_capacity(raw.len());
    let mut pos = 0;
    while let Some(&b) = bytes.get(pos) {
        let rest = &raw[pos..];
        if rest.starts_with("\\\n") {
            pos += 2;
        } else if rest.starts_with("\\\r\n") {
            pos += 3;
        } else if rest.starts_with("/*") {
            out.push(' ');
            pos = rest.find("*/").map_or(raw.len(), |n| pos + n + 2);
        } else if rest.starts_with("//") {
            break;
        } else if b == b'"' {
            let end = string_end(bytes, pos);
            out.push_str(&raw[pos..end]);
            pos = end;
        } else {
            let len = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..len]);
            pos += len;
        }
    }
    out
}
