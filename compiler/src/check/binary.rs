//! Operators with two operands.

use bt_grammar::ast::{self, BinaryOp};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use crate::typed::{Expr, ExprKind};
use crate::types::{INT64, IntTy, Ty, UINT64};

impl Checker<'_> {
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Expr {
        if op.is_logical() {
            let (left, right) = (self.condition(left), self.condition(right));
            let kind = ExprKind::Logical {
                and: op == BinaryOp::LogicalAnd,
                left: Box::new(left),
                right: Box::new(right),
            };
            return Expr {
                kind,
                ty: Ty::Bool,
                span,
            };
        }
        let (left, right) = self.operands(left, right);
        self.binary_checked(op, left, right, span)
    }

    /// Both operands; a parameter next to a string is a string.
    fn operands(&mut self, left: &ast::Expr, right: &ast::Expr) -> (Expr, Expr) {
        if let ast::ExprKind::Param(index) = left.kind {
            let right = self.value(right);
            let left = match right.ty {
                Ty::Str(_) => self.string_param(index, left.span),
                _ => self.int_param(index, left.span),
            };
            return (left, right);
        }
        let left = self.value(left);
        let right = match (&left.ty, &right.kind) {
            (Ty::Str(_), ast::ExprKind::Param(index)) => self.string_param(*index, right.span),
            _ => self.value(right),
        };
        (left, right)
    }

    pub(super) fn binary_checked(
        &mut self,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Expr {
        let boxed = |l: Expr, r: Expr| (Box::new(l), Box::new(r));
        if left.ty.is_unknown() || right.ty.is_unknown() {
            return Expr {
                kind: ExprKind::Poison,
                ty: if op.is_comparison() {
                    Ty::Bool
                } else {
                    Ty::Unknown
                },
                span,
            };
        }
        match (&left.ty, &right.ty) {
            (Ty::Str(_), Ty::Str(_)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                let (left, right) = boxed(left, right);
                Expr {
                    kind: ExprKind::StrEq {
                        negate: op == BinaryOp::Ne,
                        left,
                        right,
                    },
                    ty: Ty::Bool,
                    span,
                }
            }
            (Ty::Ptr(..), _) | (_, Ty::Ptr(..)) if left.ty.is_scalar() && right.ty.is_scalar() => {
                self.pointer_op(op, left, right, span)
            }
            _ => match (left.ty.as_int(), right.ty.as_int()) {
                (Some(l), Some(r)) => self.int_op(op, (left, l), (right, r), span),
                _ => self.bad_operands(op, &left, &right, span),
            },
        }
    }

    fn int_op(
        &mut self,
        op: BinaryOp,
        left: (Expr, IntTy),
        right: (Expr, IntTy),
        span: Span,
    ) -> Expr {
        // A literal that is not negative takes the sign of the other operand; one above the largest int64 has a sign of its own.
        let sign = |this: &(Expr, IntTy), other: &(Expr, IntTy)| match this.0.flexible_int() {
            Some(value) if this.1.signed && value >= 0 => other.1.signed,
            _ => this.1.signed,
        };
        let signed = match op {
            // As in bpftrace, a shift to the right brings zeros in, whatever the sign.
            BinaryOp::Shl | BinaryOp::Shr => left.1.signed,
            _ => sign(&left, &right) || sign(&right, &left),
        };
        let (left, right) = (Box::new(left.0), Box::new(right.0));
        if op.is_comparison() {
            return Expr {
                kind: ExprKind::Compare {
                    op,
                    signed,
                    left,
                    right,
                },
                ty: Ty::Bool,
                span,
            };
        }
        let ty = if signed || op == BinaryOp::Sub {
            INT64
        } else {
            UINT64
        };
        if let (Some(l), Some(r)) = (left.flexible_int(), right.flexible_int())
            && let Some(value) = fold(op, signed, l, r)
        {
            return Expr::int(value, ty, span);
        }
        // Unlike bpftrace, which divides signed operands as if they were unsigned and warns, this divides them as C does.
        Expr {
            kind: ExprKind::Arith { op, left, right },
            ty,
            span,
        }
    }

    fn pointer_op(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if op.is_comparison() {
            let (left, right) = (Box::new(left), Box::new(right));
            return Expr {
                kind: ExprKind::Compare {
                    op,
                    signed: false,
                    left,
                    right,
                },
                ty: Ty::Bool,
                span,
            };
        }
        let (pointer, count, ordered) = match (&left.ty, &right.ty) {
            (Ty::Ptr(..), Ty::Ptr(..)) => return self.bad_operands(op, &left, &right, span),
            (Ty::Ptr(..), _) => (left, right, true),
            _ => (right, left, false),
        };
        let Ty::Ptr(to, _) = &pointer.ty else {
            return Expr::poison(span);
        };
        match op {
            BinaryOp::Add | BinaryOp::Sub if ordered || op == BinaryOp::Add => {
                let size = self.pointee_size_expr(to, count.span);
                let count_span = count.span;
                let kind = ExprKind::Arith {
                    op: BinaryOp::Mul,
                    left: Box::new(count),
                    right: Box::new(size),
                };
                let scaled = Expr {
                    kind,
                    ty: INT64,
                    span: count_span,
                };
                let ty = pointer.ty.clone();
                Expr {
                    kind: ExprKind::Arith {
                        op,
                        left: Box::new(pointer),
                        right: Box::new(scaled),
                    },
                    ty,
                    span,
                }
            }
            // Masks and shifts of addresses are integers.
            BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::Shr | BinaryOp::Shl | BinaryOp::Rem => {
                let (left, right) = if ordered {
                    (pointer, count)
                } else {
                    (count, pointer)
                };
                let kind = ExprKind::Arith {
                    op,
                    left: Box::new(left),
                    right: Box::new(right),
                };
                Expr {
                    kind,
                    ty: UINT64,
                    span,
                }
            }
            _ if ordered => self.bad_operands(op, &pointer, &count, span),
            _ => self.bad_operands(op, &count, &pointer, span),
        }
    }

    fn bad_operands(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Expr {
        let (l, r) = (self.show(&left.ty), self.show(&right.ty));
        let message = format!("`{}` cannot take `{l}` and `{r}`", op.symbol());
        let mut error = Diagnostic::error("E0303", span, message)
            .here("type mismatch")
            .also(left.span, format!("this is `{l}`"))
            .also(right.span, format!("this is `{r}`"));
        if matches!((&left.ty, &right.ty), (Ty::Str(_), Ty::Str(_))) {
            error = error.help("strings can only be compared with `==` and `!=`");
        } else if matches!(
            (&left.ty, &right.ty),
            (Ty::Str(_), Ty::Ptr(..)) | (Ty::Ptr(..), Ty::Str(_))
        ) {
            error = error.help("read the string behind a pointer with `str(...)`");
        }
        self.report(error);
        Expr::poison(span)
    }
}

/// The result of an operation on literals, if it has one that everyone agrees on.
pub fn fold(op: BinaryOp, signed: bool, l: i64, r: i64) -> Option<i64> {
    if !signed {
        let (l, r) = (l as u64, r as u64);
        return match op {
            BinaryOp::Div => l.checked_div(r).map(|v| v as i64),
            BinaryOp::Rem => l.checked_rem(r).map(|v| v as i64),
            BinaryOp::Shr => (r < 64).then(|| (l >> r) as i64),
            BinaryOp::Add => l.checked_add(r).map(|v| v as i64),
            BinaryOp::Mul => l.checked_mul(r).map(|v| v as i64),
            BinaryOp::BitAnd => Some((l & r) as i64),
            BinaryOp::BitOr => Some((l | r) as i64),
            BinaryOp::BitXor => Some((l ^ r) as i64),
            _ => None,
        };
    }
    match op {
        BinaryOp::Add => l.checked_add(r),
        BinaryOp::Sub => l.checked_sub(r),
        BinaryOp::Mul => l.checked_mul(r),
        BinaryOp::Div => l.checked_div(r),
        BinaryOp::Rem => l.checked_rem(r),
        BinaryOp::BitAnd => Some(l & r),
        BinaryOp::BitOr => Some(l | r),
        BinaryOp::BitXor => Some(l ^ r),
        BinaryOp::Shl if (0..63).contains(&r) && l >= 0 => l.checked_mul(1 << r),
        BinaryOp::Shr if (0..64).contains(&r) => Some((l as u64 >> r) as i64),
        _ => None,
    }
}
