//! `pid` and `tid`: the process and the thread, as the root pid namespace numbers them.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_CURRENT_PID_TGID;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT32;

pub struct Pid;
pub struct Tid;

impl Builtin for Pid {
    fn names(&self) -> &'static [&'static str] {
        &["pid"]
    }

    fn about(&self) -> &'static str {
        "process id of the current task (the kernel's tgid)"
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let both = lower.helper(GET_CURRENT_PID_TGID, &[]);
        lower.b.shr(both, lower.int(32), false)
    }
}

impl Builtin for Tid {
    fn names(&self) -> &'static [&'static str] {
        &["tid"]
    }

    fn about(&self) -> &'static str {
        "thread id of the current task (the kernel's pid)"
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let both = lower.helper(GET_CURRENT_PID_TGID, &[]);
        lower.b.narrow(both, 4, false)
    }
}
