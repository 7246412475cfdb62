//! Arguments that the verifier must know the kernel type of: pointers that came from a tracing program's context, and what is reached
//! from them by members.

use bt_grammar::diag::Diagnostic;

use crate::check::{CallSite, Checker};
use crate::probes::ProbeKind;
use crate::typed::{Expr, ExprKind};
use crate::types::{Origin, Ty};

/// An argument that points to a `struct NAME` of the kernel, or is one in place; `None` if that was reported.
pub fn pointer(cx: &mut Checker, site: &CallSite, index: usize, name: &str) -> Option<Expr> {
    if !in_traced_probe(cx, site) {
        return None;
    }
    let arg = cx.arg(site, index)?;
    let value = cx.expr(arg);
    let record = match &value.ty {
        Ty::Unknown => return None,
        Ty::Ptr(to, _) => match **to {
            Ty::Record(record) => Some(record),
            _ => None,
        },
        Ty::Record(record) if matches!(value.kind, ExprKind::Read(_)) => Some(*record),
        _ => None,
    };
    let found = record.is_some_and(|record| match &cx.records.get(record).origin {
        Origin::Kernel { name: own, .. } => own == name,
        _ => false,
    });
    if !found {
        cx.wrong_arg(site, &value, &format!("a `struct {name} *` of the kernel"));
        return None;
    }
    Some(value)
}

/// Whether the probe's arguments have types that the verifier knows; reports if not.
pub fn in_traced_probe(cx: &mut Checker, site: &CallSite) -> bool {
    let kinds = [
        ProbeKind::Fentry,
        ProbeKind::Fexit,
        ProbeKind::RawTracepoint,
        ProbeKind::Iter,
    ];
    if kinds.contains(&cx.spec().kind) {
        return true;
    }
    let (probe, function) = (cx.spec().text.clone(), &site.name.node);
    let message = format!("`{function}` is not available in `{probe}`");
    let error = Diagnostic::error("E0505", site.span, message);
    cx.report(
        error
            .here("the kernel does not know the types of this probe's arguments")
            .help("use fentry, fexit, rawtracepoint or iter"),
    );
    false
}
