//! `comm`: the name of the current task.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::llvm::helper::GET_CURRENT_COMM;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::Ty;

pub struct Comm;

/// `TASK_COMM_LEN`
const SIZE: u32 = 16;

impl Builtin for Comm {
    fn names(&self) -> &'static [&'static str] {
        &["comm"]
    }

    fn about(&self) -> &'static str {
        "name of the current task, at most 15 characters"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::printing("begin { print(comm); exit(); }", "btrun")] }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, Ty::Str(SIZE), span)
    }

    /// The helper pads the name with zeros.
    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr, to: PointerValue<'c>) {
        let size = lower.int(i64::from(SIZE));
        lower.helper(GET_CURRENT_COMM, &[to.into(), size.into()]);
    }
}
