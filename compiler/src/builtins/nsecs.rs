//! `nsecs`: the time.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::KTIME_GET_BOOT_NS;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Nsecs;

impl Builtin for Nsecs {
    fn names(&self) -> &'static [&'static str] {
        &["nsecs"]
    }

    fn about(&self) -> &'static str {
        "nanoseconds since boot, time asleep included (CLOCK_BOOTTIME)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"tracepoint:raw_syscalls:sys_enter { @start[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@start[tid]/ { @us = hist((nsecs - @start[tid]) / 1000); delete(@start, tid); }"#,
            )]
        }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT64, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.helper(KTIME_GET_BOOT_NS, &[])
    }
}
