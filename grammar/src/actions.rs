//! What the rules of the grammar build, kept out of the grammar so that it can be read.

use lalrpop_util::{ErrorRecovery, ParseError};

use crate::ast::*;
use crate::diag::Diagnostic;
use crate::errors;
use crate::span::{Ident, Span, Spanned};
use crate::token::{Tok, Triple};

/// What one run of the parser gives: an item, or an expression if that was asked for.
pub enum Root {
    Item(Item),
    Expr(Expr),
}

/// Where the grammar leaves its errors, and what it needs to word them.
pub struct Context<'s> {
    pub src: &'s str,
    /// Places of all tokens, in order.
    pub spans: Vec<Span>,
    pub diagnostics: Vec<Diagnostic>,
    /// As [`Balanced::doubtful`](crate::lexer::brackets::Balanced).
    pub doubtful: &'s [Span],
    /// Where a semicolon would let the parser go on, with the message that says so.
    pub missing_semicolons: Vec<(usize, Diagnostic)>,
    /// Index of the token at which the last error was, or where the parser went on after it.
    last_error: Option<usize>,
}

/// The parser has to have understood so many tokens since the last error for a new one to be news.
const SETTLED: usize = 3;

impl<'s> Context<'s> {
    pub fn new(src: &'s str, tokens: &[Triple<'s>], doubtful: &'s [Span]) -> Self {
        let spans = tokens
            .iter()
            .map(|(start, _, end)| Span::new(*start, *end))
            .collect();
        Context {
            src,
            spans,
            diagnostics: Vec::new(),
            doubtful,
            missing_semicolons: Vec::new(),
            last_error: None,
        }
    }

    /// The parser went on after an error.
    pub fn recovered(&mut self, recovery: ErrorRecovery<usize, Tok<'_>, ()>) {
        self.failed(recovery.error);
        // What was skipped was not understood either.
        self.last_error = self
            .last_error
            .map(|index| index + recovery.dropped_tokens.len());
    }

    pub fn failed(&mut self, error: ParseError<usize, Tok<'_>, ()>) {
        // An empty token is a bracket that was put in for a missing one; both have been reported.
        let (start, made_up) = match &error {
            ParseError::UnrecognizedToken {
                token: (start, Tok::Lost, _),
                ..
            } => (*start, true),
            ParseError::UnrecognizedToken {
                token: (start, _, end),
                ..
            }
            | ParseError::ExtraToken {
                token: (start, _, end),
            } => (*start, start == end),
            ParseError::UnrecognizedEof { location, .. }
            | ParseError::InvalidToken { location } => (*location, false),
            ParseError::User { error: () } => (0, false),
        };
        let index = self.index_of(start);
        let consequence = self.last_error.is_some_and(|last| index < last + SETTLED);
        self.last_error = Some(index);
        if consequence || made_up || self.is_doubtful(start) {
            return;
        }
        match errors::missing_semicolon(self, &error) {
            Some(missing) => self.missing_semicolons.push((start, missing)),
            None => self.diagnostics.push(errors::diagnostic(error)),
        }
    }

    /// Whether the token at `pos` is in text that an error was reported for, or right behind it.
    fn is_doubtful(&self, pos: usize) -> bool {
        let before = self.token_before(pos).map_or(0, |span| span.end);
        self.doubtful
            .iter()
            .any(|span| span.start as usize <= pos && before <= span.end)
    }

    /// Index of the first token that starts at `pos` or later.
    fn index_of(&self, pos: usize) -> usize {
        self.spans
            .partition_point(|span| (span.start as usize) < pos)
    }

    /// The token before the one that starts at `pos`.
    pub fn token_before(&self, pos: usize) -> Option<Span> {
        self.spans.get(self.index_of(pos).checked_sub(1)?).copied()
    }

    /// `a = b` where only a value makes sense; it reads as `a == b` from here on.
    pub fn assignment_as_condition(&mut self, left: Expr, op: Span, right: Expr) -> Expr {
        self.diagnostics.push(
            Diagnostic::error("E0109", op, "assignment in the place of a condition")
                .here("`=` assigns")
                .help("compare with `==`"),
        );
        let span = left.span.to(right.span);
        let kind = ExprKind::Binary {
            op: BinaryOp::Eq,
            left: Box::new(left),
            right: Box::new(right),
        };
        Expr { kind, span }
    }

    pub fn tuple_field(&mut self, base: Expr, index: Spanned<u64>) -> ExprKind {
        let Ok(node) = u32::try_from(index.node) else {
            self.diagnostics.push(
                Diagnostic::error("E0107", index.span, "tuple index is too large")
                    .here("no tuple has that many elements")
                    .help("the first element is `.0`"),
            );
            return ExprKind::Error;
        };
        ExprKind::TupleField {
            base: Box::new(base),
            index: Spanned {
                node,
                span: index.span,
            },
        }
    }
}

pub fn name(start: usize, text: &str, end: usize) -> Ident {
    Ident {
        node: text.to_owned(),
        span: Span::new(start, end),
    }
}

pub fn owned(text: Spanned<&str>) -> Ident {
    Ident {
        node: text.node.to_owned(),
        span: text.span,
    }
}

