//! `kstack()` and `ustack()`: stacks with a mode and a limit.

use bt_grammar::ast::{Arg, ExprKind};
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::builtins::{DEFAULT_LIMIT, MAX_LIMIT, Unwinding, lower_stack};
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
        stack(self, cx, site, false)
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
        "the program's stack, printed as the mode says (bpftrace, perf, raw), at most `limit` frames"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "uprobe:/bin/bash:readline { print(ustack(perf, 3)); }",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        stack(self, cx, site, true)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        from_call(lower, call, true, to);
    }
}

/// The mode and the limit of a call.
pub fn stack(
    function: &'static dyn Function,
    cx: &mut Checker,
    site: &CallSite,
    user: bool,
) -> Expr {
    if !cx.arity(site, function, 0, 2) {
        return Expr::poison(site.span);
    }
    let mut ty = StackTy {
        user,
        limit: DEFAULT_LIMIT,
        mode: cx.config.stack_mode,
    };
    let mut rest = 0;
    if let Some(Arg::Expr(first)) = site.args.first()
        && let ExprKind::Ident(name) = &first.kind
    {
        rest = 1;
        match crate::check::stack_mode(name) {
            Some(mode) => ty.mode = mode,
            None => {
                let error =
                    Diagnostic::error("E0402", first.span, format!("unknown stack mode `{name}`"));
                cx.report(
                    error
                        .here("no mode has this name")
                        .help("modes are bpftrace, perf and raw"),
                );
                return Expr::poison(site.span);
            }
        }
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

fn from_call<'c>(lower: &mut Lower<'c, '_>, call: &Call, user: bool, to: PointerValue<'c>) {
    if let CallData::Stack(ty) = &call.data {
        debug_assert_eq!(ty.user, user);
        lower_stack(lower, *ty, Unwinding::FramePointers, to);
    }
}
