//! Brackets: every opener gets its closer, before the grammar sees the tokens.
//!
//! A forgotten bracket would otherwise be reported where the parser gives up, often at the end of the file. Here the
//! error points at the opener, and the missing closer is put in, so that everything else still parses. The same
//! count limits how deep a tree can get: recursion over it, dropping it included, has to fit on a stack.

use crate::diag::Diagnostic;
use crate::span::Span;
use crate::token::{Tok, Triple};

/// Open brackets at one place.
pub const MAX_NESTING: usize = 200;
/// Open brackets and operators that may all end up on one path of the tree. Scripts stay below 50.
pub const MAX_DEPTH: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Paren,
    Bracket,
    Brace,
    Predicate,
}

impl Kind {
    fn open(self) -> &'static str {
        match self {
            Kind::Paren => "(",
            Kind::Bracket => "[",
            Kind::Brace => "{",
            Kind::Predicate => "/",
        }
    }

    fn close(self) -> &'static str {
        match self {
            Kind::Paren => ")",
            Kind::Bracket => "]",
            Kind::Brace => "}",
            Kind::Predicate => "/",
        }
    }

    fn closer(self) -> Tok<'static> {
        match self {
            Kind::Paren => Tok::RParen,
            Kind::Bracket => Tok::RBracket,
            Kind::Brace => Tok::RBrace,
            Kind::Predicate => Tok::PredClose,
        }
    }
}

struct Open {
    kind: Kind,
    start: usize,
    /// The parenthesis of a `for`, where a semicolon is a habit from C.
    after_for: bool,
    /// Operators so far in the current statement or argument, inside this bracket.
    chain: usize,
}

/// The tokens of one item, balanced.
pub struct Balanced<'s> {
    src: &'s str,
    pub tokens: Vec<Triple<'s>>,
    pub diagnostics: Vec<Diagnostic>,
    open: Vec<Open>,
    /// Operators outside of all brackets, as [`Open::chain`].
    chain: usize,
    /// Sum of all chains.
    depth: usize,
    /// The deepest tree allowed is exceeded: the tokens are useless.
    pub too_deep: bool,
    /// A bracket error was reported in this item: what looks unmatched now may be its consequence.
    confused: bool,
    /// Text that an error was reported for; what the grammar finds wrong there is a consequence.
    pub doubtful: Vec<Span>,
    /// Inside the head of a loop as C has it, which is skipped: parentheses open since then.
    skipping: Option<usize>,
    /// An opener whose closer is indented less than it: the likely culprit when one is missing at the end.
    suspect: Option<usize>,
}

impl<'s> Balanced<'s> {
    pub fn new(src: &'s str) -> Self {
        Balanced {
            src,
            tokens: Vec::new(),
            diagnostics: Vec::new(),
            open: Vec::new(),
            chain: 0,
            depth: 0,
            too_deep: false,
            confused: false,
            skipping: None,
            doubtful: Vec::new(),
            suspect: None,
        }
    }

    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// In the predicate, in none of its brackets.
    pub fn at_predicate_level(&self) -> bool {
        self.open.last().is_some_and(|o| o.kind == Kind::Predicate)
    }

