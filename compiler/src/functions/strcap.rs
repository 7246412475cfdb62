//! `strcap()`: how much room a string has.

use bt_grammar::ast;

use super::{Function, strlen};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::Expr;
use crate::types::{INT64, Ty};

pub struct Strcap;

impl Function for Strcap {
    fn name(&self) -> &'static str {
        "strcap"
    }

    fn signature(&self) -> &'static str {
        "int64 strcap(string text), of char arrays and pointers too"
    }

    fn about(&self) -> &'static str {
        "the bytes that a string or array has room for, its NUL included; of a pointer, the length of the string there"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { print(strcap(comm)); exit(); }",
                "16",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// Known now, but for pointers.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let text = match &arg.kind {
            ast::ExprKind::Param(_) => cx.value_as_string(arg),
            _ => cx.bytes(arg),
        };
        match &text.ty {
            Ty::Unknown => Expr::poison(site.span),
            Ty::Str(size) => Expr::int(i64::from(*size), INT64, site.span),
            Ty::Array(element, count) if element.size() == 1 => {
                Expr::int(i64::from(*count), INT64, site.span)
            }
            Ty::Ptr(..) => {
                let length = Function::check(&strlen::Strlen, cx, site);
                cx.convert_silently(length, &INT64)
            }
            _ => cx.wrong_arg(site, &text, "a string"),
        }
    }
}
