//! `default_str_length`: how large a string is that says nothing about it.

use bt_grammar::span::Span;

use super::Builtin;
use crate::check::Checker;
use crate::docs::Example;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct DefaultStrLength;

impl Builtin for DefaultStrLength {
    fn names(&self) -> &'static [&'static str] {
        &["default_str_length"]
    }

    fn about(&self) -> &'static str {
        "bytes of a string of which nothing says how large it is: `max_strlen`"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { print(default_str_length); exit(); }",
                "1024",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        Expr::int(i64::from(cx.config.max_strlen), UINT64, span)
    }
}
