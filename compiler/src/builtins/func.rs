//! `func`: the name of the traced function.

use bt_abi::manifest::{Attach, UserTarget};
use bt_abi::names::FUNCTION_NAMES_MAP;
use bt_grammar::span::Span;

use super::probe::{late_name, literal, lower_late_name};
use super::{Builtin, unavailable};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::Expr;

pub struct Func;

impl Builtin for Func {
    fn names(&self) -> &'static [&'static str] {
        &["func"]
    }

    fn about(&self) -> &'static str {
        "name of the traced function (kprobe, kretprobe, uprobe, uretprobe, fentry, fexit)"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("kprobe:vfs_* { @[func] = count(); }")] }
    }

    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr {
        if cx.spec().attach.is_late() && cx.spec().kind.is_function() {
            return late_name(self, cx, span);
        }
        let target = match &cx.spec().attach {
            Attach::Kprobe { function, .. }
            | Attach::Kretprobe { function, .. }
            | Attach::Fentry { function, .. }
            | Attach::Fexit { function, .. }
            | Attach::FentryProgram { function, .. }
            | Attach::FexitProgram { function, .. } => Some(function.clone()),
            Attach::Uprobe { target, .. } | Attach::Uretprobe { target, .. } => match target {
                UserTarget::Function { name, .. } => Some(name.clone()),
                UserTarget::Address(_) | UserTarget::Demangled(_) | UserTarget::Line { .. } => None,
            },
            _ => None,
        };
        match target {
            Some(function) => literal(&function, span),
            None => unavailable(cx, name, span, "only probes of a named function have one"),
        }
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, expr: &Expr, to: PointerValue<'c>) {
        lower_late_name(lower, FUNCTION_NAMES_MAP, expr, to);
    }
}
