//! `signal()` and `signal_thread()`: a signal to what is traced.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::{Helper, SEND_SIGNAL, SEND_SIGNAL_THREAD};
use crate::lower::Lower;
use crate::names::Table;
use crate::typed::{Call, CallData, Expr};
use crate::types::{INT64, Ty};

pub struct Signal;
pub struct SignalThread;

impl Function for Signal {
    fn name(&self) -> &'static str {
        "signal"
    }

    fn signature(&self) -> &'static str {
        "signal(const string name) or signal(uint32 number)"
    }

    fn about(&self) -> &'static str {
        "sends a signal to the current process (unsafe)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kprobe:__x64_sys_execve /comm == "bash"/ { signal("STOP"); }"#,
            )]
        }
    }

    fn is_unsafe(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        signal(self, cx, site)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        send(lower, call, SEND_SIGNAL)
    }
}

impl Function for SignalThread {
    fn name(&self) -> &'static str {
        "signal_thread"
    }

    fn signature(&self) -> &'static str {
        "signal_thread(const string name) or signal_thread(uint32 number)"
    }

    fn about(&self) -> &'static str {
        "sends a signal to the current thread (unsafe)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "uprobe:/bin/bash:readline { signal_thread(10); }",
            )]
        }
    }

    fn is_unsafe(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        signal(self, cx, site)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        send(lower, call, SEND_SIGNAL_THREAD)
    }
}

fn signal(function: &'static dyn Function, cx: &mut Checker, site: &CallSite) -> Expr {
    if !cx.arity(site, function, 1, 1) {
        return Expr::poison(site.span);
    }
    let Some(arg) = cx.arg(site, 0) else {
        return Expr::poison(site.span);
    };
    let number = match &arg.kind {
        ast::ExprKind::Str(name) => {
            let name = String::from_utf8_lossy(name).to_uppercase();
            let full = format!("SIG{}", name.strip_prefix("SIG").unwrap_or(&name));
            match Table::SignalNames.number(&full) {
                Some(number) => Expr::int(number, INT64, arg.span),
                None => return unknown(cx, site, &format!("`{name}`")),
            }
        }
        _ => cx.scalar(arg, "a signal"),
    };
    match number.flexible_int() {
        Some(n) if !(1..=64).contains(&n) => unknown(cx, site, &n.to_string()),
        _ if number.ty.is_unknown() => Expr::poison(site.span),
        _ => cx.made(site, function, Ty::Unit, vec![number], CallData::None),
    }
}

fn unknown(cx: &mut Checker, site: &CallSite, signal: &str) -> Expr {
    let message = format!("there is no signal {signal}");
    let error = Diagnostic::error("E0402", site.args[0].span(), message);
    cx.report(
        error
            .here("unknown signal")
            .help("signals are SIGKILL, SIGSTOP and so on, or 1 to 64"),
    );
    Expr::poison(site.span)
}

fn send<'c>(lower: &mut Lower<'c, '_>, call: &Call, helper: Helper) -> Option<IntValue<'c>> {
    let number = lower.scalar(call.args.first()?);
    lower.helper(helper, &[number.into()]);
    None
}