/// A string where text is meant: a path, a config value.
pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// What could not be parsed.
pub fn hole(start: usize, end: usize) -> Expr {
    Expr {
        kind: ExprKind::Error,
        span: Span::new(start, end),
    }
}

pub fn empty_part(at: usize) -> AttachPart {
    AttachPart {
        text: String::new(),
        quoted: false,
        span: Span::new(at, at),
    }
}

pub fn block(start: usize, (stmts, tail): (Vec<Stmt>, Option<Expr>), end: usize) -> Block {
    Block {
        stmts,
        tail: tail.map(Box::new),
        span: Span::new(start, end),
    }
}

/// A statement before a `}`: an expression is the block's value, others need no semicolon.
pub fn with_tail(mut stmts: Vec<Stmt>, last: Stmt) -> (Vec<Stmt>, Option<Expr>) {
    match last.kind {
        StmtKind::Expr(expr) => (stmts, Some(expr)),
        _ => {
            stmts.push(last);
            (stmts, None)
        }
    }
}

/// A block whose value is used: if it ends in an `if` whose branches all have values, or in a block that has one, that
/// is its value.
pub fn value_block(mut block: Block) -> Block {
    if block.tail.is_some() {
        return block;
    }
    if let Some(last) = block.stmts.pop() {
        match as_value(last) {
            Ok(value) => block.tail = Some(Box::new(value)),
            Err(stmt) => block.stmts.push(*stmt),
        }
    }
    block
}

fn as_value(stmt: Stmt) -> Result<Expr, Box<Stmt>> {
    if !has_value(&stmt) {
        return Err(Box::new(stmt));
    }
    let span = stmt.span;
    match stmt.kind {
        StmtKind::Block(block) => Ok(block_value(block)),
        StmtKind::If {
            cond,
            then,
            otherwise: Some(otherwise),
        } => {
            let kind = if_value(cond, then, block_value(otherwise));
            Ok(Expr { kind, span })
        }
        kind => Err(Box::new(Stmt { kind, span })),
    }
}

fn has_value(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Block(block) => block_has_value(block),
        StmtKind::If {
            then,
            otherwise: Some(otherwise),
            ..
        } => block_has_value(then) && block_has_value(otherwise),
        _ => false,
    }
}

fn block_has_value(block: &Block) -> bool {
    block.tail.is_some() || block.stmts.last().is_some_and(has_value)
}

/// `else if` is a block of one statement; as a value it is that statement's value.
fn block_value(block: Block) -> Expr {
    let span = block.span;
    let mut block = value_block(block);
    match block.tail.take() {
        Some(tail) if block.stmts.is_empty() && tail.span == span => *tail,
        tail => {
            block.tail = tail;
            Expr {
                kind: ExprKind::Block(block),
                span,
            }
        }
    }
}

/// `if c { a } else { b }` as a value: what `c ? { a } : { b }` is.
pub fn if_value(cond: Expr, then: Block, otherwise: Expr) -> ExprKind {
    let then = Expr {
        span: then.span,
        kind: ExprKind::Block(value_block(then)),
    };
    ternary(cond, Some(then), otherwise)
}

pub fn block_statement(block: Block) -> Stmt {
    Stmt {
        span: block.span,
        kind: StmtKind::Block(block),
    }
}

pub fn for_loop(var: Ident, (first, end): (Expr, Option<Expr>), body: Block) -> StmtKind {
    match end {
        Some(end) => StmtKind::ForRange {
            var,
            start: first,
            end,
            body,
        },
        None => StmtKind::ForMap {
            var,
            map: first,
            body,
        },
    }
}

/// A loop whose head is broken: its body remains.
pub fn lost_loop(start: usize, end: usize, body: Block) -> StmtKind {
    StmtKind::While {
        cond: hole(start, end),
        body,
    }
}

pub fn assign(target: Expr, value: Expr) -> StmtKind {
    match &target.kind {
        ExprKind::Ident(name) if name == "_" => StmtKind::Discard(value),
        _ => StmtKind::Assign {
            target,
            op: None,
            value,
        },
    }
}

pub fn ternary(cond: Expr, then: Option<Expr>, otherwise: Expr) -> ExprKind {
    ExprKind::Ternary {
        cond: Box::new(cond),
        then: then.map(Box::new),
        otherwise: Box::new(otherwise),
    }
}

pub fn binary(start: usize, left: Expr, op: BinaryOp, right: Expr, end: usize) -> Expr {
    let kind = ExprKind::Binary {
        op,
        left: Box::new(left),
        right: Box::new(right),
    };
    Expr {
        kind,
        span: Span::new(start, end),
    }
}

pub fn field(base: Expr, name: Ident, arrow: bool) -> ExprKind {
    ExprKind::Field {
        base: Box::new(base),
        name,
        arrow,
    }
}

pub fn tuple(first: Expr, rest: Vec<Expr>) -> ExprKind {
    let mut items = vec![first];
    items.extend(rest);
    ExprKind::Tuple(items)
}

/// C words, qualifiers dropped: they change nothing about how memory is read.
pub fn named_type<'s>(mut words: Vec<&'s str>, last: &'s str) -> TypeBase {
    words.push(last);
    words.retain(|w| !matches!(*w, "const" | "volatile"));
    TypeBase::Named(words.join(" "))
}
