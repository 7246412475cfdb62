//! Script level: cuts the text into items, and has each one lexed in its mode and parsed on its own.
//!
//! A mistake in one item cannot spoil another, and the cutting does not depend on the grammar: it follows the braces.

use crate::Parsed;
use crate::diag::Diagnostic;
use crate::lexer::Cursor;
use crate::lexer::attach::{self, End};
use crate::lexer::brackets::Balanced;
use crate::lexer::cdef;
use crate::lexer::shape::{self, Braces};
use crate::parsers;
use crate::preamble::Preprocessor;
use crate::span::Span;
use crate::token::Tok;

/// What ends an item that is lexed as a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The brace that closes the first one.
    Brace,
    /// A semicolon.
    Semicolon,
    /// A semicolon, or a place where one was forgotten.
    ShortItem,
    /// A semicolon, or the brace that closes the first one, or the next item.
    Statement,
}

/// Words that start a statement, and never a probe.
const STATEMENTS: &[&str] = &[
    "if", "else", "for", "while", "unroll", "return", "break", "continue",
];

pub struct Items<'s> {
    cursor: Cursor<'s>,
    parsed: Parsed,
    preprocessor: Preprocessor,
    /// Where statements outside of a probe ended: more of them directly behind are no news.
    strays_end: Option<usize>,
}

impl<'s> Items<'s> {
    pub fn new(src: &'s str) -> Self {
        Items {
            cursor: Cursor::new(src),
            parsed: Parsed::default(),
            preprocessor: Preprocessor::new(),
            strays_end: None,
        }
    }

    pub fn run(mut self) -> Parsed {
        if self
            .cursor
            .rest()
            .trim_start_matches('\u{feff}')
            .starts_with("#!")
        {
            self.cursor.pos = self.cursor.src.find('\n').unwrap_or(self.cursor.src.len());
        }
        loop {
            self.cursor.skip_layout();
            if self.cursor.at_end() {
                break;
            }
            let before = self.cursor.pos;
            self.item();
            debug_assert!(
                self.cursor.pos > before,
                "an item takes at least one character"
            );
        }
        self.preprocessor.finish(&mut self.cursor);
        self.parsed.script.definitions = self.preprocessor.definitions;
        // What the lexer found comes first where the parser stumbled over the same place.
        let mut diagnostics = std::mem::take(&mut self.cursor.diagnostics);
        diagnostics.append(&mut self.parsed.diagnostics);
        self.parsed.diagnostics = diagnostics;
        self.parsed
            .diagnostics
            .sort_by_key(|d| d.labels.first().map_or(0, |l| l.span.start));
        self.parsed
    }

