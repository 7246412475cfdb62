//! `uid` and `gid` of the current task.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_CURRENT_UID_GID;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT32;

pub struct Uid;
pub struct Gid;

impl Builtin for Uid {
    fn names(&self) -> &'static [&'static str] {
        &["uid"]
    }

    fn about(&self) -> &'static str {
        "user id of the current task"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "tracepoint:syscalls:sys_enter_execve /uid == 0/ { print(comm); }",
            )]
        }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let both = lower.helper(GET_CURRENT_UID_GID, &[]);
        lower.b.narrow(both, 4, false)
    }
}

impl Builtin for Gid {
    fn names(&self) -> &'static [&'static str] {
        &["gid"]
    }

    fn about(&self) -> &'static str {
        "group id of the current task"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("begin { print(gid); exit(); }")] }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let both = lower.helper(GET_CURRENT_UID_GID, &[]);
        lower.b.shr(both, lower.int(32), false)
    }
}
