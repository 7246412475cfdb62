//! Loops: their variables, and what they go over.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Checker;
use super::merge::merge;
use crate::typed::{Stmt, StmtKind, VarId};
use crate::types::{INT64, Ty};

impl Checker<'_> {
    /// The body of a loop, in which `break` and `continue` mean something.
    pub(super) fn loop_body(&mut self, body: &ast::Block) -> Vec<Stmt> {
        self.current.loops += 1;
        let stmts = self.block(body);
        self.current.loops -= 1;
        stmts
    }

    /// The body of a `for`, with its variable.
    fn for_body(&mut self, name: &Ident, ty: Ty, body: &ast::Block) -> (VarId, Vec<Stmt>) {
        self.current.scopes.push(Default::default());
        let var = self.new_var(name, ty);
        let body = self.loop_body(body);
        self.current.scopes.pop();
        (var, body)
    }

    /// `for ($i : start..end)`
    pub(super) fn for_range(
        &mut self,
        name: &Ident,
        ends: [&ast::Expr; 2],
        body: &ast::Block,
        span: Span,
    ) -> Option<Stmt> {
        let [start, end] = ends.map(|end| self.scalar(end, "an end of a range"));
        let ty = merge(&start.ty, &end.ty).unwrap_or(INT64);
        let [start, end] = [start, end].map(|end| self.convert_silently(end, &INT64));
        let (var, body) = self.for_body(name, ty, body);
        let kind = StmtKind::ForRange {
            var,
            start,
            end,
            body,
        };
        Some(Stmt { kind, span })
    }

    /// `for ($kv : @map)`
    pub(super) fn for_map(
        &mut self,
        name: &Ident,
        map: &ast::Expr,
        body: &ast::Block,
        span: Span,
    ) -> Option<Stmt> {
        let ast::ExprKind::Map(map_name) = &map.kind else {
            let error = Diagnostic::error("E0311", map.span, "a loop goes over a map or a range");
            self.report(
                error
                    .here("this is neither")
                    .help("write `@map`, or `start..end`"),
            );
            return None;
        };
        let id = self.map_id(map_name, map.span);
        let key = self.map(id).key.clone();
        let ty = match key {
            Some((None, first)) => {
                let message = format!("map `{map_name}` has no keys to go over");
                let error = Diagnostic::error("E0311", map.span, message).here("in this loop");
                self.report(error.also(first, "used without a key here"));
                return None;
            }
            Some((Some(key), _)) => {
                let value = match self.map(id).value.clone() {
                    Ty::Agg(agg) => match agg.read_as() {
                        Some(ty) => {
                            self.share(id);
                            ty
                        }
                        None => {
                            self.unsupported(
                                map.span,
                                "loops over maps of histograms and statistics",
                            );
                            return None;
                        }
                    },
                    value => value,
                };
                match key.is_unknown() || value.is_unknown() {
                    true => Ty::Unknown,
                    false => Ty::Tuple(vec![key, value]),
                }
            }
            None => Ty::Unknown,
        };
        let (var, body) = self.for_body(name, ty, body);
        let kind = StmtKind::ForMap { var, map: id, body };
        Some(Stmt { kind, span })
    }
}
