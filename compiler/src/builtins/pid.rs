//! `pid` and `tid`: the process and the thread, as the pid namespace of btrun numbers them.

use bt_abi::manifest::{NamespacePart, SlotValue};
use bt_grammar::span::Span;
use inkwell::IntPredicate;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{GET_CURRENT_PID_TGID, GET_NS_CURRENT_PID_TGID};
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
        name_slots(cx, span);
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let both = of_namespace(lower);
        lower.b.shr(both, lower.int(32), false)
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
        name_slots(cx, span);
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let both = of_namespace(lower);
        lower.b.narrow(both, 4, false)
    }
}

/// The namespace of btrun is known when it runs.
fn name_slots(cx: &mut Checker, span: Span) {
    for part in [NamespacePart::Device, NamespacePart::Inode] {
        cx.slot(SlotValue::PidNamespace { part }, crate::types::UINT64, span);
    }
}

/// Process id above, thread id below, as the namespace of btrun has them; 0 for a task that it does not see. In the root namespace,
/// for which the slots are 0, the verifier drops all but the plain helper.
fn of_namespace<'c>(lower: &mut Lower<'c, '_>) -> IntValue<'c> {
    let slot = |lower: &mut Lower<'c, '_>, wanted| {
        lower.own_slot(|v, _| matches!(v, SlotValue::PidNamespace { part } if *part == wanted))
    };
    let inode = slot(lower, NamespacePart::Inode);
    let ids = lower.b.alloca(8);
    let [plain, nested, done] = ["plain", "nested", "done"].map(|name| lower.b.block(name));
    let is_root = lower.b.compare(IntPredicate::EQ, inode, lower.int(0));
    lower.b.branch(is_root, plain, nested);

    lower.b.at_end(plain);
    let both = lower.helper(GET_CURRENT_PID_TGID, &[]);
    lower.b.jump(done);

    lower.b.at_end(nested);
    let device = slot(lower, NamespacePart::Device);
    let size = lower.int(8);
    // `struct bpf_pidns_info`: the thread's id first.
    lower.helper(
        GET_NS_CURRENT_PID_TGID,
        &[device.into(), inode.into(), Arg::Ptr(ids), size.into()],
    );
    let seen = lower.b.load(ids, 8, false);
    lower.b.jump(done);

    lower.b.at_end(done);
    lower.b.phi(&[(both, plain), (seen, nested)])
}
