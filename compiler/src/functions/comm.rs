//! `comm(pid)`: the name of any task.

use bt_abi::manifest::FaultKind;
use bt_grammar::ast;
use bt_grammar::span::Ident;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::facts::{RawFunction, RawType};
use crate::llvm::builder::Arg;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Space, Ty};

pub struct Comm;

/// `TASK_COMM_LEN`
const SIZE: u32 = 16;
/// `N/A`, and its NUL.
const NOT_AVAILABLE: u32 = u32::from_le_bytes(*b"N/A\0");
/// No such process.
const ESRCH: i64 = -3;

impl Function for Comm {
    fn name(&self) -> &'static str {
        "comm"
    }

    fn signature(&self) -> &'static str {
        "string comm([int32 pid])"
    }

    fn about(&self) -> &'static str {
        "the name of the task of that id (in the root pid namespace), by default of the current one; `N/A` if there is none. With an id, only where \
         the kernel lets the probe call its function bpf_task_from_pid, which is since Linux 6.2, and depends on the kind of probe"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::new(
                    r#"tracepoint:sched:sched_wakeup { printf("%s wakes %s\n", comm, comm(args.pid)); }"#,
                ),
                Example::new(
                    r#"interval:s:1 { if (kfunc_allowed("bpf_task_from_pid")) { print(comm(1)); } }"#,
                ),
            ]
        }
    }

    /// Arguments: the id, and where the name is in a task.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        // without arguments it is the builtin
        if !cx.arity(site, self, 0, 1) {
            return Expr::poison(site.span);
        }
        let Some(pid) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let pid = cx.scalar(pid, "the process id");
        let pid = cx.convert_silently(pid, &Ty::int(4, true));
        let offset = cx.expr(&offset_of_name(site));
        if pid.ty.is_unknown() || offset.ty.is_unknown() {
            return Expr::poison(site.span);
        }
        cx.made(site, self, Ty::Str(SIZE), vec![pid, offset], CallData::None)
    }

    fn lower_into<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        call: &Call,
        to: PointerValue<'c>,
        size: u32,
    ) {
        let [pid, offset] = call.args.as_slice() else {
            return;
        };
        let (pid, offset) = (lower.scalar(pid), lower.scalar(offset));
        let task = lower.call_kfunc_for_ptr(&from_pid(), &[Arg::Int(pid)]);
        let [missing, found, done] = ["missing", "found", "done"].map(|name| lower.b.block(name));
        lower.b.branch_null(task, missing, found);

        lower.b.at_end(found);
        let name = lower.b.offset_by(task, offset);
        lower.read_string_at(Space::Kernel, to, size, Arg::Ptr(name));
        lower.call_kfunc(&release(), &[Arg::Ptr(task)]);
        lower.b.jump(done);

        lower.b.at_end(missing);
        let text = lower.int(i64::from(NOT_AVAILABLE));
        lower.b.store(to, text, 4);
        let kind = FaultKind::Helper {
            helper: "task_from_pid".into(),
        };
        let status: IntValue = lower.int(ESRCH);
        lower.count_fault(kind, status);
        lower.b.jump(done);
        lower.b.at_end(done);
    }
}

/// `offsetof(struct task_struct, comm)`
fn offset_of_name(site: &CallSite) -> ast::Expr {
    let span = site.span;
    let base = ast::Arg::Type(ast::TypeExpr {
        base: ast::TypeBase::Struct("task_struct".into()),
        modifiers: Vec::new(),
        span,
    });
    let path = vec![Ident {
        node: "comm".into(),
        span,
    }];
    ast::Expr {
        kind: ast::ExprKind::Offsetof {
            base: Box::new(base),
            path,
        },
        span,
    }
}

fn task() -> RawType {
    RawType::Pointer(Box::new(RawType::Record {
        name: "task_struct".into(),
        is_union: false,
        btf_id: 0,
        typedef: String::new(),
    }))
}

/// `struct task_struct *bpf_task_from_pid(s32 pid)`
fn from_pid() -> RawFunction {
    let pid = RawType::Int {
        bytes: 4,
        signed: true,
        is_char: false,
    };
    RawFunction {
        name: "bpf_task_from_pid".into(),
        params: vec![("pid".into(), pid)],
        result: Some(task()),
    }
}

/// `void bpf_task_release(struct task_struct *p)`
fn release() -> RawFunction {
    RawFunction {
        name: "bpf_task_release".into(),
        params: vec![("p".into(), task())],
        result: None,
    }
}
