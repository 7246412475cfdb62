//! Statements.

use bt_grammar::ast::{self, BinaryOp, StmtKind as A};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Checker;
use super::merge::merge;
use crate::typed::{Expr, ExprKind, Stmt, StmtKind, Var, VarId};
use crate::types::{Space, Ty};

/// `unroll` copies its body; more copies than this are a mistake.
const MAX_UNROLL: i64 = 100;

/// Of nested ones together.
const MAX_UNROLL_NESTED: i64 = 1000;

impl Checker<'_> {
    pub(super) fn block(&mut self, block: &ast::Block) -> Vec<Stmt> {
        self.warn_of_unreachable(block);
        self.current.scopes.push(Default::default());
        let mut stmts: Vec<Stmt> = block.stmts.iter().filter_map(|s| self.stmt(s)).collect();
        if let Some(tail) = &block.tail {
            stmts.extend(self.expr_stmt(tail));
        }
        self.current.scopes.pop();
        stmts
    }

    pub(super) fn stmt(&mut self, stmt: &ast::Stmt) -> Option<Stmt> {
        let span = stmt.span;
        let kind = match &stmt.kind {
            A::Expr(expr) => return self.expr_stmt(expr),
            A::Assign { target, op, value } => return self.assign(target, *op, value, span),
            A::Let { var, ty, value } => {
                return self.declare(var, ty.as_ref(), value.as_ref(), span);
            }
            A::Discard(expr) => StmtKind::Expr(self.expr(expr)),
            A::If {
                cond,
                then,
                otherwise,
            } => {
                if let Some(taken) = self.decided(cond)? {
                    let taken = if taken {
                        Some(then)
                    } else {
                        otherwise.as_ref()
                    };
                    let stmts = taken.map_or(Vec::new(), |block| self.block(block));
                    return Some(Stmt {
                        kind: StmtKind::Block(stmts),
                        span,
                    });
                }
                let cond = self.condition(cond);
                let then = self.block(then);
                let otherwise = otherwise.as_ref().map_or(Vec::new(), |b| self.block(b));
                StmtKind::If {
                    cond,
                    then,
                    otherwise,
                }
            }
            A::Unroll { count, body } => {
                let count_span = count.span;
                let param = match count.kind {
                    ast::ExprKind::Param(index) => Some(index),
                    _ => None,
                };
                let known = self.constant(count);
                let count = self.value(count).flexible_int().or(known);
                let Some(count @ 1..=MAX_UNROLL) = count else {
                    let error = Diagnostic::error(
                        "E0406",
                        count_span,
                        "the count of `unroll` must be a literal",
                    );
                    let error = error.here(format!("expected 1 to {MAX_UNROLL}"));
                    self.report(match param {
                        Some(index) => error.help(self.fixing(index, "NUMBER")),
                        None => error,
                    });
                    return None;
                };
                let outer = self.current.unrolled.max(1);
                if outer * count > MAX_UNROLL_NESTED {
                    let error = Diagnostic::error("E0406", span, "too many copies of this body");
                    let here = format!("{} copies, {MAX_UNROLL_NESTED} at most", outer * count);
                    self.report(error.here(here).help("use a `for` loop"));
                    return None;
                }
                self.current.unrolled = outer * count;
                let body = self.block(body);
                self.current.unrolled = outer;
                StmtKind::Unroll {
                    count: count as u32,
                    body,
                }
            }
            A::Block(block) => StmtKind::Block(self.block(block)),
            A::Return(None) => StmtKind::Return(None),
            // The value is what tests are judged by; elsewhere it says nothing.
            A::Return(Some(value)) => {
                let value = self.scalar(value, "a return value");
                StmtKind::Return(Some(value).filter(|_| self.spec().kind.is_judged()))
            }
            A::ForRange {
                var,
                start,
                end,
                body,
            } => return self.for_range(var, [start, end], body, span),
            A::ForMap { var, map, body } => return self.for_map(var, map, body, span),
            A::While { cond, body } => {
                self.warn_of_while(cond.span);
                let cond = self.condition(cond);
                let body = self.loop_body(body);
                StmtKind::While { cond, body }
            }
            A::Break | A::Continue if self.current.loops == 0 => {
                let word = if stmt.kind == A::Break {
                    "break"
                } else {
                    "continue"
                };
                let message = format!("`{word}` outside of a loop");
                self.report(
                    Diagnostic::error("E0310", span, message).here("there is no loop here"),
                );
                return None;
            }
            A::Break => StmtKind::Break,
            A::Continue => StmtKind::Continue,
        };
        Some(Stmt { kind, span })
    }

    fn expr_stmt(&mut self, expr: &ast::Expr) -> Option<Stmt> {
        let checked = self.expr(expr);
        match &checked.ty {
            Ty::Agg(_) if !matches!(checked.kind, ExprKind::MapGet { .. }) => {
                let error = Diagnostic::error(
                    "E0403",
                    expr.span,
                    "an aggregation must be assigned to a map",
                );
                self.report(error.here("its value is lost").help("write `@name = ...`"));
                None
            }
            _ => {
                self.warn_of_unused(&checked);
                Some(Stmt {
                    kind: StmtKind::Expr(checked),
                    span: expr.span,
                })
            }
        }
    }

    fn assign(
        &mut self,
        target: &ast::Expr,
        op: Option<BinaryOp>,
        value: &ast::Expr,
        span: Span,
    ) -> Option<Stmt> {
        match &target.kind {
            ast::ExprKind::Var(name) => {
                if op.is_none() {
                    self.warn_of_open_param(value);
                }
                let value = match op {
                    None => self.value(value),
                    Some(op) => {
                        let current = self.expr(target);
                        let value = self.value(value);
                        self.binary_checked(op, current, value, span)
                    }
                };
                let name = Ident {
                    node: name.clone(),
                    span: target.span,
                };
                self.set_var(&name, value, span)
            }
            ast::ExprKind::Map(_) => self.assign_map(target, op, value, span),
            ast::ExprKind::Index { base, .. } if matches!(base.kind, ast::ExprKind::Map(_)) => {
                self.assign_map(target, op, value, span)
            }
            _ => {
                let error = Diagnostic::error("E0303", target.span, "cannot assign to this");
                self.report(
                    error
                        .here("neither a variable nor a map")
                        .help("kernel and user memory is read-only"),
                );
                self.expr(value);
                None
            }
        }
    }

    fn assign_map(
        &mut self,
        target: &ast::Expr,
        op: Option<BinaryOp>,
        value: &ast::Expr,
        span: Span,
    ) -> Option<Stmt> {
        let (map, key) = self.map_use(target)?;
        if op.is_none() {
            self.warn_of_open_param(value);
        }
        let checked = match op {
            None => self.expr(value),
            Some(_) => self.value(value),
        };
        if let Some(op) = op {
            let known = self.map(map).value.clone();
            if let (Ty::Ptr(to, _), Some(_), BinaryOp::Add | BinaryOp::Sub) =
                (&known, checked.ty.as_int(), op)
            {
                let value = self.scaled(checked, to);
                return Some(Stmt {
                    kind: StmtKind::UpdateMap {
                        map,
                        key,
                        op,
                        value,
                    },
                    span,
                });
            }
            let numbers = matches!(known, Ty::Int(_) | Ty::Unknown);
            if !numbers || (checked.ty.as_int().is_none() && !checked.ty.is_unknown()) {
                let message = format!(
                    "`{}=` needs integers, not `{}` and `{}`",
                    op.symbol(),
                    self.show(&known),
                    self.show(&checked.ty)
                );
                let error = Diagnostic::error("E0303", span, message).here("type mismatch");
                let first = self.map(map).value_span;
                self.report(error.also(
                    first,
                    format!("the map holds `{}` since here", self.show(&known)),
                ));
                return None;
            }
            let (Ty::Int(held), Some(added)) = (&known, checked.ty.as_int()) else {
                self.counts(map, span);
                return None;
            };
            let result = Ty::Int(super::binary::arithmetic(op, *held, added));
            self.unify_value(map, &result, span);
            let ty = self.map(map).value.clone();
            let value = self.convert_silently(checked, &ty);
            return Some(Stmt {
                kind: StmtKind::UpdateMap {
                    map,
                    key,
                    op,
                    value,
                },
                span,
            });
        }
        let checked = match (&checked.ty, &checked.kind) {
            (Ty::Unit | Ty::Record(_) | Ty::Array(..) | Ty::Ptr(_, Space::Context), _)
            | (Ty::Str(_), ExprKind::Read(_)) => self.as_value(checked),
            (Ty::Agg(_), ExprKind::MapGet { .. }) => self.as_value(checked),
            _ => checked,
        };
        let ty = checked.ty.clone();
        if ty.is_unknown() {
            return None;
        }
        if !self.unify_value(map, &ty, checked.span) {
            return None;
        }
        match checked.kind {
            ExprKind::Call(call) if matches!(ty, Ty::Agg(_)) => Some(Stmt {
                kind: StmtKind::Aggregate { map, key, call },
                span,
            }),
            // What comes before the call in a block comes before the assignment.
            ExprKind::Block { mut stmts, value }
                if matches!(value.kind, ExprKind::Call(_)) && matches!(ty, Ty::Agg(_)) =>
            {
                if let ExprKind::Call(call) = value.kind {
                    let kind = StmtKind::Aggregate { map, key, call };
                    stmts.push(Stmt { kind, span });
                }
                let kind = StmtKind::Block(stmts);
                Some(Stmt { kind, span })
            }
            _ if matches!(ty, Ty::Agg(_)) => {
                let message = "an aggregation is assigned to a map as it is";
                let error = Diagnostic::error("E0403", checked.span, message);
                let help = "write an `if` with an assignment on each side";
                self.report(error.here("part of another expression").help(help));
                None
            }
            kind => {
                let target = self.map(map).value.clone();
                let value = self.convert(
                    Expr {
                        kind,
                        ty: checked.ty,
                        span: checked.span,
                    },
                    &target,
                );
                Some(Stmt {
                    kind: StmtKind::SetMap { map, key, value },
                    span,
                })
            }
        }
    }

    fn set_var(&mut self, name: &Ident, value: Expr, span: Span) -> Option<Stmt> {
        if value.ty.is_unknown() {
            // Known to exist, so that later uses are not reported as well.
            let var = match self.find_var(&name.node) {
                Some(var) => var,
                None => self.new_var(name, Ty::Unknown),
            };
            self.current.assigned.insert(var);
            return None;
        }
        let var = match self.find_var(&name.node) {
            Some(var) => var,
            None => self.new_var(name, value.ty.clone()),
        };
        self.current.assigned.insert(var);
        self.assign_var(var, value, span)
    }

    fn assign_var(&mut self, var: VarId, value: Expr, span: Span) -> Option<Stmt> {
        let known = self.var_type(var);
        let declared = self.current.vars[var.index()].declared;
        let ty = match declared {
            true => declared_type(&known, &value),
            false => merge(&known, &value.ty),
        };
        let Some(ty) = ty else {
            let name = self.current.vars[var.index()].name.clone();
            let first = self.current.vars[var.index()].span;
            let here = match value.as_literal() {
                Some(number) if declared && known.as_int().is_some() => {
                    format!("{number} does not fit")
                }
                _ => format!("this is `{}`", self.show(&value.ty)),
            };
            let error = Diagnostic::error(
                "E0301",
                value.span,
                format!("type mismatch for variable `{name}`"),
            )
            .here(here)
            .also(
                first,
                format!("the variable holds `{}` since here", self.show(&known)),
            );
            let help = match declared && value.ty.as_int().is_some() {
                true => format!("cast it if that is meant: `({})...`", self.show(&known)),
                false => "use another variable for values of another type".into(),
            };
            self.report(error.help(help));
            return None;
        };
        self.current.vars[var.index()].ty = ty.clone();
        let value = self.convert(value, &ty);
        Some(Stmt {
            kind: StmtKind::SetVar { var, value },
            span,
        })
    }

    /// A variable that a call writes to: an existing one that can hold the value, or a new one.
    pub fn out_variable(&mut self, name: &str, ty: Ty, span: Span) -> Option<Expr> {
        let ident = Ident {
            node: name.to_string(),
            span,
        };
        let Some(var) = self.find_var(name) else {
            let var = self.new_var(&ident, ty.clone());
            return Some(Expr {
                kind: ExprKind::Var(var),
                ty,
                span,
            });
        };
        self.current.assigned.insert(var);
        let known = self.var_type(var);
        match merge(&known, &ty) {
            Some(merged) => {
                self.current.vars[var.index()].ty = merged.clone();
                Some(Expr {
                    kind: ExprKind::Var(var),
                    ty: merged,
                    span,
                })
            }
            None => {
                let message = format!("type mismatch for variable `{name}`");
                let error = Diagnostic::error("E0301", span, message);
                let here = format!(
                    "it holds `{}`, and would get `{}`",
                    self.show(&known),
                    self.show(&ty)
                );
                self.report(error.here(here).help("use another variable"));
                None
            }
        }
    }

    /// A variable of the compiler's own.
    pub(super) fn hidden_var(&mut self, ty: Ty, span: Span) -> VarId {
        let id = VarId(self.current.vars.len() as u32);
        let name = format!("$<{}>", id.0);
        self.current.vars.push(Var {
            declared: false,
            local: false,
            name,
            ty,
            span,
        });
        id
    }

    pub(super) fn new_var(&mut self, name: &Ident, ty: Ty) -> VarId {
        let id = VarId(self.current.vars.len() as u32);
        self.current.vars.push(Var {
            declared: false,
            local: false,
            name: name.node.clone(),
            ty,
            span: name.span,
        });
        let hoisted = self.hoisted[self.current.index].contains(&name.node);
        if hoisted {
            let message = format!(
                "`{}` is used outside of the block that assigns to it",
                name.node
            );
            let warning =
                Diagnostic::warning("W0905", name.span, message).here("first assigned here");
            let help = format!("declare it before that block: `let {};`", name.node);
            self.report(warning.help(help));
        }
        let scope = match hoisted {
            true => self.current.scopes.first_mut(),
            false => self.current.scopes.last_mut(),
        };
        if let Some(scope) = scope {
            scope.insert(name.node.clone(), id);
        }
        id
    }

    fn declare(
        &mut self,
        name: &Ident,
        ty: Option<&ast::TypeExpr>,
        value: Option<&ast::Expr>,
        span: Span,
    ) -> Option<Stmt> {
        if let Some(scope) = self.current.scopes.last()
            && let Some(earlier) = scope.get(&name.node)
        {
            let earlier = self.current.vars[earlier.index()].span;
            let error = Diagnostic::error(
                "E0208",
                name.span,
                format!("variable `{}` is declared twice", name.node),
            )
            .here("declared again in the same block")
            .also(earlier, "first here");
            self.report(error);
            return None;
        }
        let value = value.map(|v| self.value(v));
        let declared = match ty {
            Some(ty) => Some(match self.type_expr(ty)? {
                ty @ (Ty::Record(_) | Ty::Array(..)) => match self.records.copied(&ty) {
                    Some(ty) => ty,
                    None => {
                        self.unsupported(
                            name.span,
                            "copies of kernel types without a name, or in arrays",
                        );
                        return None;
                    }
                },
                ty => ty,
            }),
            None => None,
        };
        let fixed = declared.is_some();
        let var = self.new_var(name, declared.unwrap_or(Ty::Unknown));
        self.current.vars[var.index()].declared = fixed;
        self.current.vars[var.index()].local = true;
        let value = value?;
        self.current.assigned.insert(var);
        if value.ty.is_unknown() {
            return None;
        }
        self.assign_var(var, value, span)
    }
}

/// The type of a declared variable if it can hold the value: integers of any width are cut, literals must fit.
fn declared_type(declared: &Ty, value: &Expr) -> Option<Ty> {
    let fits = match (declared.as_int(), value.as_literal()) {
        (Some(int), Some(literal)) => int.holds(literal),
        (Some(_), None) => value.ty.as_int().is_some(),
        _ => merge(declared, &value.ty).is_some(),
    };
    fits.then(|| declared.clone())
}