    fn item(&mut self) {
        let rest = self.cursor.rest();
        let word_len = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let next = self
            .cursor
            .src
            .as_bytes()
            .get(self.cursor.layout_end(self.cursor.pos + word_len))
            .copied();
        match &rest[..word_len] {
            "config" if next == Some(b'=') => {
                self.keyword_item(Tok::Config, word_len, Until::Brace)
            }
            "import" if next == Some(b'"') => {
                self.keyword_item(Tok::Import, word_len, Until::ShortItem)
            }
            "macro" if next.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') => {
                self.keyword_item(Tok::Macro, word_len, Until::Brace);
            }
            "let" if next != Some(b':') => self.keyword_item(Tok::Let, word_len, Until::ShortItem),
            "fn" if next.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') => {
                self.function(word_len)
            }
            "struct" | "union" | "enum" if !matches!(next, Some(b':' | b'/' | b',')) => {
                self.c_definition()
            }
            "typedef" if !matches!(next, Some(b':' | b'/' | b',')) => self.c_definition(),
            "" if rest.starts_with(['$', '@']) => self.stray_statement(1),
            word if STATEMENTS.contains(&word) && next != Some(b':') => {
                self.stray_statement(word_len)
            }
            word if !word.is_empty() && next == Some(b'(') => self.stray_statement(word_len),
            "" if rest.starts_with('#') => self.preprocessor.directive(&mut self.cursor),
            "" if rest.starts_with(';') => self.cursor.pos += 1,
            "" if rest.starts_with('}') => self.stray_brace(),
            "" if rest.starts_with('{') => self.nameless_probe(),
            _ => self.probe(),
        }
    }

    fn keyword_item(&mut self, keyword: Tok<'s>, len: usize, until: Until) {
        let start = self.cursor.pos;
        let braces = if keyword == Tok::Config {
            Braces::Config
        } else {
            Braces::Blocks
        };
        let mut balanced = Balanced::new(self.cursor.src);
        balanced.push((start, keyword, start + len));
        self.cursor.pos = start + len;
        self.gather(&mut balanced, until);
        self.parse_item(balanced, braces);
    }

    /// A record or an enum ends with its brace, attributes and a semicolon if there is one; a typedef with its semicolon.
    fn c_definition(&mut self) {
        let mut balanced = Balanced::new(self.cursor.src);
        let typedef = self.cursor.rest().starts_with("typedef");
        self.gather(
            &mut balanced,
            if typedef {
                Until::Semicolon
            } else {
                Until::Brace
            },
        );
        if !typedef && balanced.last() == Some(&Tok::RBrace) {
            self.trailing_attributes(&mut balanced);
        }
        self.parsed.diagnostics.append(&mut balanced.diagnostics);
        if balanced.too_deep {
            return;
        }
        let tokens = cdef::shape(
            self.cursor.src,
            balanced.tokens,
            &mut self.parsed.diagnostics,
        );
        let definitions = parsers::definitions(
            self.cursor.src,
            tokens,
            &balanced.doubtful,
            &mut self.parsed.diagnostics,
        );
        self.preprocessor.definitions.extend(definitions);
    }

    fn trailing_attributes(&mut self, balanced: &mut Balanced<'s>) {
        loop {
            let next = self.cursor.layout_end(self.cursor.pos);
            let rest = &self.cursor.src[next..];
            let attribute = rest.starts_with("__attribute__") || rest.starts_with("__packed");
            if !attribute && !rest.starts_with(';') {
                return;
            }
            // The word, and the group in parentheses behind it.
            loop {
                let Some(token) = self.cursor.next_token() else {
                    balanced.finish(self.cursor.src.len(), None);
                    return;
                };
                let semicolon = token.1 == Tok::Semi;
                balanced.push(token);
                if semicolon {
                    return;
                }
                let next = self.cursor.layout_end(self.cursor.pos);
                if !balanced.is_open() && self.cursor.src.as_bytes().get(next) != Some(&b'(') {
                    break;
                }
            }
        }
    }

    /// An experiment of bpftrace that its documentation does not mention.
    fn function(&mut self, word_len: usize) {
        let start = self.cursor.pos;
        self.cursor.report(
            Diagnostic::error(
                "E0114",
                Span::new(start, start + word_len),
                "functions are not part of the language",
            )
            .here("expected a probe or a macro")
            .help("write a macro: `macro name($a, @b, c) { ... }`"),
        );
        let mut skipped = Balanced::new(self.cursor.src);
        self.gather(&mut skipped, Until::Brace);
    }

    /// What belongs into a probe: reported once for all that stand together.
    fn stray_statement(&mut self, len: usize) {
        let start = self.cursor.pos;
        if self.strays_end.map(|end| self.cursor.layout_end(end)) != Some(start) {
            self.cursor.report(
                Diagnostic::error(
                    "E0114",
                    Span::new(start, start + len),
                    "a statement outside of a probe",
                )
                .here("expected a probe, a macro, a map declaration or the like")
                .help("statements belong into the braces of a probe, such as `begin { ... }`"),
            );
        }
        let mut skipped = Balanced::new(self.cursor.src);
        self.gather(&mut skipped, Until::Statement);
        self.strays_end = Some(self.cursor.pos);
    }

    fn stray_brace(&mut self) {
        let at = self.cursor.pos;
        self.cursor.pos += 1;
        self.cursor.report(
            Diagnostic::error("E0112", Span::new(at, at + 1), "unmatched `}`")
                .here("no `{` is open here")
                .help("remove it, or look for a `}` too many above"),
        );
    }

    /// `{ ... }` without an attach point.
    fn nameless_probe(&mut self) {
        let at = self.cursor.pos;
        self.cursor.report(
            Diagnostic::error("E0115", Span::new(at, at + 1), "an action without a probe")
                .here("no attach point before this")
                .help("say when it runs, as in `interval:1s { ... }`"),
        );
        self.probe_body(Balanced::new(self.cursor.src));
    }

    fn probe(&mut self) {
        let mut balanced = Balanced::new(self.cursor.src);
        let start = self.cursor.pos;
        match attach::header(&mut self.cursor, &mut balanced.tokens) {
            End::Body => self.probe_body(balanced),
            End::Predicate => {
                let at = self.cursor.pos;
                self.cursor.pos += 1;
                balanced.push((at, Tok::PredOpen, at + 1));
                self.predicate(&mut balanced);
                self.probe_body(balanced);
            }
            End::NextItem => self.probe_body(balanced),
            End::Stray => self.skip_stray(start, balanced),
        }
    }

    /// Reported already: go on behind this line, or with the braces that follow on it.
    fn skip_stray(&mut self, start: usize, balanced: Balanced<'s>) {
        let rest = self.cursor.rest();
        let len = rest.find(['{', '\n', ';', '}']).unwrap_or(rest.len());
        self.cursor.pos += len;
        match self.cursor.peek() {
            Some(b'{') => self.probe_body(balanced),
            Some(b';') => self.cursor.pos += 1,
            Some(b'}') if self.cursor.pos == start => self.cursor.pos += 1,
            _ => {}
        }
    }

    fn probe_body(&mut self, mut balanced: Balanced<'s>) {
        self.cursor.skip_layout();
        if self.cursor.peek() != Some(b'{') {
            // Without an action nothing can be parsed; the attach points alone are no probe.
            let span = match (balanced.tokens.first(), balanced.tokens.last()) {
                (Some(first), Some(last)) => Span::new(first.0, last.2),
                _ => Span::new(self.cursor.pos, self.cursor.pos),
            };
            balanced.finish(self.cursor.pos, None);
            self.parsed.diagnostics.append(&mut balanced.diagnostics);
            self.cursor.report(
                Diagnostic::error("E0116", span, "a probe without an action")
                    .here("expected `{ ... }` after this")
                    .help("an action may be empty: `{ }`"),
            );
            return;
        }
        self.gather(&mut balanced, Until::Brace);
        self.parse_item(balanced, Braces::Blocks);
    }

    /// The tokens of a predicate, up to the `/` that white space, comments and `{` follow.
    fn predicate(&mut self, balanced: &mut Balanced<'s>) {
        loop {
            let before = self.cursor.pos;
            let Some((start, tok, end)) = self.cursor.next_token() else {
                balanced.finish(self.cursor.pos, None);
                return;
            };
            let closes = tok == Tok::Slash
                && self.cursor.src.as_bytes().get(self.cursor.layout_end(end)) == Some(&b'{');
            if closes {
                balanced.push((start, Tok::PredClose, end));
                return;
            }
            let missing = match tok {
                Tok::LBrace => {
                    balanced.last().is_some_and(Tok::ends_operand) && balanced.at_predicate_level()
                }
                Tok::Semi => true,
                _ => false,
            };
            if missing {
                self.cursor.pos = before;
                balanced.finish(start, None);
                return;
            }
            balanced.push((start, tok, end));
        }
    }

    /// Takes tokens until the item ends.
    fn gather(&mut self, balanced: &mut Balanced<'s>, until: Until) {
        let mut was_open = balanced.is_open();
        loop {
            let next = self.cursor.layout_end(self.cursor.pos);
            if self.next_item_at(next) && (balanced.is_open() || until != Until::Brace) {
                self.cursor.pos = next;
                let len = self
                    .cursor
                    .rest()
                    .find(|c: char| !c.is_ascii_alphanumeric())
                    .unwrap_or(1);
                balanced.finish(next, Some(Span::new(next, next + len)));
                return;
            }
            if !balanced.is_open() && until == Until::ShortItem && self.may_end(balanced, next) {
                return;
            }
            let Some((start, tok, end)) = self.cursor.next_token() else {
                if self.cursor.in_comment {
                    balanced.expect_nothing();
                }
                balanced.finish(self.cursor.src.len(), None);
                return;
            };
            let (semicolon, brace) = (tok == Tok::Semi, tok == Tok::RBrace);
            balanced.push((start, tok, end));
            let closed = was_open && !balanced.is_open();
            was_open = balanced.is_open();
            match until {
                Until::Brace | Until::Statement if closed && brace => return,
                _ if semicolon && !balanced.is_open() => return,
                _ => {}
            }
        }
    }

    /// A forgotten semicolon at the end of a short item: the next thing is on a new line.
    fn may_end(&self, balanced: &Balanced<'s>, next: usize) -> bool {
        let complete = matches!(balanced.last(), Some(Tok::RParen | Tok::Str(_)));
        complete && self.cursor.src.as_bytes().get(next) != Some(&b';')
    }

    /// Whether an item starts at `pos`, at the start of a line: inside of braces it means that one is not closed.
    fn next_item_at(&self, pos: usize) -> bool {
        let line_start = pos > 0 && self.cursor.src.as_bytes().get(pos - 1) == Some(&b'\n');
        line_start && attach::starts_item(&self.cursor.src[pos..])
    }

    fn parse_item(&mut self, mut balanced: Balanced<'s>, braces: Braces) {
        self.parsed.diagnostics.append(&mut balanced.diagnostics);
        if balanced.too_deep {
            return;
        }
        let tokens = shape::shape(self.cursor.src, balanced.tokens, braces);
        if let Some(item) = parsers::item(
            self.cursor.src,
            tokens,
            &balanced.doubtful,
            &mut self.parsed.diagnostics,
        ) {
            self.parsed.script.items.push(item);
        }
    }
}
