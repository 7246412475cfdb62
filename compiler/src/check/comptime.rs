//! What the compiler evaluates: `comptime`, and `typeinfo()`.

use bt_abi::manifest::SlotValue;
use bt_grammar::ast::{self, Arg};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::constant::{Constant, evaluate};
use super::types::builtin_type;
use super::{Checker, typeinfo};
use crate::typed::{Expr, ExprKind, literal_size};
use crate::types::{Ty, UINT64};

/// The expression behind `comptime`, if it is one.
fn operand(expr: &ast::Expr) -> Option<&ast::Expr> {
    match &expr.kind {
        ast::ExprKind::Call { name, args } if name.node == "comptime" => match args.as_slice() {
            [Arg::Expr(operand)] => Some(operand),
            _ => None,
        },
        _ => None,
    }
}

impl Checker<'_> {
    /// `comptime expression`: a literal of its value.
    pub(super) fn comptime(&mut self, args: &[Arg], span: Span) -> Expr {
        let [Arg::Expr(operand)] = args else {
            return Expr::poison(span);
        };
        let checked = self.expr(operand);
        if self.is_known_before_load(&checked) {
            return checked;
        }
        match self.known(&checked) {
            Some(value) => literal(value, &checked.ty, span),
            None => Expr::poison(span),
        }
    }

    /// For `if comptime ...`: whether the condition holds. `None` if that is not known yet, or was reported; `Some(None)` if the condition is
    /// one for the run.
    pub(super) fn decided(&mut self, cond: &ast::Expr) -> Option<Option<bool>> {
        let Some(operand) = operand(cond) else {
            return Some(None);
        };
        let checked = self.expr(operand);
        if self.is_known_before_load(&checked) {
            return Some(None);
        }
        let value = self.known(&checked)?;
        Some(Some(value.is_true()))
    }

    /// What bpftrace knows when it compiles, and btrun before it loads: the verifier drops the branch that is not taken.
    fn is_known_before_load(&self, checked: &Expr) -> bool {
        match &checked.kind {
            ExprKind::Slot(slot) => matches!(
                self.slots[slot.index()].value,
                SlotValue::KfuncExists(_) | SlotValue::KfuncAllowed { .. }
            ),
            ExprKind::Not(operand) => self.is_known_before_load(operand),
            _ => false,
        }
    }

    /// The value of an expression that must be known now. Types that are not known yet are waited for.
    fn known(&mut self, checked: &Expr) -> Option<Constant> {
        let value = evaluate(checked);
        if value.is_none() && !checked.ty.is_unknown() && !matches!(checked.kind, ExprKind::Poison)
        {
            let message = "this is not known when the script is compiled";
            let error = Diagnostic::error("E0406", checked.span, message);
            let help = "`comptime` takes literals, types, and what is made of them";
            self.report(error.here("depends on the run").help(help));
        }
        value
    }

    /// `typeinfo(type or expression)`: a record of literals.
    pub(super) fn typeinfo(&mut self, arg: &Arg, span: Span) -> Expr {
        let Some(ty) = self.type_of(arg).filter(|ty| !ty.is_unknown()) else {
            return Expr::poison(span);
        };
        let text = |text: String| {
            let bytes = text.into_bytes();
            Expr {
                ty: Ty::Str(literal_size(&bytes)),
                kind: ExprKind::Str(bytes),
                span,
            }
        };
        let fields = [
            ("btf_id", Expr::int(0, UINT64, span)),
            ("base_type", text(typeinfo::base_type(&ty).into())),
            ("full_type", text(typeinfo::full_type(&ty, self.records))),
        ];
        let types = fields
            .iter()
            .map(|(name, value)| (name.to_string(), value.ty.clone()));
        Expr {
            ty: Ty::Named(types.collect()),
            kind: ExprKind::Tuple(fields.into_iter().map(|(_, value)| value).collect()),
            span,
        }
    }

    /// What the parser took for a type's name may be that of a constant.
    fn enum_constant(&mut self, ty: &ast::TypeExpr) -> Option<Ty> {
        let ast::TypeBase::Named(name) = &ty.base else {
            return None;
        };
        let known = self.constants.get(name).map(|(_, ty)| ty.clone());
        if known.is_some() || !ty.modifiers.is_empty() || builtin_type(name).is_some() {
            return known;
        }
        match self.records.facts().typedef(name) {
            None => self.kernel_constant(name, ty.span).map(|e| e.ty),
            Some(_) => None,
        }
    }

    /// The type of what `sizeof`, `typeof` and their like are given. A map with keys stands for its keys.
    pub fn type_of(&mut self, arg: &Arg) -> Option<Ty> {
        let expr = match arg {
            Arg::Type(ty) => {
                return match self.enum_constant(ty) {
                    Some(constant) => Some(constant),
                    None => self.type_expr(ty),
                };
            }
            Arg::Expr(expr) => expr,
        };
        match &expr.kind {
            ast::ExprKind::Typeof(inner) => return self.type_of(inner),
            ast::ExprKind::Map(name) => {
                let map = self.map_id(name, expr.span);
                if let Some((Some(key), _)) = self.map(map).key.clone() {
                    return Some(key);
                }
            }
            _ => {}
        }
        self.current.looking += 1;
        let checked = self.expr(expr);
        self.current.looking -= 1;
        match (&checked.kind, &checked.ty) {
            // Buffers of literals are whole words.
            (ExprKind::Str(bytes), Ty::Str(_)) => Some(Ty::Str(bytes.len() as u32 + 1)),
            _ => Some(checked.ty),
        }
    }
}

fn literal(value: Constant, ty: &Ty, span: Span) -> Expr {
    match (value, ty) {
        (Constant::Int(value), Ty::Int(int)) if int.holds(value) => {
            Expr::int(value as i64, ty.clone(), span)
        }
        (Constant::Int(value), ty) => Expr::int(value as i64, ty.clone(), span),
        (Constant::Str(bytes), _) => Expr {
            ty: Ty::Str(literal_size(&bytes)),
            kind: ExprKind::Str(bytes),
            span,
        },
        (Constant::Fields(fields), Ty::Named(types)) => {
            let items = fields.into_iter().zip(types);
            let items = items.map(|((_, value), (_, ty))| literal(value, ty, span));
            Expr {
                kind: ExprKind::Tuple(items.collect()),
                ty: ty.clone(),
                span,
            }
        }
        (Constant::Fields(fields), Ty::Tuple(types)) => {
            let items = fields.into_iter().zip(types);
            let items = items.map(|((_, value), ty)| literal(value, ty, span));
            Expr {
                kind: ExprKind::Tuple(items.collect()),
                ty: ty.clone(),
                span,
            }
        }
        (Constant::Fields(_), _) => Expr::poison(span),
    }
}
