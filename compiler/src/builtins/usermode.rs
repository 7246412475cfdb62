//! `usermode`: whether the processor was in user mode.

use bt_grammar::span::Span;
use inkwell::IntPredicate;

use super::{Builtin, unavailable, value};
use crate::arch::X86_64;
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::Ty;

pub struct Usermode;

impl Builtin for Usermode {
    fn names(&self) -> &'static [&'static str] {
        &["usermode"]
    }

    fn about(&self) -> &'static str {
        "1 if the event interrupted user code, 0 for the kernel's"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("profile:hz:99 { @[usermode] = count(); }")] }
    }

    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr {
        match cx.spec().kind.has_registers() {
            true => value(self, Ty::int(1, false), span),
            false => unavailable(cx, name, span, "only probes with registers know"),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let segment = lower.context_word(X86_64.code_segment);
        let level = lower.b.and(segment, lower.int(3));
        lower.b.compare(IntPredicate::EQ, level, lower.int(3))
    }
}
