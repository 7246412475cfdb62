//! `++` and `--`.

use bt_grammar::ast::{self, ExprKind as A, IncDecOp};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use super::merge::merge;
use crate::typed::{Expr, ExprKind, MapId};
use crate::types::{IntTy, Ty};

impl Checker<'_> {
    pub(super) fn inc_dec(
        &mut self,
        op: IncDecOp,
        prefix: bool,
        target: &ast::Expr,
        span: Span,
    ) -> Expr {
        match &target.kind {
            A::Var(_) => {
                let checked = self.expr(target);
                let ExprKind::Var(var) = checked.kind else {
                    return Expr::poison(span);
                };
                let known = checked.ty.clone();
                let step = match &known {
                    Ty::Ptr(to, _) => self.pointee_size_expr(to, span),
                    Ty::Int(_) | Ty::Unknown => Expr::literal(1, span),
                    _ => return self.not_countable(&checked, span),
                };
                if let Some(counted) = self.counted(&known, op)
                    && !self.current.vars[var.index()].declared
                {
                    self.current.vars[var.index()].ty = counted;
                }
                Expr {
                    ty: self.var_type(var),
                    kind: ExprKind::IncDecVar {
                        var,
                        op,
                        prefix,
                        step: Box::new(step),
                    },
                    span,
                }
            }
            A::Map(_) | A::Index { .. } => {
                let Some((map, key)) = self.map_use(target) else {
                    return self.not_countable_here(span);
                };
                let known = self.map(map).value.clone();
                let step = match &known {
                    Ty::Ptr(to, _) => self.pointee_size_expr(to, span),
                    Ty::Int(_) | Ty::Unknown => Expr::literal(1, span),
                    _ => {
                        let target = Expr {
                            kind: ExprKind::MapRef(map),
                            ty: known,
                            span: target.span,
                        };
                        return self.not_countable(&target, span);
                    }
                };
                match (self.counted(&known, op), &known) {
                    (Some(counted), _) => self.unify_value(map, &counted, span),
                    (None, Ty::Unknown) => self.counts(map, span),
                    _ => true,
                };
                let kind = ExprKind::IncDecMap {
                    map,
                    key: key.map(Box::new),
                    op,
                    prefix,
                    step: Box::new(step),
                };
                Expr {
                    kind,
                    ty: self.map(map).value.clone(),
                    span,
                }
            }
            _ => self.not_countable_here(span),
        }
    }

    fn not_countable(&mut self, target: &Expr, span: Span) -> Expr {
        let message = format!(
            "`++` and `--` need an integer, not `{}`",
            self.show(&target.ty)
        );
        self.report(Diagnostic::error("E0303", span, message).here("cannot be counted up or down"));
        Expr::poison(span)
    }

    fn not_countable_here(&mut self, span: Span) -> Expr {
        let error = Diagnostic::error("E0303", span, "`++` and `--` need a variable or a map");
        self.report(
            error
                .here("this is neither")
                .help("assign it to a variable first"),
        );
        Expr::poison(span)
    }

    /// What a variable or map of that type holds once it is counted: 64 bits, signed if it is counted down.
    fn counted(&self, known: &Ty, op: IncDecOp) -> Option<Ty> {
        let Ty::Int(known) = known else { return None };
        let step = match op {
            IncDecOp::Inc if known.flexible => IntTy::flexible(),
            IncDecOp::Inc => IntTy::new(8, known.signed),
            IncDecOp::Dec => IntTy::new(8, true),
        };
        merge(&Ty::Int(*known), &Ty::Int(step))
    }

    /// The map is counted, or added to, before its type is known. True, as if that fitted.
    pub(super) fn counts(&mut self, map: MapId, span: Span) -> bool {
        let info = &mut self.maps[map.index()];
        info.counted.get_or_insert(span);
        true
    }
}
