//! The script's text, what was imported and expanded into it, and lines and columns in all of that.
//!
//! A span is two offsets in one virtual text: the script, then each imported file, then each expansion of a macro, in the
//! order in which they were added. [`Source::resolve`] leads from an expansion back to the file that its text stands in.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bt_abi::manifest;
use bt_grammar::span::Span;

#[derive(Debug, Clone)]
pub struct Source {
    /// File name without folders.
    pub name: String,
    pub text: String,
    /// What paths in the script are relative to; empty for the working directory.
    pub folder: PathBuf,
    /// Byte offset of each line's start.
    lines: Vec<u32>,
    /// Behind the script, by their start, without gaps.
    regions: RefCell<Vec<Region>>,
}

#[derive(Debug, Clone)]
struct Region {
    start: u32,
    /// Behind the last byte; an offset there still belongs to the region.
    end: u32,
    kind: Rc<Kind>,
}

#[derive(Debug)]
enum Kind {
    /// A file that `import` or `#include` brought in, and where.
    File {
        file: Rc<File>,
        import: Span,
        id: usize,
    },
    /// A copy of a macro's body: `body` is where it was copied from.
    Body {
        name: String,
        body: Span,
        call: Span,
    },
    /// What a `#define` was replaced by.
    Text {
        name: String,
        text: String,
        used: Span,
        definition: Span,
    },
}

/// A text with a name.
#[derive(Debug)]
pub struct File {
    pub name: String,
    pub text: String,
    lines: Vec<u32>,
}

/// A place in one of the files: bytes and their file, and line and column of the start from 1.
#[derive(Debug)]
pub struct Place {
    /// 0 is the script, imported files follow.
    pub file: usize,
    pub start: u32,
    pub end: u32,
    pub line: u32,
    pub column: u32,
}

/// More virtual text than this is refused: spans have 32 bits, and nobody writes that much.
const MAX_TEXT: u32 = 1 << 30;

impl Source {
    pub fn new(name: &str, text: String) -> Source {
        Source {
            name: name.to_string(),
            lines: line_starts(&text),
            text,
            folder: PathBuf::new(),
            regions: RefCell::default(),
        }
    }

    /// With the folder that paths in the script are relative to.
    pub fn in_folder(mut self, folder: Option<&Path>) -> Source {
        self.folder = folder.map(Path::to_path_buf).unwrap_or_default();
        self
    }

    /// Adds a file; gives the offset of its first byte, or nothing if it is too long.
    pub fn add_file(&self, name: &str, text: &str, import: Span) -> Option<u32> {
        let id = self.files().len() + 1;
        let file = File {
            name: name.to_string(),
            text: text.to_string(),
            lines: line_starts(text),
        };
        let file = Rc::new(file);
        self.add(text.len(), Kind::File { file, import, id })
    }

    /// Adds a copy of the body of the macro `name` for a call.
    pub fn add_body(&self, name: &str, body: Span, call: Span) -> Option<u32> {
        let name = name.to_string();
        self.add(body.range().len(), Kind::Body { name, body, call })
    }

    /// Adds what the `#define` of `name` is replaced by at one use.
    pub fn add_text(&self, name: &str, text: &str, used: Span, definition: Span) -> Option<u32> {
        let kind = Kind::Text {
            name: name.to_string(),
            text: text.to_string(),
            used,
            definition,
        };
        self.add(text.len(), kind)
    }

    fn add(&self, len: usize, kind: Kind) -> Option<u32> {
        let mut regions = self.regions.borrow_mut();
        let start = match regions.last() {
            Some(last) => last.end + 1,
            None => u32::try_from(self.text.len()).ok()? + 1,
        };
        let end = start.checked_add(u32::try_from(len).ok()?)?;
        if end > MAX_TEXT {
            return None;
        }
        let kind = Rc::new(kind);
        regions.push(Region { start, end, kind });
        Some(start)
    }

    /// The region that an offset lies in, with its start and end; `None` for the script itself.
    fn region(&self, at: u32) -> Option<(u32, u32, Rc<Kind>)> {
        let regions = self.regions.borrow();
        let index = regions.partition_point(|r| r.start <= at).checked_sub(1)?;
        let Region { start, end, kind } = &regions[index];
        Some((*start, *end, kind.clone()))
    }

    /// The same place in the file where its text stands: a macro's body, the use of a `#define`.
    pub fn resolve(&self, mut span: Span) -> Span {
        while let Some((start, end, kind)) = self.region(span.start) {
            span = match &*kind {
                Kind::File { .. } => {
                    span.end = span.end.clamp(span.start, end);
                    break;
                }
                Kind::Body { body, .. } => Span {
                    start: body.start + (span.start - start),
                    end: body.start + (span.end.clamp(span.start, end) - start),
                },
                Kind::Text { used, .. } => *used,
            };
        }
        span.end = span.end.max(span.start);
        span
    }

