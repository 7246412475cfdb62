//! Runs the generated parsers over prepared tokens.

use crate::actions::{Context, Root};
use crate::ast::{CItem, Expr, ExprKind, Item};
use crate::diag::Diagnostic;
use crate::lexer::Cursor;
use crate::lexer::brackets::Balanced;
use crate::lexer::shape::{self, Braces};
use crate::span::Span;
use crate::token::{Tok, Triple};

lalrpop_util::lalrpop_mod!(
    #[allow(clippy::all, clippy::unwrap_used, unused, dead_code)]
    script,
    "/syntax/script.rs"
);
lalrpop_util::lalrpop_mod!(
    #[allow(clippy::all, clippy::unwrap_used, unused, dead_code)]
    c,
    "/syntax/c.rs"
);

/// An item from its shaped tokens; `None` if too little of it could be parsed.
pub fn item<'s>(
    src: &'s str,
    tokens: Vec<Triple<'s>>,
    doubtful: &'s [Span],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Item> {
    match root(src, tokens, doubtful, diagnostics) {
        Some(Root::Item(item)) => Some(item),
        _ => None,
    }
}

/// What one C definition defines, from its shaped tokens.
pub fn definitions<'s>(
    src: &'s str,
    tokens: Vec<Triple<'s>>,
    doubtful: &'s [Span],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<CItem> {
    let mut context = Context::new(src, &tokens, doubtful);
    let result = c::DefinitionParser::new().parse(&mut context, tokens);
    let items = result.unwrap_or_else(|error| {
        context.failed(error);
        Vec::new()
    });
    diagnostics.append(&mut context.diagnostics);
    items
}

/// An expression from its tokens, as C definitions have them; a hole after an error.
pub fn expression<'s>(
    src: &'s str,
    mut tokens: Vec<Triple<'s>>,
    span: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Expr {
    let start = span.start as usize;
    tokens.insert(0, (start, Tok::ExprStart, start));
    match root(
        src,
        shape::shape(src, tokens, Braces::Blocks),
        &[],
        diagnostics,
    ) {
        Some(Root::Expr(expr)) => expr,
        _ => Expr {
            kind: ExprKind::Error,
            span,
        },
    }
}

/// Parses text that is one expression, such as the body of a `#define`. Places are relative to the text.
pub fn parse_expression(text: &str) -> (Expr, Vec<Diagnostic>) {
    let mut cursor = Cursor::new(text);
    let mut balanced = Balanced::new(text);
    while let Some(token) = cursor.next_token() {
        balanced.push(token);
    }
    balanced.finish(text.len(), None);
    let span = Span::new(0, text.len());
    let mut diagnostics = cursor.diagnostics;
    diagnostics.append(&mut balanced.diagnostics);
    if balanced.too_deep {
        return (
            Expr {
                kind: ExprKind::Error,
                span,
            },
            diagnostics,
        );
    }
    let expr = expression(text, balanced.tokens, span, &mut diagnostics);
    (expr, diagnostics)
}

/// How often an item is parsed again with a semicolon more.
const MAX_REPAIRS: usize = 20;

fn root<'s>(
    src: &'s str,
    mut tokens: Vec<Triple<'s>>,
    doubtful: &'s [Span],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Root> {
    let mut repairs = 0;
    loop {
        let mut context = Context::new(src, &tokens, doubtful);
        let result = script::RootParser::new().parse(&mut context, tokens.iter().cloned());
        let root = match result {
            Ok(root) => Some(root),
            Err(error) => {
                context.failed(error);
                None
            }
        };
        if context.missing_semicolons.is_empty() {
            diagnostics.append(&mut context.diagnostics);
            return root;
        }
        // With the semicolons in place nothing has to be skipped, and later errors come out as they are.
        let last_try = repairs == MAX_REPAIRS;
        for (pos, diagnostic) in context.missing_semicolons.into_iter().rev() {
            let index = tokens.partition_point(|(start, ..)| *start < pos);
            let at = index.checked_sub(1).map_or(pos, |before| tokens[before].2);
            tokens.insert(index, (at, Tok::Semi, at));
            diagnostics.push(diagnostic);
        }
        if last_try {
            diagnostics.append(&mut context.diagnostics);
            return root;
        }
        repairs += 1;
    }
}
