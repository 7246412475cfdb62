//! `==` and `!=` of what does not fit in a register: strings, arrays, buffers, tuples and records.

use bt_grammar::ast::BinaryOp;
use bt_grammar::span::Span;

use super::{Checker, constant};
use crate::typed::{Expr, ExprKind};
use crate::types::{Printed, Ty};

impl Checker<'_> {
    pub(super) fn compare_whole(
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
        if !comparable(&left.ty, &right.ty) {
            return self.bad_operands(op, &left, &right, span);
        }
        Expr {
            kind: ExprKind::Same {
                negate: op == BinaryOp::Ne,
                left: Box::new(left),
                right: Box::new(right),
            },
            ty: Ty::Bool,
            span,
        }
    }
}

/// Whether values of the types can be equal. Fields of records count by name.
fn comparable(left: &Ty, right: &Ty) -> bool {
    match (left, right) {
        (Ty::Str(_), Ty::Str(_)) => true,
        (Ty::Printed(Printed::Buffer(_)), Ty::Printed(Printed::Buffer(_))) => true,
        (Ty::Array(x, m), Ty::Array(y, n)) => {
            m == n && x.as_int().is_some() && x.size() == y.size() && y.as_int().is_some()
        }
        (Ty::Tuple(xs), Ty::Tuple(ys)) => {
            xs.len() == ys.len() && xs.iter().zip(ys).all(|(x, y)| comparable(x, y))
        }
        (Ty::Named(xs), Ty::Named(ys)) => {
            let same = |(name, x): &(String, Ty)| {
                let mut others = ys.iter().filter(|(other, _)| other == name);
                others.any(|(_, y)| comparable(x, y))
            };
            xs.len() == ys.len() && xs.iter().all(same)
        }
        (Ty::Ptr(..), Ty::Ptr(..)) => true,
        (x, y) => x.as_int().is_some() && y.as_int().is_some(),
    }
}

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
