//! Implicit casts: values that become values of the type of what holds them.

use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use super::merge::{fits, merge};
use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

impl Checker<'_> {
    /// The value as a value of `target`, which merging found to hold it. Strings and tuples are fitted when they are stored.
    ///
    /// Reports a literal that the target has not, and warns of a type whose values it has not all.
    pub fn convert(&mut self, expr: Expr, target: &Ty) -> Expr {
        if let (Some(value), Ty::Int(int)) = (expr.as_literal(), target)
            && !int.holds(value)
        {
            return self.literal_too_large(&expr, value, target);
        }
        if expr.as_literal().is_none() && !self.has_any_sign(&expr) && !fits(&expr.ty, target) {
            self.warn_of_cast(&expr, target);
        }
        self.convert_silently(expr, target)
    }

    /// As [`Checker::convert`], where a cast changes nothing that matters.
    pub fn convert_silently(&mut self, expr: Expr, target: &Ty) -> Expr {
        if expr.ty == *target || !target.is_scalar() || !expr.ty.is_scalar() {
            return expr;
        }
        let span = expr.span;
        match (expr.flexible_int(), target) {
            (Some(value), Ty::Int(_)) => Expr::int(value, target.clone(), span),
            _ => Expr {
                kind: ExprKind::Cast(Box::new(expr)),
                ty: target.clone(),
                span,
            },
        }
    }

    fn literal_too_large(&mut self, expr: &Expr, value: i128, target: &Ty) -> Expr {
        let target = self.show(target);
        let message = format!("`{target}` has no value {value}");
        let error =
            Diagnostic::error("E0320", expr.span, message).here(format!("this must be `{target}`"));
        self.report(error.help(format!("cast it if that is meant: `({target})...`")));
        Expr::poison(expr.span)
    }

    fn warn_of_cast(&mut self, expr: &Expr, target: &Ty) {
        let (have, want) = (self.show(&expr.ty), self.show(target));
        let message =
            format!("`{have}` is cast to `{want}`, which does not have all of its values");
        let warning =
            Diagnostic::warning("W0920", expr.span, message).here(format!("this is `{have}`"));
        let help = match target {
            Ty::Int(_) => format!("cast it if that is meant: `({want})...`"),
            _ => "cast its parts if that is meant".into(),
        };
        self.report(warning.help(help));
    }

    /// Warns if one operand has a sign, and the other values that do not fit next to it.
    pub(super) fn warn_of_signs(&mut self, left: &Expr, right: &Expr) {
        let Some(target) = merge(&left.ty, &right.ty) else {
            return;
        };
        for operand in [left, right] {
            let known = operand.as_literal().is_some() || self.has_any_sign(operand);
            if !known
                && !fits(&operand.ty, &target)
                && !self.has_any_sign(left)
                && !self.has_any_sign(right)
            {
                self.warn_of_cast(operand, &target);
            }
        }
    }

    /// A parameter of the command line, or an aggregation: scripts take them for either.
    fn has_any_sign(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Slot(_) => true,
            ExprKind::MapGet { map, .. } => matches!(self.map(*map).value, Ty::Agg(_)),
            _ => false,
        }
    }

    /// Arithmetic on literals whose result no integer type has.
    pub(super) fn overflow(&mut self, span: Span) -> Expr {
        let error = Diagnostic::error("E0321", span, "no integer type has the result of this");
        self.report(
            error
                .here("literals are computed by the compiler")
                .help("the largest integer is 18446744073709551615; dividing by 0 has no result"),
        );
        Expr::poison(span)
    }
}
