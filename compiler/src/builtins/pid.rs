//! `pid` and `tid`: the process and the thread, as the pid namespace of btrun numbers them.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
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
        "process id of the current task (the kernel's tgid), as the pid namespace of btrun counts"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "tracepoint:syscalls:sys_enter_openat /pid == $1/ { @ = count(); }",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        cx.namespace_slots(span);
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.process_id()
    }
}

impl Builtin for Tid {
    fn names(&self) -> &'static [&'static str] {
        &["tid"]
    }

    fn about(&self) -> &'static str {
        "thread id of the current task (the kernel's pid), as the pid namespace of btrun counts"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { print(tid == pid); exit(); }",
                "true",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        cx.namespace_slots(span);
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let both = lower.process_and_thread();
        lower.b.narrow(both, 4, false)
    }
}
