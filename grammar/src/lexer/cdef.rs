//! Prepares the tokens of a C definition for its grammar.
//!
//! Qualifiers go, attributes and parameter lists become one token each, constant expressions are parsed here with the
//! grammar of the script. What is left is small enough to be LR(1) without a symbol table.

use super::shape::is_c_word;
use crate::diag::Diagnostic;
use crate::errors;
use crate::parsers;
use crate::span::Span;
use crate::token::{Tok, Triple};

/// Words that say nothing about layout.
const IGNORED: &[&str] = &[
    "const",
    "volatile",
    "restrict",
    "static",
    "extern",
    "register",
    "inline",
    "__restrict",
    "__extension__",
    "__user",
    "__kernel",
    "__iomem",
    "__rcu",
    "__percpu",
    "__force",
];

pub fn shape<'s>(
    src: &'s str,
    tokens: Vec<Triple<'s>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Triple<'s>> {
    let mut shaper = Shaper {
        src,
        tokens,
        out: Vec::new(),
        diagnostics,
        enum_depth: Vec::new(),
    };
    shaper.run();
    shaper.out
}

struct Shaper<'s, 'd> {
    src: &'s str,
    tokens: Vec<Triple<'s>>,
    out: Vec<Triple<'s>>,
    diagnostics: &'d mut Vec<Diagnostic>,
    /// For each open brace: does it belong to an enum?
    enum_depth: Vec<bool>,
}