    pub fn last(&self) -> Option<&Tok<'s>> {
        self.tokens.last().map(|(_, tok, _)| tok)
    }

    pub fn push(&mut self, token: Triple<'s>) {
        let (start, tok, end) = token;
        if self.skips(&tok) {
            return;
        }
        match tok {
            Tok::LParen => self.open(Kind::Paren, (start, tok, end)),
            Tok::LBracket => self.open(Kind::Bracket, (start, tok, end)),
            Tok::LBrace => self.open(Kind::Brace, (start, tok, end)),
            Tok::PredOpen => self.open(Kind::Predicate, (start, tok, end)),
            Tok::RParen => self.close(Kind::Paren, (start, tok, end)),
            Tok::RBracket => self.close(Kind::Bracket, (start, tok, end)),
            Tok::RBrace => self.close(Kind::Brace, (start, tok, end)),
            Tok::PredClose => self.close(Kind::Predicate, (start, tok, end)),
            Tok::Semi if self.open.last().is_some_and(|o| o.after_for) => self.skip_loop_head(),
            Tok::Semi => {
                self.close_before_semicolon(start);
                self.add((start, tok, end));
                self.reset_chain();
            }
            Tok::Comma => {
                self.add((start, tok, end));
                self.reset_chain();
            }
            _ => self.plain((start, tok, end)),
        }
    }

    /// `for (a; b; c)`: reported as a whole, and replaced by a token that says so.
    fn skip_loop_head(&mut self) {
        let Some(start) = self.open.last().map(|o| o.start) else {
            return;
        };
        if !self.too_deep {
            self.diagnostics.push(
                Diagnostic::error(
                    "E0120",
                    Span::new(start, start + 1),
                    "a `for` loop in the style of C",
                )
                .here("loops go over a range or a map")
                .help("write `for ($i : 0..10) { }` or `for ($kv : @map) { }`"),
            );
            let keep = self.tokens.partition_point(|(token, ..)| *token <= start);
            self.tokens.truncate(keep);
            self.tokens.push((start, Tok::Lost, start + 1));
        }
        self.reset_chain();
        self.skipping = Some(0);
    }

    /// Whether this token is in a loop head that is skipped; its end, and braces, end the skipping.
    fn skips(&mut self, tok: &Tok<'_>) -> bool {
        let Some(open) = self.skipping else {
            return false;
        };
        self.skipping = match tok {
            Tok::LParen => Some(open + 1),
            Tok::RParen if open > 0 => Some(open - 1),
            Tok::RParen | Tok::LBrace | Tok::RBrace => None,
            _ => Some(open),
        };
        if self.skipping.is_none() && *tok != Tok::RParen {
            self.confused = true;
            self.close_before_semicolon(0);
        }
        self.skipping.is_some()
    }

    /// What is missing from here on has a cause that is reported.
    pub fn expect_nothing(&mut self) {
        self.confused = true;
    }

    fn plain(&mut self, (start, tok, end): Triple<'s>) {
        let chains = tok.is_operator()
            || tok.is_assignment()
            || matches!(
                tok,
                Tok::PlusPlus
                    | Tok::MinusMinus
                    | Tok::Dot
                    | Tok::Arrow
                    | Tok::Question
                    | Tok::Else
                    | Tok::Comptime
            );
        if chains {
            self.lengthen(start, end);
        } else if self.last() == Some(&Tok::RBrace) {
            // A new statement after a block; an operator would have carried on with the block's value.
            self.reset_chain();
        }
        // `comptime` is still a name here, and its operand may be another.
        if matches!(tok, Tok::Ident("comptime")) {
            self.lengthen(start, end);
        }
        self.add((start, tok, end));
    }

    fn add(&mut self, token: Triple<'s>) {
        if !self.too_deep {
            self.tokens.push(token);
        }
    }

    fn chain(&mut self) -> &mut usize {
        match self.open.last_mut() {
            Some(open) => &mut open.chain,
            None => &mut self.chain,
        }
    }

    fn reset_chain(&mut self) {
        let chain = std::mem::take(self.chain());
        self.depth -= chain;
    }

    fn lengthen(&mut self, start: usize, end: usize) {
        *self.chain() += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.give_up(
                start,
                end,
                format!("this expression has more than {MAX_DEPTH} operators"),
            );
        }
    }

    fn give_up(&mut self, start: usize, end: usize, here: String) {
        if self.too_deep {
            return;
        }
        self.too_deep = true;
        self.diagnostics.push(
            Diagnostic::error("E0110", Span::new(start, end), "code is nested too deeply")
                .here(here)
                .help("store parts of it in variables, or split it into several probes"),
        );
    }

    fn open(&mut self, kind: Kind, token: Triple<'s>) {
        let (start, end) = (token.0, token.2);
        if kind == Kind::Brace && self.last() == Some(&Tok::RBrace) {
            self.reset_chain();
        }
        let after_for = self.last() == Some(&Tok::For);
        // A call, an index or a cast is one step deeper by itself, whatever is in it. A block is not, nor are the
        // parentheses of a condition.
        let keyword = matches!(
            self.last(),
            Some(Tok::If | Tok::While | Tok::Unroll | Tok::For)
        );
        if matches!(kind, Kind::Paren | Kind::Bracket) && !keyword {
            self.lengthen(start, end);
        }
        self.open.push(Open {
            kind,
            start,
            after_for,
            chain: 0,
        });
        if self.open.len() > MAX_NESTING {
            self.give_up(
                start,
                end,
                format!("more than {MAX_NESTING} brackets are open here"),
            );
        }
        self.add(token);
    }

    fn pop(&mut self) -> Option<Open> {
        let open = self.open.pop()?;
        self.depth -= open.chain;
        Some(open)
    }

    fn close(&mut self, kind: Kind, token: Triple<'s>) {
        let (start, end) = (token.0, token.2);
        let Some(depth) = self.partner(kind) else {
            if !self.confused && !self.too_deep {
                self.diagnostics.push(
                    Diagnostic::error(
                        "E0112",
                        Span::new(start, end),
                        format!("unmatched `{}`", kind.close()),
                    )
                    .here(format!("no `{}` is open here", kind.open()))
                    .help("remove it, or open it earlier"),
                );
            }
            self.confused = true;
            self.doubtful.push(Span::new(start, end));
            return;
        };
        self.close_down_to(depth, start);
        if let Some(open) = self.pop()
            && kind == Kind::Brace
            && self.suspect.is_none()
            && self
                .indent_if_first(start)
                .is_some_and(|indent| indent < self.line_indent(open.start))
        {
            self.suspect = Some(open.start);
        }
        self.add(token);
    }

    /// How many brackets are open below the one that a closer of this kind belongs to. Round and square brackets do
    /// not reach out of their block.
    fn partner(&self, kind: Kind) -> Option<usize> {
        for (depth, open) in self.open.iter().enumerate().rev() {
            if open.kind == kind {
                return Some(depth);
            }
            if open.kind == Kind::Brace && kind != Kind::Predicate {
                return None;
            }
        }
        None
    }

    /// Closes everything inside of the bracket at `depth`, because of what stands at `at`.
    fn close_down_to(&mut self, depth: usize, at: usize) {
        while self.open.len() > depth + 1 {
            self.close_missing(at, at + 1);
        }
    }

    fn close_before_semicolon(&mut self, at: usize) {
        while self
            .open
            .last()
            .is_some_and(|o| matches!(o.kind, Kind::Paren | Kind::Bracket))
        {
            self.close_missing(at, at + 1);
        }
    }

    fn close_missing(&mut self, at: usize, at_end: usize) {
        let Some(open) = self.pop() else { return };
        if !self.confused && !self.too_deep {
            let (start, kind) = (open.start, open.kind);
            let mut diagnostic = Diagnostic::error(
                "E0111",
                Span::new(start, start + 1),
                format!("unclosed `{}`", kind.open()),
            )
            .here("opened here");
            if at < self.src.len() {
                diagnostic = diagnostic.also(
                    Span::new(at, at_end),
                    format!("`{}` expected before this", kind.close()),
                );
            }
            let help = format!("add the missing `{}`", kind.close());
            self.diagnostics.push(diagnostic.help(help));
        }
        self.confused = true;
        let doubtful_from = if open.kind == Kind::Brace {
            at
        } else {
            open.start
        };
        self.doubtful.push(Span::new(doubtful_from, at));
        let end = self.tokens.last().map_or(at, |(_, _, end)| *end);
        self.add((end, open.kind.closer(), end));
    }

    /// The item ends at `at`, because the file does or because the next item starts there.
    pub fn finish(&mut self, at: usize, next_item: Option<Span>) {
        if self.open.iter().all(|o| o.kind != Kind::Brace) || self.confused || self.too_deep {
            while self.is_open() {
                self.close_missing(at, at + 1);
            }
            return;
        }
        // The innermost opener is to blame, unless the indentation betrays another one.
        let start = self
            .suspect
            .or(self.open.last().map(|o| o.start))
            .unwrap_or(0);
        let kind = if self.suspect.is_some() {
            Kind::Brace
        } else {
            self.open.last().map_or(Kind::Brace, |o| o.kind)
        };
        let mut diagnostic = Diagnostic::error(
            "E0111",
            Span::new(start, start + 1),
            format!("unclosed `{}`", kind.open()),
        )
        .here("opened here, and never closed")
        .help(format!("add the missing `{}`", kind.close()));
        if let Some(span) = next_item {
            diagnostic = diagnostic.also(span, "the next item starts here");
        }
        self.diagnostics.push(diagnostic);
        self.confused = true;
        while self.is_open() {
            self.close_missing(at, at);
        }
    }

    /// Indentation of the line that `pos` is on.
    fn line_indent(&self, pos: usize) -> usize {
        let line = self.src[..pos].rfind('\n').map_or(0, |n| n + 1);
        self.src[line..]
            .bytes()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count()
    }

    /// The same, if nothing else stands before `pos` on its line.
    fn indent_if_first(&self, pos: usize) -> Option<usize> {
        let line = self.src[..pos].rfind('\n').map_or(0, |n| n + 1);
        let indent = self.src[line..pos]
            .bytes()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        (line + indent == pos).then_some(indent)
    }
}
