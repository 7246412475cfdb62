//! Casts, and the sizes and offsets of types.

use bt_grammar::ast::{self, Arg, BinaryOp};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Checker;
use crate::typed::{Expr, ExprKind};
use crate::types::{IntTy, Ty};

impl Checker<'_> {
    pub(super) fn cast(&mut self, ty: &ast::TypeExpr, operand: &ast::Expr, span: Span) -> Expr {
        if let Some(call) = text_at(ty) {
            return self.cast_to_text(call, ty, operand, span);
        }
        let unsized_array = matches!(ty.modifiers.last(), Some(ast::TypeModifier::Array(None)));
        let target = match unsized_array {
            true => {
                let mut element = ty.clone();
                element.modifiers.pop();
                self.type_expr(&element)
            }
            false => self.type_expr(ty),
        };
        let checked = self.bytes(operand);
        let Some(target) = target.filter(|target| !target.is_unknown()) else {
            return Expr::poison(span);
        };
        if checked.ty.is_unknown() {
            return Expr {
                kind: ExprKind::Poison,
                ty: if unsized_array { Ty::Unknown } else { target },
                span,
            };
        }
        if unsized_array {
            return self.cast_to_unsized(checked, target, span);
        }
        let target = match (target, &checked.ty) {
            // Through an integer or `void *` nothing is known of where it points but what the probe says.
            (Ty::Ptr(to, _), Ty::Ptr(_, space)) => Ty::Ptr(to, *space),
            (Ty::Ptr(to, _), _) => Ty::Ptr(to, self.spec().kind.argument_space()),
            (target, _) => target,
        };
        // True if there is anything in it.
        if let (Ty::Str(_), Ty::Bool) = (&checked.ty, &target) {
            let empty = self.string_literal(b"", span);
            return self.binary_checked(BinaryOp::Ne, checked, empty, span);
        }
        let fits = match (&checked.ty, &target) {
            (from, to) if from.is_scalar() && to.is_scalar() => true,
            (Ty::Array(..), _) | (_, Ty::Array(..)) => {
                return self.array_cast(checked, target, span);
            }
            _ => false,
        };
        if !fits {
            return self.no_cast(&checked, &target, span);
        }
        Expr {
            kind: ExprKind::Cast(Box::new(checked)),
            ty: target,
            span,
        }
    }

    /// `(uint8[])value`: as many elements as fit.
    fn cast_to_unsized(&mut self, value: Expr, element: Ty, span: Span) -> Expr {
        let size = byte_size(&value);
        let one = element.size().max(1);
        if !size.is_multiple_of(one) {
            let message = format!(
                "an array of `{}` cannot have the {size} bytes of `{}`",
                self.show(&element),
                self.show(&value.ty)
            );
            self.report(
                Diagnostic::error("E0304", span, message).here("no whole number of elements"),
            );
            return Expr::poison(span);
        }
        let array = Ty::Array(Box::new(element), size / one);
        self.array_cast(value, array, span)
    }

    fn no_cast(&mut self, value: &Expr, target: &Ty, span: Span) -> Expr {
        let (have, want) = (self.show(&value.ty), self.show(target));
        let message = format!("cannot cast `{have}` to `{want}`");
        let mut error = Diagnostic::error("E0304", span, message).here("no such conversion");
        if let (Ty::Record(_), true) = (target, value.ty.is_scalar()) {
            error = error.help("cast to a pointer: `(struct name *)...`");
        }
        self.report(error);
        Expr::poison(span)
    }

    /// `(string[64])...` of a string is that string with more room, of an address what is there; `(buffer[64])...` likewise.
    fn cast_to_text(
        &mut self,
        call: &str,
        ty: &ast::TypeExpr,
        operand: &ast::Expr,
        span: Span,
    ) -> Expr {
        let size = match ty.modifiers.first() {
            Some(ast::TypeModifier::Array(Some(size))) => Some((**size).clone()),
            _ => None,
        };
        if call == "str"
            && let Some(Ty::Str(room)) = self.type_expr(ty)
        {
            let value = self.value_as_string(operand);
            match value.ty {
                Ty::Str(_) if byte_size(&value) <= room => {
                    return Expr {
                        kind: ExprKind::Cast(Box::new(value)),
                        ty: Ty::Str(room),
                        span,
                    };
                }
                Ty::Str(_) => {
                    let have = byte_size(&value);
                    let message = format!("this string has up to {have} bytes, not {room}");
                    let error = Diagnostic::error("E0304", span, message).here("too small for it");
                    self.report(error.help(format!("cast to `string[{have}]`")));
                    return Expr::poison(span);
                }
                Ty::Unknown => return value,
                _ => {}
            }
        }
        let name = Ident {
            node: call.into(),
            span,
        };
        let mut args = vec![Arg::Expr(operand.clone())];
        args.extend(size.map(Arg::Expr));
        self.call(&name, &args, span)
    }

    /// Between integers, strings and the arrays of their bytes.
    fn array_cast(&mut self, value: Expr, target: Ty, span: Span) -> Expr {
        let (have, want) = (byte_size(&value), target.size());
        let fits = match (&value.ty, &target) {
            // An integer may grow to the array.
            (from, Ty::Array(..)) if from.is_scalar() => {
                have == want || matches!(want, 2 | 4 | 8) && have < want
            }
            (Ty::Str(_), Ty::Array(..)) => want == have,
            (Ty::Array(..), Ty::Array(..)) => have == want,
            (Ty::Array(..), to) if to.is_scalar() => have == want,
            _ => return self.no_cast(&value, &target, span),
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
        let ty = self.type_of(arg);
        let size = match ty {
            None | Some(Ty::Unknown) => return Expr::poison(span),
            Some(Ty::Record(id) | Ty::Value(id, _)) => {
                let record = self.records.get(id);
                if record.is_nameless() {
                    return self.nameless(span);
                }
                if !record.origin.is_fixed() {
                    return Expr {
                        kind: ExprKind::TypeSize(id),
                        ty: Ty::Int(IntTy::flexible()),
                        span,
                    };
                }
                record.size
            }
            Some(ty @ Ty::Array(..)) => return self.pointee_size_expr(&ty, span),
            Some(ty) => ty.size(),
        };
        Expr::literal(i128::from(size), span)
    }

    /// `offsetof(struct name, member.member)`
    pub(super) fn offset_of(
        &mut self,
        base: &ast::Arg,
        path: &[bt_grammar::span::Ident],
        span: Span,
    ) -> Expr {
        let ty = self.type_of(base);
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
            ty: Ty::Int(IntTy::flexible()),
            span,
        }
    }
}

/// Bytes of a value as casts count them: the buffer of a string literal may be longer than the literal.
fn byte_size(value: &Expr) -> u32 {
    match &value.kind {
        ExprKind::Str(bytes) => bytes.len() as u32 + 1,
        _ => value.ty.size(),
    }
}

/// The function that reads what a type of text stands for.
fn text_at(ty: &ast::TypeExpr) -> Option<&'static str> {
    use ast::TypeModifier::Array;
    match (&ty.base, ty.modifiers.as_slice()) {
        (ast::TypeBase::Named(name), [] | [Array(Some(_))]) if name == "string" => Some("str"),
        (ast::TypeBase::Named(name), [Array(Some(_))]) if name == "buffer" => Some("buf"),
        _ => None,
    }
}
