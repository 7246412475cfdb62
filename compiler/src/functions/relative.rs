//! `ppid(task)`, `pcomm(task)`, `leader_tid(task)` and `leader_comm(task)`: as the builtins, of a task that is given.

use super::Function;
use crate::builtins::relative::{self, Relative};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::Expr;

pub struct OfTask {
    name: &'static str,
    signature: &'static str,
    about: &'static str,
    examples: &'static [Example],
    relative: &'static Relative,
}

pub static PPID: OfTask = OfTask {
    name: "ppid",
    signature: "ppid([struct task_struct *task])",
    about: "process id of the parent of a task",
    examples: &[Example::printing(
        "begin { print(ppid(curtask) == ppid); exit(); }",
        "true",
    )],
    relative: &relative::PPID,
};

pub static PCOMM: OfTask = OfTask {
    name: "pcomm",
    signature: "pcomm([struct task_struct *task])",
    about: "name of the parent of a task",
    examples: &[Example::printing(
        "begin { print(pcomm(curtask) == pcomm); exit(); }",
        "true",
    )],
    relative: &relative::PCOMM,
};

pub static LEADER_TID: OfTask = OfTask {
    name: "leader_tid",
    signature: "leader_tid([struct task_struct *task])",
    about: "thread id of the first thread of a task's process",
    examples: &[Example::new(
        "fentry:vfs_read { @[leader_tid(curtask)] = count(); }",
    )],
    relative: &relative::LEADER_TID,
};

pub static LEADER_COMM: OfTask = OfTask {
    name: "leader_comm",
    signature: "leader_comm([struct task_struct *task])",
    about: "name of the first thread of a task's process",
    examples: &[Example::new(
        "fentry:vfs_read { @[leader_comm(curtask)] = count(); }",
    )],
    relative: &relative::LEADER_COMM,
};

impl Function for OfTask {
    fn name(&self) -> &'static str {
        self.name
    }

    fn signature(&self) -> &'static str {
        self.signature
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn examples(&self) -> &'static [Example] {
        self.examples
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// Fields of the task and nothing else.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        match cx.arg(site, 0) {
            Some(task) => self.relative.of(cx, task.clone(), site.span),
            None => Expr::poison(site.span),
        }
    }
}
