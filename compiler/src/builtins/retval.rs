//! `retval`: what the traced function returned.

use bt_abi::manifest::Attach;
use bt_grammar::ast;
use bt_grammar::span::{Ident, Span};

use super::args::{traced, unknown_arguments};
use super::{Builtin, unavailable, value};
use crate::arch::X86_64;
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::probes::ProbeKind;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Retval;

/// Of the type that the function's prototype says.
fn typed(cx: &mut Checker, name: &str, span: Span) -> Expr {
    let program = matches!(cx.spec().attach, Attach::FexitProgram { .. });
    match traced(&cx.spec().attach).and_then(|t| t.record(cx)) {
        None if program => unavailable(
            cx,
            name,
            span,
            "no kernel types describe what BPF programs return",
        ),
        None => unknown_arguments(cx, span),
        Some(record) if cx.records.find(record, "retval").is_none() => unavailable(
            cx,
            name,
            span,
            "the function returns nothing, or more than a word",
        ),
        Some(_) => {
            let args = ast::Expr {
                kind: ast::ExprKind::Ident("args".into()),
                span,
            };
            let field = ast::ExprKind::Field {
                base: Box::new(args),
                name: Ident {
                    node: "retval".into(),
                    span,
                },
                arrow: false,
            };
            cx.expr(&ast::Expr { kind: field, span })
        }
    }
}

impl Builtin for Retval {
    fn names(&self) -> &'static [&'static str] {
        &["retval"]
    }

    fn about(&self) -> &'static str {
        "return value of the traced function (kretprobe, uretprobe)"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("kretprobe:vfs_read { @ = hist(retval); }")] }
    }

    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr {
        match cx.spec().kind {
            ProbeKind::Fexit => typed(cx, name, span),
            kind if kind.has_return_value() => value(self, UINT64, span),
            ProbeKind::Tracepoint => {
                unavailable(cx, name, span, "a sys_exit tracepoint has `args.ret`")
            }
            _ => unavailable(
                cx,
                name,
                span,
                "only kretprobes, uretprobes and fexit have a return value",
            ),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.context_word(X86_64.convention.return_value)
    }
}