    /// How the text at a place came to stand there, the innermost first: a place in a file, and what it is.
    pub fn trail(&self, span: Span) -> Vec<(Span, String)> {
        let mut trail = Vec::new();
        let mut at = span;
        while let Some((start, _, kind)) = self.region(at.start) {
            at = match &*kind {
                Kind::File { .. } => break,
                Kind::Body { name, call, .. } => {
                    trail.push((self.resolve(*call), format!("in this call of `{name}`")));
                    *call
                }
                Kind::Text {
                    name,
                    definition,
                    used,
                    ..
                } => {
                    let text = format!("`{name}` is defined here");
                    trail.push((self.resolve(*definition), text));
                    *used
                }
            };
            debug_assert!(at.start < start, "what is expanded comes before");
        }
        trail
    }

    /// The text of a place, as the parser saw it.
    pub fn slice(&self, mut span: Span) -> Option<String> {
        loop {
            let Some((start, end, kind)) = self.region(span.start) else {
                return self.text.get(span.range()).map(str::to_string);
            };
            if span.end > end {
                return None;
            }
            let within = (span.start - start) as usize..(span.end - start) as usize;
            match &*kind {
                Kind::File { file, .. } => return file.text.get(within).map(str::to_string),
                Kind::Text { text, .. } => return text.get(within).map(str::to_string),
                Kind::Body { body, .. } => {
                    span = Span::new(
                        body.start as usize + within.start,
                        body.start as usize + within.end,
                    );
                }
            }
        }
    }

    /// The files that were added, in order.
    pub fn files(&self) -> Vec<Rc<File>> {
        let regions = self.regions.borrow();
        let file = |r: &Region| match &*r.kind {
            Kind::File { file, .. } => Some(file.clone()),
            _ => None,
        };
        regions.iter().filter_map(file).collect()
    }

    /// Where a span lies, for people.
    pub fn place(&self, span: Span) -> Place {
        let span = self.resolve(span);
        let region = self.region(span.start);
        let (id, base, (line, column)) =
            match region.as_ref().map(|(start, _, kind)| (*start, &**kind)) {
                Some((base, Kind::File { file, id, .. })) => (
                    *id,
                    base,
                    locate(&file.text, &file.lines, span.start - base),
                ),
                _ => (0, 0, locate(&self.text, &self.lines, span.start)),
            };
        Place {
            file: id,
            start: span.start - base,
            end: span.end - base,
            line,
            column,
        }
    }

    /// The place in the script; of an imported file, the import's.
    pub fn in_script(&self, span: Span) -> Span {
        let mut span = self.resolve(span);
        while let Some((_, _, kind)) = self.region(span.start) {
            span = match &*kind {
                Kind::File { import, .. } => self.resolve(*import),
                _ => break,
            };
        }
        span
    }

    /// Line and column in the script, both from 1, the column in characters.
    pub fn locate(&self, at: u32) -> (u32, u32) {
        let span = self.in_script(Span { start: at, end: at });
        locate(&self.text, &self.lines, span.start)
    }

    pub fn manifest_span(&self, span: Span) -> manifest::Span {
        let span = self.in_script(span);
        let (line, column) = self.locate(span.start);
        manifest::Span {
            start: span.start,
            end: span.end,
            line,
            column,
        }
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let starts = text
        .bytes()
        .enumerate()
        .filter(|(_, b)| *b == b'\n')
        .map(|(at, _)| at as u32 + 1);
    std::iter::once(0).chain(starts).collect()
}

fn locate(text: &str, lines: &[u32], at: u32) -> (u32, u32) {
    let line = lines.partition_point(|start| *start <= at).max(1);
    let start = lines[line - 1] as usize;
    let text = text.get(start..at as usize).unwrap_or_default();
    (line as u32, text.chars().count() as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_one_in_characters() {
        let source = Source::new("x", "aé\nb\n".into());
        assert_eq!(source.locate(0), (1, 1));
        assert_eq!(source.locate(3), (1, 3));
        assert_eq!(source.locate(4), (2, 1));
        assert_eq!(source.locate(6), (3, 1));
    }

    #[test]
    fn leads_back_from_expansions() {
        let source = Source::new("x", "import\nmacro\ncall\n".into());
        let file = source
            .add_file("y", "a\nbody\n", Span::new(0, 6))
            .expect("room");
        assert_eq!(file, 19);
        // The body lies in the file, the call in the script.
        let body = Span {
            start: file + 2,
            end: file + 6,
        };
        let base = source.add_body("m", body, Span::new(13, 17)).expect("room");
        let at = Span {
            start: base + 1,
            end: base + 3,
        };
        assert_eq!(
            source.resolve(at),
            Span {
                start: file + 3,
                end: file + 5
            }
        );
        assert_eq!(source.slice(at).as_deref(), Some("od"));
        let trail = source.trail(at);
        assert_eq!(
            trail,
            [(Span::new(13, 17), "in this call of `m`".to_string())]
        );
        let place = source.place(at);
        assert_eq!(
            (place.file, place.start, place.line, place.column),
            (1, 3, 2, 2)
        );
        assert_eq!(source.locate(at.start), (1, 1));
        assert_eq!(source.resolve(Span::new(13, 17)), Span::new(13, 17));
        assert_eq!(source.files()[0].name, "y");
    }
}
