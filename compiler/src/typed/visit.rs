//! Walks over the typed tree, in the order of evaluation.

use super::{Call, Expr, ExprKind, MapId, Place, Probe, Step, Stmt, StmtKind, VarId};
use crate::types::FieldRef;

/// What a walk meets. Operands come before what uses them.
pub enum Node<'t> {
    Expr(&'t Expr),
    Call(&'t Call, bt_grammar::span::Span),
    Place(&'t Place, bt_grammar::span::Span),
    /// A member whose offset is asked for.
    Field(FieldRef, bt_grammar::span::Span),
    /// A variable that is assigned to, or set by a loop.
    SetVar(VarId),
    /// A map that is written to. (Functions that do are calls with the map as an argument.)
    SetMap(MapId),
    /// A map whose entries a loop goes through.
    Entries(MapId),
}

/// Everything in a probe, its predicate first.
pub fn probe<'t>(probe: &'t Probe, visit: &mut dyn FnMut(Node<'t>)) {
    for object in &probe.objects {
        expr(object, visit);
    }
    if let Some(predicate) = &probe.predicate {
        expr(predicate, visit);
    }
    stmts(&probe.body, visit);
}

/// Everything in an expression.
pub fn expression<'t>(e: &'t Expr, visit: &mut dyn FnMut(Node<'t>)) {
    expr(e, visit);
}

/// Everything in a list of statements.
pub fn stmts<'t>(list: &'t [Stmt], visit: &mut dyn FnMut(Node<'t>)) {
    for stmt in list {
        match &stmt.kind {
            StmtKind::Expr(e) => expr(e, visit),
            StmtKind::SetVar { var, value } => {
                expr(value, visit);
                visit(Node::SetVar(*var));
            }
            StmtKind::SetMap { map, key, value }
            | StmtKind::UpdateMap {
                map, key, value, ..
            } => {
                key.iter().for_each(|k| expr(k, visit));
                expr(value, visit);
                visit(Node::SetMap(*map));
            }
            StmtKind::Aggregate { map, key, call: c } => {
                key.iter().for_each(|k| expr(k, visit));
                call(c, stmt.span, visit);
                visit(Node::SetMap(*map));
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
            StmtKind::ForRange {
                var,
                start,
                end,
                body,
            } => {
                expr(start, visit);
                expr(end, visit);
                visit(Node::SetVar(*var));
                stmts(body, visit);
            }
            StmtKind::ForMap { var, map, body } => {
                visit(Node::Entries(*map));
                visit(Node::SetVar(*var));
                stmts(body, visit);
            }
            StmtKind::While { cond, body } => {
                expr(cond, visit);
                stmts(body, visit);
            }
            StmtKind::Unroll { body, .. } | StmtKind::Block(body) => stmts(body, visit),
            StmtKind::Return(Some(value)) => expr(value, visit),
            StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => {}
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
        ExprKind::MapGet { key, .. } => key.iter().for_each(|k| expr(k, visit)),
        ExprKind::IncDecMap { map, key, step, .. } => {
            key.iter().for_each(|k| expr(k, visit));
            expr(step, visit);
            visit(Node::SetMap(*map));
        }
        ExprKind::IncDecVar { step, .. } => expr(step, visit),
        ExprKind::Read(p) | ExprKind::AddressOf(p) => place(p, e.span, visit),
        ExprKind::InMemory(x)
        | ExprKind::Neg(x)
        | ExprKind::Not(x)
        | ExprKind::BitNot(x)
        | ExprKind::Cast(x) => expr(x, visit),
        ExprKind::TupleField { base, .. } => expr(base, visit),
        ExprKind::Arith { left, right, .. }
        | ExprKind::Compare { left, right, .. }
        | ExprKind::Same { left, right, .. }
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
        ExprKind::FieldOffset(path) => path.iter().for_each(|f| visit(Node::Field(*f, e.span))),
        ExprKind::Call(c) => call(c, e.span, visit),
        ExprKind::Block { stmts: list, value } => {
            stmts(list, visit);
            expr(value, visit);
        }
        ExprKind::Int(_)
        | ExprKind::Str(_)
        | ExprKind::Slot(_)
        | ExprKind::SlotTail { .. }
        | ExprKind::Enumerator { .. }
        | ExprKind::TypeSize(_)
        | ExprKind::Var(_)
        | ExprKind::MapRef(_)
        | ExprKind::Builtin(_)
        | ExprKind::Poison => {}
    }
    visit(Node::Expr(e));
}
