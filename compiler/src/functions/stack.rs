//! `kstack()` and `ustack()`: stacks with a mode and a limit.

use bt_abi::types::StackMode;
use bt_grammar::ast::{Arg, ExprKind};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Function;
use crate::builtins::{DEFAULT_LIMIT, MAX_LIMIT, Unwinding, lower_stack, mode_without_build_id};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{StackTy, Ty};

pub struct KernelStack;
pub struct UserStack;

impl Function for KernelStack {
    fn name(&self) -> &'static str {
        "kstack"
    }

    fn signature(&self) -> &'static str {
        "kstack([mode][, const int limit])"
    }

    fn about(&self) -> &'static str {
        "the kernel's stack, printed as the mode says (bpftrace, perf, raw), at most `limit` frames"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "kprobe:vfs_read { @[kstack(3)] = count(); @perf[kstack(perf)] = count(); }",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        stack(self, cx, site, Kind::Kernel)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        from_call(lower, call, false, to);
    }
}

impl Function for UserStack {
    fn name(&self) -> &'static str {
        "ustack"
    }

    fn signature(&self) -> &'static str {
        "ustack([mode][, const int limit])"
    }

    fn about(&self) -> &'static str {
        "the program's stack, printed as the mode says (bpftrace, perf, raw, build_id), at most `limit` frames"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::new("uprobe:/bin/bash:readline { print(ustack(perf, 3)); }"),
                Example::new("profile:hz:99 { @[ustack(build_id)] = count(); }"),
            ]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        stack(self, cx, site, Kind::User)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        from_call(lower, call, true, to);
    }
}

/// Whose stack, and who records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Kernel,
    User,
    /// A program's, by its tables.
    Unwound,
}

/// The mode and the limit of a call.
pub fn stack(
    function: &'static dyn Function,
    cx: &mut Checker,
    site: &CallSite,
    kind: Kind,
) -> Expr {
    if !cx.arity(site, function, 0, 2) {
        return Expr::poison(site.span);
    }
    let (rest, mode) = match site.args.first() {
        Some(Arg::Expr(first)) if let ExprKind::Ident(name) = &first.kind => {
            (1, named_mode(cx, name, first.span, kind))
        }
        _ if kind == Kind::User => (0, Some(cx.config.stack_mode)),
        _ => (0, Some(mode_without_build_id(cx, site.span))),
    };
    let Some(mode) = mode else {
        return Expr::poison(site.span);
    };
    let mut ty = StackTy {
        user: kind != Kind::Kernel,
        limit: DEFAULT_LIMIT,
        mode,
    };
    if ty.user {
        cx.namespace_slots(site.span);
    }
    if site.args.len() > rest {
        match cx.literal_int(site, rest, "the limit of a stack") {
            Some(limit) if (1..=i64::from(MAX_LIMIT)).contains(&limit) => ty.limit = limit as u32,
            Some(_) => {
                let error = Diagnostic::error(
                    "E0402",
                    site.args[rest].span(),
                    "the limit of a stack is out of range",
                );
                cx.report(error.here(format!("expected 1 to {MAX_LIMIT}")));
                return Expr::poison(site.span);
            }
            None => return Expr::poison(site.span),
        }
    }
    cx.made(
        site,
        function,
        Ty::Stack(ty),
        Vec::new(),
        CallData::Stack(ty),
    )
}

/// The mode that a call names.
fn named_mode(cx: &mut Checker, name: &str, span: Span, kind: Kind) -> Option<StackMode> {
    let error = |message: &str| Diagnostic::error("E0402", span, message);
    match crate::check::stack_mode(name) {
        Some(StackMode::BuildId) if kind != Kind::User => {
            let error = error("the stack mode `build_id` is for `ustack` only");
            let help = "modes are bpftrace, perf and raw";
            cx.report(error.here("the kernel gives no build ids here").help(help));
            None
        }
        Some(mode) => Some(mode),
        None => {
            let error = error(&format!("unknown stack mode `{name}`"));
            let help = "modes are bpftrace, perf, raw, and of `ustack` build_id";
            cx.report(error.here("no mode has this name").help(help));
            None
        }
    }
}

fn from_call<'c>(lower: &mut Lower<'c, '_>, call: &Call, user: bool, to: PointerValue<'c>) {
    if let CallData::Stack(ty) = &call.data {
        debug_assert_eq!(ty.user, user);
        lower_stack(lower, *ty, Unwinding::FramePointers, to);
    }
}
