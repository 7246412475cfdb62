//! `args`: the fields of a tracepoint.

use bt_abi::manifest::Attach;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::{Builtin, unavailable, value};
use crate::check::Checker;
use crate::probes::ProbeKind;
use crate::typed::Expr;
use crate::types::{Space, Ty};

pub struct Args;

impl Builtin for Args {
    fn names(&self) -> &'static [&'static str] {
        &["args", "ctx"]
    }

    fn about(&self) -> &'static str {
        "the fields of a tracepoint: `args.NAME`"
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
        let Attach::Tracepoint { category, event } = cx.spec().attach.clone() else {
            let help = match cx.spec().kind.has_arguments() {
                true => "arguments of functions are `arg0`, `arg1`, and so on",
                false => "only tracepoints have it",
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
