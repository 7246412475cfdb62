//! `&`: the address of a variable, a map or a place in memory.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use crate::typed::{Expr, ExprKind};
use crate::types::{IntTy, Space, Ty};

impl Checker<'_> {
    pub(super) fn address_of(&mut self, operand: &ast::Expr, span: Span) -> Expr {
        if let ast::ExprKind::Map(name) = &operand.kind {
            // The map itself, with or without keys.
            let map = self.map_id(name, operand.span);
            let value = self.map(map).value.clone();
            return pointer(ExprKind::MapRef(map), value, Space::Kernel, span);
        }
        let checked = self.expr(operand);
        match checked.kind {
            ExprKind::Read(place) => {
                let space = match self.space_of(&place) {
                    // Read by a helper from then on.
                    Space::Context => Space::Kernel,
                    space => space,
                };
                pointer(ExprKind::AddressOf(place), checked.ty, space, span)
            }
            ExprKind::Var(_) => {
                let ty = checked.ty.clone();
                let memory = ExprKind::InMemory(Box::new(checked));
                pointer(memory, ty, Space::Own, span)
            }
            ExprKind::Poison => Expr::poison(span),
            _ => {
                let error = Diagnostic::error("E0322", span, "this has no address");
                self.report(
                    error
                        .here("neither a variable, a map, nor a member or element in memory")
                        .help("assign it to a variable, and take the address of that"),
                );
                Expr::poison(span)
            }
        }
    }
}

fn pointer(kind: ExprKind, to: Ty, space: Space, span: Span) -> Expr {
    let to = match to {
        Ty::Unknown => return Expr::poison(span),
        // A copy of a struct is read as a struct elsewhere is.
        Ty::Value(record, _) => Ty::Record(record),
        Ty::Int(int) => Ty::Int(IntTy {
            flexible: false,
            ..int
        }),
        ty => ty,
    };
    Expr {
        kind,
        ty: Ty::Ptr(Box::new(to), space),
        span,
    }
}
