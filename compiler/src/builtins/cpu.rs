//! `cpu`: the processor that the program runs on.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_SMP_PROCESSOR_ID;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Cpu;

impl Builtin for Cpu {
    fn names(&self) -> &'static [&'static str] {
        &["cpu"]
    }

    fn about(&self) -> &'static str {
        "number of the processor that the event happened on"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("profile:hz:99 { @[cpu] = count(); }")] }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT64, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let cpu = lower.helper(GET_SMP_PROCESSOR_ID, &[]);
        lower.b.narrow(cpu, 4, false)
    }
}
