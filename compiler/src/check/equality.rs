//! `==` and `!=` of arrays, tuples and records.

use bt_grammar::ast::BinaryOp;
use bt_grammar::span::Span;

use super::merge::merge;
use super::{Checker, constant};
use crate::typed::{Expr, ExprKind, Stmt, StmtKind};
use crate::types::Ty;

/// Arrays of more bytes are not compared: each word takes instructions.
const ARRAY_LIMIT: u32 = 512;

impl Checker<'_> {
    pub(super) fn compare_parts(
        &mut self,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Expr {
        if let (Some(a), Some(b)) = (constant::evaluate(&left), constant::evaluate(&right)) {
            let equal = same(&a, &b);
            return Expr::int(i64::from(equal == (op == BinaryOp::Eq)), Ty::Bool, span);
        }
        let fits = match (&left.ty, &right.ty) {
            (Ty::Array(a, _), Ty::Array(..)) => {
                let whole = matches!(**a, Ty::Int(_) | Ty::Bool | Ty::Enum(..));
                whole && left.ty == right.ty && left.ty.size() <= ARRAY_LIMIT
            }
            (a, b) => merge(a, b).is_some(),
        };
        if !fits {
            return self.bad_operands(op, &left, &right, span);
        }
        if matches!(left.ty, Ty::Array(..)) {
            let kind = ExprKind::BytesEq {
                negate: op == BinaryOp::Ne,
                left: Box::new(left),
                right: Box::new(right),
            };
            return Expr {
                kind,
                ty: Ty::Bool,
                span,
            };
        }
        self.compare_fields(op, left, right, span)
    }

    /// Each operand is evaluated once, into a variable; then the fields are compared until two differ.
    fn compare_fields(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let mut stmts = Vec::new();
        let [(left, left_ty), (right, right_ty)] = [left, right].map(|value| {
            let ty = value.ty.clone();
            let var = self.hidden_var(ty.clone(), span);
            let kind = StmtKind::SetVar { var, value };
            stmts.push(Stmt { kind, span });
            (var, ty)
        });
        let field = |var, ty: &Ty, index: usize, field: &Ty| Expr {
            kind: ExprKind::TupleField {
                base: Box::new(Expr {
                    kind: ExprKind::Var(var),
                    ty: ty.clone(),
                    span,
                }),
                index: index as u32,
            },
            ty: field.clone(),
            span,
        };
        let mut equal = Expr::int(1, Ty::Bool, span);
        for (index, a, at, b) in pairs(&left_ty, &right_ty) {
            let (a, b) = (
                field(left, &left_ty, index, a),
                field(right, &right_ty, at, b),
            );
            let compared = self.binary_checked(BinaryOp::Eq, a, b, span);
            let kind = ExprKind::Logical {
                and: true,
                left: Box::new(equal),
                right: Box::new(compared),
            };
            equal = Expr {
                kind,
                ty: Ty::Bool,
                span,
            };
        }
        if op == BinaryOp::Ne {
            equal = Expr {
                kind: ExprKind::Not(Box::new(equal)),
                ty: Ty::Bool,
                span,
            };
        }
        let kind = ExprKind::Block {
            stmts,
            value: Box::new(equal),
        };
        Expr {
            kind,
            ty: Ty::Bool,
            span,
        }
    }
}

/// The fields that belong together: position and type on both sides.
fn pairs<'t>(left: &'t Ty, right: &'t Ty) -> Vec<(usize, &'t Ty, usize, &'t Ty)> {
    match (left, right) {
        (Ty::Tuple(a), Ty::Tuple(b)) => {
            let fields = a.iter().zip(b).enumerate();
            fields.map(|(i, (a, b))| (i, a, i, b)).collect()
        }
        (Ty::Named(a), Ty::Named(b)) => {
            let pair = |(i, (name, a)): (usize, &'t (String, Ty))| {
                let at = b.iter().position(|(other, _)| other == name)?;
                Some((i, a, at, &b[at].1))
            };
            a.iter().enumerate().filter_map(pair).collect()
        }
        _ => Vec::new(),
    }
}

/// Fields of records count by name.
fn same(a: &constant::Constant, b: &constant::Constant) -> bool {
    use constant::Constant::Fields;
    match (a, b) {
        (Fields(a), Fields(b)) => {
            let found =
                |(name, a): &(String, _)| b.iter().any(|(other, b)| other == name && same(a, b));
            a.len() == b.len() && a.iter().all(found)
        }
        (a, b) => a == b,
    }
}
