//! `probe`: the attach point as the script names it.

use bt_grammar::span::Span;

use super::Builtin;
use crate::check::Checker;
use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

pub struct Probe;

impl Builtin for Probe {
    fn names(&self) -> &'static [&'static str] {
        &["probe"]
    }

    fn about(&self) -> &'static str {
        "the attach point, with the full name of its provider"
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        literal(&cx.spec().text.clone(), span)
    }
}

/// A text that is known now.
pub fn literal(text: &str, span: Span) -> Expr {
    Expr {
        kind: ExprKind::Str(text.as_bytes().to_vec()),
        ty: Ty::Str(crate::check::literal_size(text.as_bytes())),
        span,
    }
}
