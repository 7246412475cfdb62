//! `usermode`: whether the processor was in user mode.

use bt_grammar::span::Span;
use inkwell::IntPredicate;

use super::{Builtin, value};
use crate::arch::X86_64;
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::probes::ProbeKind;
use crate::typed::Expr;
use crate::types::Ty;

pub struct Usermode;

impl Builtin for Usermode {
    fn names(&self) -> &'static [&'static str] {
        &["usermode"]
    }

    fn about(&self) -> &'static str {
        "1 if the event interrupted user code, 0 for the kernel's; 0 in events of the kernel, 1 where btrun runs the probe (`begin`)"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("profile:hz:99 { @[usermode] = count(); }")] }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let ty = Ty::int(1, false);
        match cx.spec().kind {
            kind if kind.has_registers() => value(self, ty, span),
            // btrun itself runs these.
            ProbeKind::Special | ProbeKind::Test | ProbeKind::Bench => Expr::int(1, ty, span),
            _ => Expr::int(0, ty, span),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let segment = lower.context_word(X86_64.code_segment);
        let level = lower.b.and(segment, lower.int(3));
        lower.b.compare(IntPredicate::EQ, level, lower.int(3))
    }
}
