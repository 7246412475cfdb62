//! `cgroup`: the control group of the current task.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_CURRENT_CGROUP_ID;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Cgroup;

impl Builtin for Cgroup {
    fn names(&self) -> &'static [&'static str] {
        &["cgroup"]
    }

    fn about(&self) -> &'static str {
        "id of the cgroup (version 2) of the current task"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "tracepoint:syscalls:sys_enter_openat { @[cgroup] = count(); }",
            )]
        }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT64, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.helper(GET_CURRENT_CGROUP_ID, &[])
    }
}
