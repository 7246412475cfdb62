//! `curtask`: the current task.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_CURRENT_TASK;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::{Space, Ty};

pub struct Curtask;

impl Builtin for Curtask {
    fn names(&self) -> &'static [&'static str] {
        &["curtask"]
    }

    fn about(&self) -> &'static str {
        "the current task, a `struct task_struct *`"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "fentry:vfs_read { @[curtask.real_parent.comm] = count(); }",
            )]
        }
    }

    /// Without BTF it is an address, good for printing and as a key.
    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let to = cx
            .records
            .named("task_struct", false)
            .map_or(Ty::Void, Ty::Record);
        value(self, Ty::Ptr(Box::new(to), Space::Kernel), span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.helper(GET_CURRENT_TASK, &[])
    }
}
