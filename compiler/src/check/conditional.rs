//! `c ? a : b` and `a ?: b`.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use super::merge::merge;
use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

impl Checker<'_> {
    pub(super) fn ternary(
        &mut self,
        cond: &ast::Expr,
        then: Option<&ast::Expr>,
        otherwise: &ast::Expr,
        span: Span,
    ) -> Expr {
        let Some(then) = then else {
            return self.elvis(cond, otherwise, span);
        };
        match self.decided(cond) {
            Some(None) => {}
            Some(Some(taken)) => return self.expr(if taken { then } else { otherwise }),
            None => return Expr::poison(span),
        }
        let cond = self.condition(cond);
        let (then, otherwise) = (self.expr(then), self.expr(otherwise));
        let ty = match (&then.ty, &otherwise.ty) {
            (Ty::Unit, Ty::Unit) => Some(Ty::Unit),
            (a, b) => merge(a, b),
        };
        let Some(ty) = ty else {
            let error = Diagnostic::error("E0303", span, "the two branches have different types")
                .here("conditional")
                .also(then.span, format!("this is `{}`", self.show(&then.ty)))
                .also(
                    otherwise.span,
                    format!("this is `{}`", self.show(&otherwise.ty)),
                );
            self.report(error);
            return Expr::poison(span);
        };
        let (then, otherwise) = (self.convert(then, &ty), self.convert(otherwise, &ty));
        let kind = ExprKind::Ternary {
            cond: Box::new(cond),
            then: Box::new(then),
            otherwise: Box::new(otherwise),
        };
        Expr { kind, ty, span }
    }

    /// `a ?: b`: the first operand if it is not 0. It is evaluated once, into a variable that no script can name.
    pub(super) fn elvis(&mut self, first: &ast::Expr, otherwise: &ast::Expr, span: Span) -> Expr {
        let first = self.condition(first);
        let otherwise = self.value(otherwise);
        if first.ty.is_unknown() || otherwise.ty.is_unknown() {
            return Expr::poison(span);
        }
        let Some(ty) = merge(&first.ty, &otherwise.ty) else {
            let error = Diagnostic::error("E0303", span, "the two branches have different types")
                .here("conditional")
                .also(first.span, format!("this is `{}`", self.show(&first.ty)))
                .also(
                    otherwise.span,
                    format!("this is `{}`", self.show(&otherwise.ty)),
                );
            self.report(error);
            return Expr::poison(span);
        };
        let first = self.convert(first, &ty);
        let otherwise = self.convert(otherwise, &ty);
        let first_span = first.span;
        let var = self.hidden_var(ty.clone(), span);
        let read = || {
            Box::new(Expr {
                kind: ExprKind::Var(var),
                ty: ty.clone(),
                span: first_span,
            })
        };
        let chosen = ExprKind::Ternary {
            cond: read(),
            then: read(),
            otherwise: Box::new(otherwise),
        };
        let set = crate::typed::Stmt {
            kind: crate::typed::StmtKind::SetVar { var, value: first },
            span: first_span,
        };
        let value = Box::new(Expr {
            kind: chosen,
            ty: ty.clone(),
            span,
        });
        Expr {
            kind: ExprKind::Block {
                stmts: vec![set],
                value,
            },
            ty,
            span,
        }
    }
}
