//! `arg0` to `arg11`: arguments of the traced function that are passed in registers, or of a static probe.

use bt_grammar::span::Span;

use super::{Builtin, unavailable, usdt, value};
use crate::arch::X86_64;
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::probes::ProbeKind;
use crate::typed::Expr;
use crate::types::{INT64, UINT64};

/// The argument of that number.
pub struct Argument(pub usize);

/// As many as a static probe can have.
const NAMES: [&[&str]; 12] = [
    &["arg0"],
    &["arg1"],
    &["arg2"],
    &["arg3"],
    &["arg4"],
    &["arg5"],
    &["arg6"],
    &["arg7"],
    &["arg8"],
    &["arg9"],
    &["arg10"],
    &["arg11"],
];

impl Builtin for Argument {
    fn names(&self) -> &'static [&'static str] {
        NAMES[self.0]
    }

    fn about(&self) -> &'static str {
        "argument of the traced function, counted from 0 (kprobe, uprobe, usdt)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "kprobe:vfs_read { @bytes[comm] = sum(arg2); }",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr {
        let kind = cx.spec().kind;
        if kind == ProbeKind::Usdt {
            usdt::check(cx, self.0 as u32, span);
            return value(self, INT64, span);
        }
        if self.0 >= X86_64.convention.arguments.len() {
            return unavailable(
                cx,
                name,
                span,
                "`arg0` to `arg5` are passed in registers; only static probes (usdt) have more",
            );
        }
        if kind.has_arguments() || kind == ProbeKind::RawTracepoint {
            return value(self, UINT64, span);
        }
        let help = match kind {
            ProbeKind::Fentry | ProbeKind::Fexit => "arguments of its function are `args.NAME`",
            ProbeKind::Tracepoint => "a tracepoint's fields are `args.NAME`",
            _ if kind.has_return_value() => {
                "a return probe has `retval`; save arguments in a map at the function's entry"
            }
            _ => "only kprobes and uprobes have numbered arguments",
        };
        unavailable(cx, name, span, help)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        match lower.kind() {
            ProbeKind::Usdt => usdt::lower(lower, self.0 as u32),
            ProbeKind::RawTracepoint => lower.context_word(8 * self.0 as u32),
            _ => lower.context_word(X86_64.convention.arguments[self.0]),
        }
    }
}
