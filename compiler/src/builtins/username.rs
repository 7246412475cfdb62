//! `username`: the user of the current task, by name.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::llvm::helper::GET_CURRENT_UID_GID;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::{Printed, Ty};

pub struct Username;

impl Builtin for Username {
    fn names(&self) -> &'static [&'static str] {
        &["username"]
    }

    fn about(&self) -> &'static str {
        "name of the user of the current task, as /etc/passwd has it where btrun runs"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"tracepoint:syscalls:sys_enter_execve { printf("%s: %s\n", username, comm); }"#,
            )]
        }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, Ty::Printed(Printed::UserName), span)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr, to: PointerValue<'c>) {
        let both = lower.helper(GET_CURRENT_UID_GID, &[]);
        let uid = lower.b.narrow(both, 4, false);
        lower.b.store(to, uid, 8);
    }
}
