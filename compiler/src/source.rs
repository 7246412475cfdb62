//! The script's text, and lines and columns in it.

use bt_abi::manifest;
use bt_grammar::span::Span;

#[derive(Debug)]
pub struct Source {
    /// File name without folders.
    pub name: String,
    pub text: String,
    /// Byte offset of each line's start.
    lines: Vec<u32>,
}

impl Source {
    pub fn new(name: &str, text: String) -> Source {
        let starts = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(at, _)| at as u32 + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Source {
            name: name.to_string(),
            text,
            lines,
        }
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn locate(&self, at: u32) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines[line - 1] as usize;
        let text = self.text.get(start..at as usize).unwrap_or_default();
        (line as u32, text.chars().count() as u32 + 1)
    }

    pub fn manifest_span(&self, span: Span) -> manifest::Span {
        let (line, column) = self.locate(span.start);
        manifest::Span {
            start: span.start,
            end: span.end,
            line,
            column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn counts_from_one_in_characters() {
        let source = Source::new("x", "aé\nb\n".into());
        assert_eq!(source.locate(0), (1, 1));
        assert_eq!(source.locate(3), (1, 3));
        assert_eq!(source.locate(4), (2, 1));
        assert_eq!(source.locate(6), (3, 1));
    }
}
