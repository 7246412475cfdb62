//! Walks over the typed tree, in the order of evaluation.

use super::{Call, Expr, ExprKind, Place, Probe, Step, Stmt, StmtKind};

/// What a walk meets. Operands come before what uses them.
pub enum Node<'t> {
    Expr(&'t Expr),
    Call(&'t Call, bt_grammar::span::Span),
    Place(&'t Place, bt_grammar::span::Span),
}

/// Everything in a probe, its predicate first.
pub fn probe<'t>(probe: &'t Probe, visit: &mut dyn FnMut(Node<'t>)) {
    if let Some(predicate) = &probe.predicate {
        expr(predicate, visit);
    }
    stmts(&probe.body, visit);
}

fn stmts<'t>(list: &'t [Stmt], visit: &mut dyn FnMut(Node<'t>)) {
    for stmt in list {
        match &stmt.kind {
            StmtKind::Expr(e) => expr(e, visit),
            StmtKind::SetVar { value, .. } => expr(value, visit),
            StmtKind::SetMap { key, value, .. } | StmtKind::UpdateMap { key, value, .. } => {
                key.iter().for_each(|k| expr(k, visit));
                expr(value, visit);
            }
            StmtKind::Aggregate { key, call: c, .. } => {
                key.iter().for_each(|k| expr(k, visit));
                call(c, stmt.span, visit);
            }
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                expr(cond, visit);
                stmts(then, visit);
                stmts(otherwise, visit);
            }
            StmtKind::Unroll { body, .. } | StmtKind::Block(body) => stmts(body, visit),
            StmtKind::Return => {}
        }
    }
}

fn call<'t>(c: &'t Call, span: bt_grammar::span::Span, visit: &mut dyn FnMut(Node<'t>)) {
    c.args.iter().for_each(|a| expr(a, visit));
    visit(Node::Call(c, span));
}

fn place<'t>(p: &'t Place, span: bt_grammar::span::Span, visit: &mut dyn FnMut(Node<'t>)) {
    expr(&p.base, visit);
    for step in &p.steps {
        if let Step::Index { index, .. } = step {
            expr(index, visit);
        }
    }
    visit(Node::Place(p, span));
}

fn expr<'t>(e: &'t Expr, visit: &mut dyn FnMut(Node<'t>)) {
    match &e.kind {
        ExprKind::MapGet { key, .. } | ExprKind::IncDecMap { key, .. } => {
            key.iter().for_each(|k| expr(k, visit))
        }
        ExprKind::Read(p) | ExprKind::AddressOf(p) => place(p, e.span, visit),
        ExprKind::Neg(x) | ExprKind::Not(x) | ExprKind::BitNot(x) | ExprKind::Cast(x) => {
            expr(x, visit)
        }
        ExprKind::TupleField { base, .. } => expr(base, visit),
        ExprKind::Arith { left, right, .. }
        | ExprKind::Compare { left, right, .. }
        | ExprKind::StrEq { left, right, .. }
        | ExprKind::Logical { left, right, .. } => {
            expr(left, visit);
            expr(right, visit);
        }
        ExprKind::Ternary {
            cond,
            then,
            otherwise,
        } => {
            expr(cond, visit);
            expr(then, visit);
            expr(otherwise, visit);
        }
        ExprKind::Tuple(items) => items.iter().for_each(|i| expr(i, visit)),
        ExprKind::Call(c) => call(c, e.span, visit),
        ExprKind::Block { stmts: list, value } => {
            stmts(list, visit);
            expr(value, visit);
        }
        ExprKind::Int(_)
        | ExprKind::Str(_)
        | ExprKind::Slot(_)
        | ExprKind::Var(_)
        | ExprKind::MapRef(_)
        | ExprKind::IncDecVar { .. }
        | ExprKind::Builtin(_)
        | ExprKind::Poison => {}
    }
    visit(Node::Expr(e));
}
