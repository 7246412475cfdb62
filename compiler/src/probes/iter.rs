//! `iter`: what the kernel lists, object by object.

use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::{ProbeKind, Provider, Spec};
use crate::builtins;
use crate::suggest;
use crate::typed::{Expr, ExprKind, Place, Step};
use crate::types::{RecordId, Records, Space, Ty};

pub struct Iter;

/// Those of bpftrace's documentation.
const DOCUMENTED: &[&str] = &["task", "task_file", "task_vma"];

/// The field of each context that is about the iteration, not an object of it.
const META: &str = "meta";

impl Provider for Iter {
    fn names(&self) -> &'static [&'static str] {
        &["iter", "it"]
    }

    fn usage(&self) -> &'static str {
        "iter:task, iter:task_file or iter:task_vma, or iter:task:PIN"
    }

    /// The target may have iterators that are not known here, but a name that is nearly a known one is a slip.
    fn parse(&self, point: &AttachPoint, records: &Records) -> Result<Spec, Box<Diagnostic>> {
        let spec = super::spec(self, ProbeKind::Iter, point)?;
        if matches!(spec.attach, Attach::Deferred { .. }) {
            let here =
                "a parameter stands here, and the program depends on the iterator and its pin";
            return Err(super::malformed(point, self, here));
        }
        if let Attach::Iter { name, .. } = &spec.attach
            && context(records, name).is_none()
            && let Some(near) = suggest::closest(name, DOCUMENTED.iter().copied())
            && near != name
        {
            let message = format!("unknown iterator `{name}`");
            return Err(Box::new(
                Diagnostic::error("E0503", point.span, message)
                    .here("no known kernel has it")
                    .help(format!("did you mean `iter:{near}`?")),
            ));
        }
        Ok(spec)
    }
}

/// What the programs of an iterator get.
pub fn context(records: &Records, iterator: &str) -> Option<RecordId> {
    records.named(&format!("bpf_iter__{iterator}"), false)
}

/// The objects that a program gets, which it must have: once it has shown the last one, the kernel calls the program again without.
/// Nothing where the types of the iterator are not known.
pub fn objects(records: &Records, attach: &Attach, span: Span) -> Vec<Expr> {
    let Attach::Iter { name, .. } = attach else {
        return Vec::new();
    };
    let Some(context) = context(records, name) else {
        return Vec::new();
    };
    let names = records.field_names(context).into_iter();
    let object = |name: String| {
        let path = records.find(context, &name)?;
        let ty = records.field(*path.last()?).ty;
        let base = Expr {
            kind: ExprKind::Builtin(builtins::find("args")?),
            ty: Ty::Ptr(Box::new(Ty::Record(context)), Space::Context),
            span,
        };
        let place = Place {
            base: Box::new(base),
            steps: path.into_iter().map(Step::Field).collect(),
        };
        let kind = ExprKind::Read(place);
        matches!(ty, Ty::Ptr(..)).then_some(Expr { kind, ty, span })
    };
    names.filter(|n| n != META).filter_map(object).collect()
}
