//! Operators with two operands.

use bt_grammar::ast::{self, BinaryOp};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use super::constant;
use super::fold::{Overflow, fold};
use super::merge::common_sign;
use crate::typed::{Expr, ExprKind, literal_size};
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
        if let Some(folded) = fold_text(op, &left, &right, span) {
            return folded;
        }
        let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        match (&left.ty, &right.ty) {
            (l, r) if equality && !(l.is_scalar() && r.is_scalar()) => {
                self.compare_whole(op, left, right, span)
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
        let ((left, l), (right, r)) = (left, right);
        if let (Some(a), Some(b)) = (left.as_literal(), right.as_literal()) {
            match fold(op, a, b) {
                Ok(Some(value)) => return Expr::literal(value, span),
                Ok(None) => {}
                Err(Overflow) => return self.overflow(span),
            }
        }
        if !matches!(op, BinaryOp::Sub | BinaryOp::Shl | BinaryOp::Shr) {
            self.warn_of_signs(&left, &right);
        }
        let (left, right) = (Box::new(left), Box::new(right));
        if op.is_comparison() {
            return Expr {
                kind: ExprKind::Compare {
                    op,
                    signed: common_sign(l, r),
                    left,
                    right,
                },
                ty: Ty::Bool,
                span,
            };
        }
        // Two truths make a truth, as in bpftrace.
        if let (Ty::Bool, Ty::Bool) = (&left.ty, &right.ty) {
            let sum = Expr {
                kind: ExprKind::Arith { op, left, right },
                ty: UINT64,
                span,
            };
            return Expr {
                kind: ExprKind::Cast(Box::new(sum)),
                ty: Ty::Bool,
                span,
            };
        }
        let ty = Ty::Int(arithmetic(op, l, r));
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
                let scaled = self.scaled(count, to);
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

    /// So many times the size of what a pointer points to.
    pub(super) fn scaled(&mut self, count: Expr, to: &Ty) -> Expr {
        let span = count.span;
        let size = self.pointee_size_expr(to, span);
        if let (Some(count), Some(size)) = (count.as_literal(), size.as_literal())
            && let Ok(Some(bytes)) = fold(BinaryOp::Mul, count, size)
        {
            return Expr::literal(bytes, span);
        }
        let kind = ExprKind::Arith {
            op: BinaryOp::Mul,
            left: Box::new(count),
            right: Box::new(size),
        };
        Expr {
            kind,
            ty: INT64,
            span,
        }
    }

    pub(super) fn bad_operands(
        &mut self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Expr {
        let (l, r) = (self.show(&left.ty), self.show(&right.ty));
        let message = format!("`{}` cannot take `{l}` and `{r}`", op.symbol());
        let mut error = Diagnostic::error("E0303", span, message)
            .here("type mismatch")
            .also(left.span, format!("this is `{l}`"))
            .also(right.span, format!("this is `{r}`"));
        if let (Ty::Str(_), Ty::Str(_))
        | (Ty::Array(..), Ty::Array(..))
        | (Ty::Tuple(_), Ty::Tuple(_))
        | (Ty::Named(_), Ty::Named(_)) = (&left.ty, &right.ty)
        {
            let help = "strings, tuples, records and arrays of one type can only be compared with `==` and `!=`";
            error = error.help(help);
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

/// The type of an operation on two integers: 64 bits, signed if an operand is, or if it may go below 0.
pub fn arithmetic(op: BinaryOp, l: IntTy, r: IntTy) -> IntTy {
    match op {
        BinaryOp::Sub => IntTy::new(8, true),
        _ if l.flexible && r.flexible => IntTy::flexible(),
        _ => IntTy::new(8, common_sign(l, r)),
    }
}

/// Operations on two string literals, and `"text" + 2`, which is the text without its first two bytes.
fn fold_text(op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Option<Expr> {
    let text = |bytes: Vec<u8>| {
        Some(Expr {
            ty: Ty::Str(literal_size(&bytes)),
            kind: ExprKind::Str(bytes),
            span,
        })
    };
    match (&left.kind, &right.kind) {
        (ExprKind::Str(a), ExprKind::Str(b)) if op == BinaryOp::Add => {
            text([&a[..], &b[..]].concat())
        }
        (ExprKind::Str(a), ExprKind::Str(b)) => {
            let value = constant::compare(op, a, b)?;
            Some(Expr::int(i64::from(value), Ty::Bool, span))
        }
        (ExprKind::Str(a), ExprKind::Int(skip)) if op == BinaryOp::Add => {
            let skip = usize::try_from(*skip).ok()?;
            text(a.get(skip..).unwrap_or_default().to_vec())
        }
        _ => None,
    }
}
