//! Late-bound values: `$1`, `$#`, `getopt()`, the start time.

use bt_abi::manifest::{NamespacePart, SlotValue, TargetPart};
use bt_abi::parameters::number;
use bt_grammar::ast;
use bt_grammar::span::Span;

use super::Checker;
use crate::typed::{Expr, ExprKind, Slot, SlotId};
use crate::types::{INT64, Ty, UINT64};

impl Checker<'_> {
    /// A value that btrun fills in; the same value has one slot of each type.
    pub fn slot(&mut self, value: SlotValue, ty: Ty, span: Span) -> Expr {
        let found = self
            .slots
            .iter()
            .position(|s| s.value == value && s.ty == ty);
        let index = found.unwrap_or_else(|| {
            self.slots.push(Slot {
                value,
                ty: ty.clone(),
                span,
            });
            self.slots.len() - 1
        });
        Expr {
            kind: ExprKind::Slot(SlotId(index as u32)),
            ty,
            span,
        }
    }

    /// What `btrun -p` limits programs of the kernel's events to.
    pub(super) fn target_slots(&mut self, span: Span) {
        for part in [TargetPart::Pid, TargetPart::Device, TargetPart::Inode] {
            self.slot(SlotValue::Target { part }, UINT64, span);
        }
    }

    /// Which namespace process ids count in: btrun's, which is known when it runs.
    pub fn namespace_slots(&mut self, span: Span) {
        for part in [NamespacePart::Device, NamespacePart::Inode] {
            self.slot(SlotValue::PidNamespace { part }, UINT64, span);
        }
    }

    /// `$N` where a string is wanted.
    pub fn string_param(&mut self, index: u32, span: Span) -> Expr {
        if let Some(text) = self.params.get(&index).cloned() {
            return self.string_literal(text.as_bytes(), span);
        }
        let size = self.config.max_strlen;
        self.slot(SlotValue::Param { index }, Ty::Str(size), span)
    }

    /// `$N` as an integer. One that is known, and no number, is a text.
    pub fn int_param(&mut self, index: u32, span: Span) -> Expr {
        if let Some(text) = self.params.get(&index) {
            return match number(text) {
                Some(value) => Expr::literal(value, span),
                None => self.string_param(index, span),
            };
        }
        self.slot(SlotValue::Param { index }, INT64, span)
    }

    /// A value that is used as a string if it may be one: `$1` becomes one.
    pub fn value_as_string(&mut self, expr: &ast::Expr) -> Expr {
        match expr.kind {
            ast::ExprKind::Param(index) => self.string_param(index, expr.span),
            _ => self.value(expr),
        }
    }
}