impl<'s> Shaper<'s, '_> {
    fn run(&mut self) {
        let mut i = 0;
        while i < self.tokens.len() {
            i = self.step(i);
        }
    }

    fn tok(&self, i: usize) -> Option<&Tok<'s>> {
        self.tokens.get(i).map(|(_, tok, _)| tok)
    }

    fn prev(&self) -> Option<&Tok<'s>> {
        self.out.last().map(|(_, tok, _)| tok)
    }

    /// Handles the token at `i`; returns where to go on.
    fn step(&mut self, i: usize) -> usize {
        let (start, tok, end) = self.tokens[i].clone();
        match tok {
            Tok::Ident("__attribute__" | "__attribute") => return self.attribute(i),
            Tok::Ident("__packed") => {
                self.push_attribute(i + 1, (start, vec!["packed".to_owned()], end))
            }
            Tok::Ident("typedef") => self.out.push((start, Tok::Typedef, end)),
            Tok::Ident(word) if IGNORED.contains(&word) => {}
            Tok::Ident(word) if is_c_word(word) => self.out.push((start, Tok::CWord(word), end)),
            Tok::Struct | Tok::Union | Tok::Enum => self.out.push((start, tok, end)),
            tok if tok.is_keyword() => {
                self.out
                    .push((start, Tok::Ident(&self.src[start..end]), end))
            }
            Tok::LBracket => {
                self.out.push((start, Tok::LBracket, end));
                let close = self.behind_group(i) - 1;
                self.constant(i + 1, close);
                return close;
            }
            Tok::LParen if self.opens_parameters(i) => {
                let behind = self.behind_group(i);
                let end = self.tokens[behind - 1].2;
                self.out.push((start, Tok::CParams, end));
                return behind;
            }
            Tok::Assign if self.enum_depth.last() == Some(&true) => {
                self.out.push((start, Tok::Assign, end));
                let stop = self.variant_end(i + 1);
                self.constant(i + 1, stop);
                return stop;
            }
            Tok::LBrace => {
                let in_enum = self.opens_enum();
                self.enum_depth.push(in_enum);
                self.out.push((start, Tok::LBrace, end));
            }
            Tok::RBrace => {
                self.enum_depth.pop();
                self.out.push((start, Tok::RBrace, end));
            }
            tok @ (Tok::Ident(_)
            | Tok::Int(_)
            | Tok::LParen
            | Tok::RParen
            | Tok::RBracket
            | Tok::Semi
            | Tok::Comma
            | Tok::Colon
            | Tok::Assign
            | Tok::Star) => self.out.push((start, tok, end)),
            tok => {
                // The grammar knows only tokens that have a place in it, and could not go on behind another.
                self.diagnostics.push(
                    Diagnostic::error(
                        "E0101",
                        Span::new(start, end),
                        format!("unexpected {}", errors::describe(&tok)),
                    )
                    .here("not expected in a C definition"),
                );
                self.out.push((start, Tok::Lost, end));
            }
        }
        i + 1
    }

    fn opens_enum(&self) -> bool {
        matches!(
            self.out.as_slice(),
            [.., (_, Tok::Enum, _)] | [.., (_, Tok::Enum, _), (_, Tok::Ident(_), _)]
        )
    }

    /// `(*name)(parameters)` and `name(parameters)`, but not the first group of `type (*name)(...)`.
    fn opens_parameters(&self, i: usize) -> bool {
        match self.prev() {
            Some(Tok::RParen | Tok::CParams) => true,
            Some(Tok::Ident(_)) => self.tok(i + 1) != Some(&Tok::Star),
            _ => false,
        }
    }

    /// `__attribute__((a, b(c)))`
    fn attribute(&mut self, i: usize) -> usize {
        let (start, _, end) = self.tokens[i];
        let double = matches!(
            (self.tok(i + 1), self.tok(i + 2)),
            (Some(Tok::LParen), Some(Tok::LParen))
        );
        if !double {
            self.diagnostics.push(
                Diagnostic::error("E0117", Span::new(start, end), "malformed attribute")
                    .here("expected two parentheses after this")
                    .help("attributes look like `__attribute__((packed))`"),
            );
            return i + 1;
        }
        let behind = self.behind_group(i + 1);
        let inner_end = self.behind_group(i + 2).min(behind) - 1;
        let mut words = Vec::new();
        let mut word = String::new();
        let mut depth = 0usize;
        for (start, tok, end) in &self.tokens[i + 3..inner_end.max(i + 3)] {
            match tok {
                Tok::Comma if depth == 0 => words.push(std::mem::take(&mut word)),
                _ => {
                    depth += usize::from(*tok == Tok::LParen);
                    depth = depth.saturating_sub(usize::from(*tok == Tok::RParen));
                    word.push_str(&self.src[*start..*end]);
                }
            }
        }
        words.push(word);
        words.retain(|w| !w.is_empty());
        let end = self.tokens[behind - 1].2;
        self.push_attribute(behind, (start, words, end));
        behind
    }

    /// Keeps an attribute where it belongs to a record or a field of one; others say nothing that is used.
    fn push_attribute(&mut self, next: usize, (start, words, end): (usize, Vec<String>, usize)) {
        let before_body = || {
            let behind_attributes = self.tokens[next.min(self.tokens.len())..]
                .iter()
                .map(|(_, tok, _)| tok)
                .find(|tok| {
                    !matches!(
                        tok,
                        Tok::LParen | Tok::RParen | Tok::Ident(_) | Tok::Int(_) | Tok::Comma
                    )
                });
            behind_attributes == Some(&Tok::LBrace)
        };
        let of_record = match self.out.as_slice() {
            [
                ..,
                (_, Tok::Struct | Tok::Union | Tok::RBrace | Tok::CAttribute(_), _),
            ] => true,
            [.., (_, Tok::Struct | Tok::Union, _), (_, Tok::Ident(_), _)] => before_body(),
            _ => self.in_record_body() && self.field_ends(next),
        };
        if of_record {
            self.out.push((start, Tok::CAttribute(words), end));
        }
    }

    /// Whether the innermost brace that is open is of a struct or union.
    fn in_record_body(&self) -> bool {
        let mut closed = 0;
        for (at, (_, tok, _)) in self.out.iter().enumerate().rev() {
            match tok {
                Tok::RBrace => closed += 1,
                Tok::LBrace if closed > 0 => closed -= 1,
                Tok::LBrace => {
                    let before = self.out[..at].iter().rev().map(|(_, tok, _)| tok);
                    let keyword = before
                        .into_iter()
                        .find(|tok| !matches!(tok, Tok::Ident(_) | Tok::CAttribute(_)));
                    return matches!(keyword, Some(Tok::Struct | Tok::Union));
                }
                _ => {}
            }
        }
        false
    }

    /// Whether nothing of a field comes behind an attribute but more attributes.
    fn field_ends(&self, next: usize) -> bool {
        let mut depth = 0;
        for (_, tok, _) in self.tokens.get(next..).unwrap_or_default() {
            match tok {
                Tok::LParen => depth += 1,
                Tok::RParen if depth > 0 => depth -= 1,
                Tok::Ident("__attribute__" | "__attribute") if depth == 0 => {}
                Tok::Semi | Tok::Comma if depth == 0 => return true,
                _ if depth == 0 => return false,
                _ => {}
            }
        }
        false
    }

    /// The tokens from `from` to `to` are a constant expression.
    fn constant(&mut self, from: usize, to: usize) {
        let Some(range) = self
            .tokens
            .get(from..to)
            .filter(|tokens| !tokens.is_empty())
        else {
            return;
        };
        let (start, end) = (range[0].0, range[range.len() - 1].2);
        let tokens = range.to_vec();
        let expr = parsers::expression(self.src, tokens, Span::new(start, end), self.diagnostics);
        self.out.push((start, Tok::CConst(Box::new(expr)), end));
    }

    /// Where the value of an enum's variant ends.
    fn variant_end(&self, from: usize) -> usize {
        let mut i = from;
        while let Some(tok) = self.tok(i) {
            match tok {
                Tok::Comma | Tok::RBrace => break,
                Tok::LParen | Tok::LBracket | Tok::LBrace => i = self.behind_group(i),
                _ => i += 1,
            }
        }
        i
    }

    /// The index behind the group that opens at `i`; brackets balance.
    fn behind_group(&self, i: usize) -> usize {
        let mut depth = 0usize;
        for (n, (_, tok, _)) in self.tokens[i..].iter().enumerate() {
            match tok {
                Tok::LParen | Tok::LBracket | Tok::LBrace => depth += 1,
                Tok::RParen | Tok::RBracket | Tok::RBrace => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return i + n + 1;
            }
        }
        self.tokens.len()
    }
}
