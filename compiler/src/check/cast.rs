//! Casts, and the sizes and offsets of types.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use crate::typed::{Expr, ExprKind};
use crate::types::{Ty, UINT64};

impl Checker<'_> {
    pub(super) fn cast(&mut self, ty: &ast::TypeExpr, operand: &ast::Expr, span: Span) -> Expr {
        let unsized_array = matches!(ty.modifiers.last(), Some(ast::TypeModifier::Array(None)));
        let target = match unsized_array {
            true => {
                let mut element = ty.clone();
                element.modifiers.pop();
                self.type_expr(&element)
            }
            false => self.type_expr(ty),
        };
        let checked = self.value(operand);
        if let (true, Some(element)) = (unsized_array, &target) {
            let count = checked.ty.size() / element.size().max(1);
            let array = Ty::Array(Box::new(element.clone()), count.max(1));
            return self.array_cast(checked, array, span);
        }
        let Some(target) = target else {
            return Expr::poison(span);
        };
        if checked.ty.is_unknown() {
            return Expr {
                kind: ExprKind::Poison,
                ty: target,
                span,
            };
        }
        let target = match (target, &checked.ty) {
            // Through an integer or `void *` nothing is known of where it points but what the probe says.
            (Ty::Ptr(to, _), Ty::Ptr(_, space)) => Ty::Ptr(to, *space),
            (Ty::Ptr(to, _), _) => Ty::Ptr(to, self.spec().kind.argument_space()),
            (target, _) => target,
        };
        if target.is_scalar() && checked.ty.is_scalar() {
            return Expr {
                kind: ExprKind::Cast(Box::new(checked)),
                ty: target,
                span,
            };
        }
        if let (Ty::Str(_), Ty::Str(_)) = (&target, &checked.ty) {
            return checked;
        }
        if matches!(target, Ty::Array(..)) || matches!(checked.ty, Ty::Array(..)) {
            return self.array_cast(checked, target, span);
        }
        let message = format!(
            "cannot cast `{}` to `{}`",
            self.show(&checked.ty),
            self.show(&target)
        );
        let mut error = Diagnostic::error("E0304", span, message).here("no such conversion");
        if let (Ty::Record(_), true) = (&target, checked.ty.is_scalar()) {
            error = error.help("cast to a pointer: `(struct name *)...`");
        }
        self.report(error);
        Expr::poison(span)
    }

    /// Between integers, strings and the arrays of their bytes.
    pub(super) fn array_cast(&mut self, value: Expr, target: Ty, span: Span) -> Expr {
        if value.ty.is_unknown() {
            return Expr {
                ty: target,
                ..Expr::poison(span)
            };
        }
        let (have, want) = (value.ty.size(), target.size());
        let fits = match (&value.ty, &target) {
            // A literal has no width of its own.
            (from, Ty::Array(..)) if from.is_scalar() => {
                matches!(want, 1 | 2 | 4 | 8) && (have == want || value.flexible_int().is_some())
            }
            (Ty::Str(_), Ty::Array(..)) => want <= have,
            (Ty::Array(..), Ty::Array(..)) => have == want,
            (Ty::Array(..), to) if to.is_scalar() => have == want,
            _ => false,
        };
        if fits {
            return Expr {
                kind: ExprKind::Cast(Box::new(value)),
                ty: target,
                span,
            };
        }
        let message = format!(
            "cannot cast `{}` to `{}`",
            self.show(&value.ty),
            self.show(&target)
        );
        let error = Diagnostic::error("E0304", span, message);
        self.report(error.here(format!("{have} bytes here, {want} there")));
        Expr::poison(span)
    }

    pub(super) fn sizeof(&mut self, arg: &ast::Arg, span: Span) -> Expr {
        let ty = match arg {
            ast::Arg::Type(ty) => self.type_expr(ty),
            ast::Arg::Expr(expr) => Some(self.expr(expr).ty),
        };
        let size = match ty {
            None | Some(Ty::Unknown) => return Expr::poison(span),
            Some(Ty::Record(id) | Ty::Value(id, _)) => {
                let record = self.records.get(id);
                if !matches!(record.origin, crate::types::Origin::Script { .. }) {
                    return Expr {
                        kind: ExprKind::TypeSize(id),
                        ty: UINT64,
                        span,
                    };
                }
                record.size
            }
            Some(ty) => ty.size(),
        };
        Expr::int(i64::from(size), UINT64, span)
    }

    /// `offsetof(struct name, member.member)`
    pub(super) fn offset_of(
        &mut self,
        base: &ast::Arg,
        path: &[bt_grammar::span::Ident],
        span: Span,
    ) -> Expr {
        let ty = match base {
            ast::Arg::Type(ty) => self.type_expr(ty),
            ast::Arg::Expr(expr) => Some(self.expr(expr).ty),
        };
        let mut record = match ty {
            Some(Ty::Record(id) | Ty::Value(id, _)) => Some(id),
            Some(Ty::Ptr(to, _)) => match *to {
                Ty::Record(id) => Some(id),
                _ => None,
            },
            None | Some(Ty::Unknown) => return Expr::poison(span),
            Some(_) => None,
        };
        let mut fields = Vec::new();
        for name in path {
            let Some(id) = record else {
                let error = Diagnostic::error("E0305", name.span, "only structs have members");
                self.report(error.here("a member of no struct"));
                return Expr::poison(span);
            };
            let Some(found) = self.records.find(id, &name.node) else {
                return self.unknown_field(id, name, span);
            };
            record = match found.last().map(|f| self.records.field(*f).ty) {
                Some(Ty::Record(inner)) => Some(inner),
                _ => None,
            };
            fields.extend(found);
        }
        Expr {
            kind: ExprKind::FieldOffset(fields),
            ty: UINT64,
            span,
        }
    }
}
