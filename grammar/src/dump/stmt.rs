//! Blocks and statements as forms.

use super::Form;
use super::expr::{expr, type_expr};
use crate::ast::*;

/// `(head stmts... (value tail))`
pub(super) fn block(head: &str, block: &Block) -> Form {
    let stmts = block.stmts.iter().map(stmt);
    Form::list(
        head,
        stmts.chain(
            block
                .tail
                .as_ref()
                .map(|tail| Form::list("value", [expr(tail)])),
        ),
    )
}

fn stmt(stmt: &Stmt) -> Form {
    match &stmt.kind {
        StmtKind::Expr(e) => expr(e),
        StmtKind::Assign { target, op, value } => {
            let head = op.map_or_else(|| "=".to_owned(), |op| format!("{}=", op.symbol()));
            Form::list(&head, [expr(target), expr(value)])
        }
        StmtKind::Let { var, ty, value } => {
            let mut forms = vec![Form::word(&var.node)];
            forms.extend(ty.as_ref().map(|ty| Form::list(":", [type_expr(ty)])));
            forms.extend(value.as_ref().map(expr));
            Form::list("let", forms)
        }
        StmtKind::Discard(e) => Form::list("discard", [expr(e)]),
        StmtKind::If {
            cond,
            then,
            otherwise,
        } => {
            let forms = [expr(cond), block("then", then)];
            Form::list(
                "if",
                forms
                    .into_iter()
                    .chain(otherwise.as_ref().map(|b| block("else", b))),
            )
        }
        StmtKind::ForMap { var, map, body } => Form::list(
            "for",
            [Form::word(&var.node), expr(map), block("body", body)],
        ),
        StmtKind::ForRange {
            var,
            start,
            end,
            body,
        } => {
            let range = Form::list("range", [expr(start), expr(end)]);
            Form::list("for", [Form::word(&var.node), range, block("body", body)])
        }
        StmtKind::While { cond, body } => Form::list("while", [expr(cond), block("body", body)]),
        StmtKind::Unroll { count, body } => {
            Form::list("unroll", [expr(count), block("body", body)])
        }
        StmtKind::Block(b) => block("block", b),
        StmtKind::Return(value) => Form::list("return", value.as_ref().map(expr)),
        StmtKind::Break => Form::list("break", []),
        StmtKind::Continue => Form::list("continue", []),
    }
}
