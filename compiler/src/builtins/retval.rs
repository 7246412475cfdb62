//! `retval`: what the traced function returned.

use bt_grammar::span::Span;

use super::{Builtin, unavailable, value};
use crate::arch::X86_64;
use crate::check::Checker;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Retval;

impl Builtin for Retval {
    fn names(&self) -> &'static [&'static str] {
        &["retval"]
    }

    fn about(&self) -> &'static str {
        "return value of the traced function (kretprobe, uretprobe)"
    }

    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr {
        match cx.spec().kind {
            kind if kind.has_return_value() => value(self, UINT64, span),
            crate::probes::ProbeKind::Tracepoint => {
                unavailable(cx, name, span, "a sys_exit tracepoint has `args.ret`")
            }
            _ => unavailable(
                cx,
                name,
                span,
                "only kretprobes and uretprobes have a return value",
            ),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.context_word(X86_64.return_value)
    }
}
