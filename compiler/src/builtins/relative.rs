//! `ppid`, `pcomm`, `leader_tid` and `leader_comm`: the parent of the current task, and the leader of its threads.

use bt_grammar::ast;
use bt_grammar::span::{Ident, Span};

use super::Builtin;
use crate::check::Checker;
use crate::docs::Example;
use crate::typed::Expr;

/// Its name, the way to it from the current task, and what it is.
pub struct Relative {
    names: &'static [&'static str],
    path: [&'static str; 2],
    about: &'static str,
    examples: &'static [Example],
}

pub static PPID: Relative = Relative {
    names: &["ppid"],
    path: ["real_parent", "pid"],
    about: "process id of the parent of the current task",
    examples: &[Example::new("begin { print(ppid > 0); exit(); }")],
};

pub static PCOMM: Relative = Relative {
    names: &["pcomm"],
    path: ["real_parent", "comm"],
    about: "name of the parent of the current task",
    examples: &[Example::new(
        "tracepoint:syscalls:sys_enter_execve { @[pcomm] = count(); }",
    )],
};

pub static LEADER_TID: Relative = Relative {
    names: &["leader_tid"],
    path: ["group_leader", "pid"],
    about: "thread id of the first thread of the current process",
    examples: &[Example::new("begin { print(leader_tid == pid); exit(); }")],
};

pub static LEADER_COMM: Relative = Relative {
    names: &["leader_comm"],
    path: ["group_leader", "comm"],
    about: "name of the first thread of the current process",
    examples: &[Example::printing(
        "begin { print(leader_comm); exit(); }",
        "btrun",
    )],
};

impl Builtin for Relative {
    fn names(&self) -> &'static [&'static str] {
        self.names
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn examples(&self) -> &'static [Example] {
        self.examples
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let kind = ast::ExprKind::Ident("curtask".into());
        self.of(cx, ast::Expr { kind, span }, span)
    }
}

impl Relative {
    /// Of the task that an expression points to.
    pub fn of(&self, cx: &mut Checker, task: ast::Expr, span: Span) -> Expr {
        let field = |base: ast::Expr, name: &str| ast::Expr {
            kind: ast::ExprKind::Field {
                base: Box::new(base),
                name: Ident {
                    node: name.into(),
                    span,
                },
                arrow: false,
            },
            span,
        };
        let [relative, what] = self.path;
        let whole = field(field(task, relative), what);
        cx.expr(&whole)
    }
}
