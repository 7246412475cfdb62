//! `args`: the fields of a tracepoint, or the arguments of a function.

use bt_abi::manifest::Attach;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::{Builtin, unavailable, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::probes::{ProbeKind, iter};
use crate::typed::Expr;
use crate::types::{FunctionKind, RecordId, Space, Ty};

pub struct Args;

impl Builtin for Args {
    fn names(&self) -> &'static [&'static str] {
        &["args", "ctx"]
    }

    fn about(&self) -> &'static str {
        "the fields of a tracepoint, the arguments of a function (fentry, fexit, rawtracepoint, uprobe), or the objects of an iterator: `args.NAME`"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::new("tracepoint:syscalls:sys_enter_openat { print(str(args.filename)); }"),
                Example::new("fentry:vfs_read { @[args.count] = count(); }"),
                Example::new("iter:task { printf(\"%s %d\\n\", ctx.task.comm, ctx.task.pid); }"),
            ]
        }
    }

    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr {
        if cx.spec().kind == ProbeKind::Tracepoint
            && matches!(cx.spec().attach, Attach::Deferred { .. })
        {
            let text = cx.spec().text.clone();
            let error = Diagnostic::error(
                "E0506",
                span,
                format!("the fields of `{text}` are not known here"),
            )
            .here("which event this is, a parameter says when the object runs");
            cx.report(error.help("write the event out where its fields are used"));
            return Expr::poison(span);
        }
        if let Attach::FentryProgram { .. } | Attach::FexitProgram { .. } = cx.spec().attach {
            let help = "no kernel types describe the arguments of BPF programs";
            return unavailable(cx, name, span, help);
        }
        if let Some(traced) = traced(&cx.spec().attach) {
            return match traced.record(cx) {
                Some(record) => value(
                    self,
                    Ty::Ptr(Box::new(Ty::Record(record)), Space::Context),
                    span,
                ),
                None => unknown_arguments(cx, span),
            };
        }
        if let Attach::Iter { name, .. } = &cx.spec().attach {
            return match iter::context(cx.records, name) {
                Some(record) => {
                    let ty = Ty::Ptr(Box::new(Ty::Record(record)), Space::Context);
                    value(self, ty, span)
                }
                None => unknown_arguments(cx, span),
            };
        }
        if cx.spec().kind == ProbeKind::Uprobe {
            return match cx.user_arguments(span) {
                Some(record) => {
                    let ty = Ty::Ptr(Box::new(Ty::Record(record)), Space::Context);
                    value(self, ty, span)
                }
                None => Expr::poison(span),
            };
        }
        let Attach::Tracepoint { category, event } = cx.spec().attach.clone() else {
            let help = match cx.spec().kind.has_arguments() {
                true => "arguments of functions are `arg0`, `arg1`, and so on",
                false => "only tracepoints and functions of fentry and fexit have it",
            };
            return unavailable(cx, name, span, help);
        };
        match cx.records.tracepoint(&category, &event) {
            Some(record) => value(
                self,
                Ty::Ptr(Box::new(Ty::Record(record)), Space::Context),
                span,
            ),
            None => {
                let message =
                    format!("the fields of `tracepoint:{category}:{event}` are not known here");
                let error = Diagnostic::error("E0506", span, message)
                    .here("its format is needed to compile this");
                cx.report(error.help(
                    "compile where tracefs has this event, or give its format with --tracepoints",
                ));
                Expr::poison(span)
            }
        }
    }
}

/// A function or event whose prototype says what the arguments are.
pub struct Traced {
    of: FunctionKind,
    module: Option<String>,
    name: String,
}

impl Traced {
    /// `None` where the prototype is not known.
    pub fn record(&self, cx: &Checker) -> Option<RecordId> {
        cx.records
            .function(self.of, self.module.as_deref(), &self.name)
    }
}

pub fn traced(attach: &Attach) -> Option<Traced> {
    let (of, module, name) = match attach {
        Attach::Fentry { module, function } => (FunctionKind::Entry, module, function),
        Attach::Fexit { module, function } => (FunctionKind::Exit, module, function),
        Attach::RawTracepoint { module, event } => (FunctionKind::RawTracepoint, module, event),
        _ => return None,
    };
    Some(Traced {
        of,
        module: module.clone(),
        name: name.clone(),
    })
}

/// The kernel's BTF, or the one that was given, does not have it.
pub fn unknown_arguments(cx: &mut Checker, span: Span) -> Expr {
    let text = cx.spec().text.clone();
    let message = format!("the arguments of `{text}` are not known here");
    let help = match cx.records.facts().types_missing() {
        Some(why) => format!("there are no kernel types: {why}; `--btf FILE` gives them"),
        None if cx.spec().kind == ProbeKind::Iter => {
            "no BTF has such an iterator: give `--btf FILE` of a kernel that has it".into()
        }
        None => "no BTF has such a function: load its module, or give `--btf FILE` of the kernel and one of the module".into(),
    };
    let error = Diagnostic::error("E0506", span, message);
    cx.report(
        error
            .here("its prototype is needed to compile this")
            .help(help),
    );
    Expr::poison(span)
}
