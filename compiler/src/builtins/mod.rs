//! The builtins, names that have a value without being called: one file each.

mod args;
mod argument;
mod cgroup;
mod child;
mod comm;
mod config;
mod cpu;
mod curtask;
mod elapsed;
mod func;
mod jiffies;
mod ncpus;
mod nsecs;
mod numaid;
mod pid;
mod probe;
mod rand;
pub mod relative;
mod retval;
mod stack;
mod stack_argument;
mod str_length;
mod uid;
mod usdt;
mod usermode;
mod username;

pub use stack::{
    DEFAULT_LIMIT, MAX_LIMIT, Unwinding, lower_stack, mode_without_build_id, stack_length,
};

use std::fmt;

use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

pub trait Builtin: Sync {
    /// The documented name first, then old spellings.
    fn names(&self) -> &'static [&'static str];
    /// One sentence for the documentation.
    fn about(&self) -> &'static str;
    /// Scripts that show it, and what they print.
    fn examples(&self) -> &'static [Example] {
        &[]
    }
    /// Its type where it is used, or a report of why it cannot be used there. `name` is how the script calls it.
    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr;
    /// The value of a scalar.
    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.int(0)
    }
    /// Writes what is no scalar.
    fn lower_into<'c>(&self, _: &mut Lower<'c, '_>, _: &Expr, _: PointerValue<'c>) {}
}

impl fmt::Debug for dyn Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names()[0])
    }
}

/// Every builtin.
pub static BUILTINS: &[&dyn Builtin] = &[
    &argument::Argument(0),
    &argument::Argument(1),
    &argument::Argument(2),
    &argument::Argument(3),
    &argument::Argument(4),
    &argument::Argument(5),
    &argument::Argument(6),
    &argument::Argument(7),
    &argument::Argument(8),
    &argument::Argument(9),
    &argument::Argument(10),
    &argument::Argument(11),
    &stack_argument::StackArgument(0),
    &stack_argument::StackArgument(1),
    &stack_argument::StackArgument(2),
    &stack_argument::StackArgument(3),
    &stack_argument::StackArgument(4),
    &stack_argument::StackArgument(5),
    &stack_argument::StackArgument(6),
    &stack_argument::StackArgument(7),
    &stack_argument::StackArgument(8),
    &stack_argument::StackArgument(9),
    &args::Args,
    &comm::Comm,
    &cpu::Cpu,
    &curtask::Curtask,
    &elapsed::Elapsed,
    &func::Func,
    &uid::Gid,
    &stack::Kstack,
    &nsecs::Nsecs,
    &pid::Pid,
    &probe::Probe,
    &probe::ProbeType,
    &retval::Retval,
    &pid::Tid,
    &uid::Uid,
    &stack::Ustack,
    &rand::Rand,
    &cgroup::Cgroup,
    &numaid::Numaid,
    &jiffies::Jiffies,
    &ncpus::Ncpus,
    &username::Username,
    &usermode::Usermode,
    &relative::PPID,
    &relative::PCOMM,
    &relative::LEADER_TID,
    &relative::LEADER_COMM,
    &child::ChildPid,
    &child::HasChildPid,
    &config::Config,
    &str_length::DefaultStrLength,
];

/// A builtin by any of its names; bpftrace's own library calls it `__builtin_NAME`, and so may scripts.
pub fn find(name: &str) -> Option<&'static dyn Builtin> {
    let name = name.strip_prefix("__builtin_").unwrap_or(name);
    BUILTINS.iter().copied().find(|b| b.names().contains(&name))
}

pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|b| b.names()[0])
}

/// The builtin as an expression of that type.
fn value(builtin: &'static dyn Builtin, ty: Ty, span: Span) -> Expr {
    Expr {
        kind: ExprKind::Builtin(builtin),
        ty,
        span,
    }
}

/// The probe has nothing that the builtin could give.
fn unavailable(cx: &mut Checker, name: &str, span: Span, help: &str) -> Expr {
    let probe = cx.spec().text.clone();
    let message = format!("`{name}` is not available in `{probe}`");
    cx.report(
        Diagnostic::error("E0505", span, message)
            .here("this probe has none")
            .help(help),
    );
    Expr::poison(span)
}
