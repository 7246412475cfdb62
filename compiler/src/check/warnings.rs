//! What is allowed, and probably not meant.

use bt_grammar::ast::{self, ExprKind, StmtKind};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use crate::typed::{Expr, VarId};
use crate::types::Ty;

impl Checker<'_> {
    /// Statements behind one that never lets them have their turn; the first of them is told.
    pub(super) fn warn_of_unreachable(&mut self, block: &ast::Block) {
        let Some(at) = block.stmts.iter().position(ends) else {
            return;
        };
        let next = block.stmts.get(at + 1).map(|s| s.span);
        let Some(next) = next.or(block.tail.as_ref().map(|tail| tail.span)) else {
            return;
        };
        let warning = Diagnostic::warning("W0922", next, "this is never reached");
        let leaves = block.stmts[at].span;
        self.report(
            warning
                .here("unreachable")
                .also(leaves, "the block is left here"),
        );
    }

    /// An expression as a statement, whose value changes nothing.
    pub(super) fn warn_of_unused(&mut self, value: &Expr) {
        if matches!(value.ty, Ty::Unit | Ty::Unknown) || !value.is_pure() {
            return;
        }
        let warning = Diagnostic::warning("W0923", value.span, "the value of this is not used");
        let help = "write `_ = ...` if that is meant";
        self.report(warning.here("does nothing").help(help));
    }

    /// A declared variable that is read before anything is assigned to it.
    pub(super) fn warn_of_unassigned(&mut self, var: VarId, span: Span) {
        if self.current.looking > 0
            || self.current.assigned.contains(&var)
            || self.var_type(var).is_unknown()
        {
            return;
        }
        let var = &self.current.vars[var.index()];
        if !var.local {
            return;
        }
        let message = format!("`{}` is used before anything is assigned to it", var.name);
        let warning = Diagnostic::warning("W0924", span, message).here("0, or empty");
        let declared = var.span;
        self.report(warning.also(declared, "declared here"));
    }

    /// Declared variables that nothing is assigned to.
    pub(super) fn warn_of_never_assigned(&mut self) {
        let mut found = Vec::new();
        for (index, var) in self.current.vars.iter().enumerate() {
            if var.local && !self.current.assigned.contains(&VarId(index as u32)) {
                let message = format!("nothing is ever assigned to `{}`", var.name);
                let warning = Diagnostic::warning("W0924", var.span, message);
                found.push(warning.here("always 0, or empty"));
            }
        }
        found.into_iter().for_each(|d| self.report(d));
    }

    pub(super) fn warn_of_while(&mut self, span: Span) {
        let warning = Diagnostic::warning("W0925", span, "`while` is deprecated in bpftrace");
        let help = "loops over ranges end for certain: `for ($i : 0..10) { ... }`, with `break` where needed";
        self.report(warning.here("this loop").help(help));
    }

    /// A parameter of the command line where a string would do as well as an integer.
    pub fn warn_of_open_param(&mut self, expr: &ast::Expr) {
        let ExprKind::Param(index) = expr.kind else {
            return;
        };
        if self.params.contains_key(&index) {
            return;
        }
        let message =
            format!("`${index}` may be a number or a text here, and is taken for a number");
        let warning =
            Diagnostic::warning("W0927", expr.span, message).here("its use does not say which");
        self.report(warning.help(format!(
            "write `(int64)${index}` for a number, `str(${index})` for a text"
        )));
    }

    /// Inside a loop a map may have changed by the time that it is printed.
    pub fn warn_of_print_in_loop(&mut self, span: Span) {
        if self.current.loops == 0 {
            return;
        }
        let message = "btrun prints the map later, when the loop has gone on";
        let warning =
            Diagnostic::warning("W0928", span, message).here("a map as a whole, in a loop");
        self.report(warning.help("print what is in it with `for ($kv : @map) { print($kv); }`"));
    }
}

/// Whether nothing behind a statement is reached.
fn ends(stmt: &ast::Stmt) -> bool {
    let block_ends = |block: &ast::Block| block.stmts.iter().any(ends);
    match &stmt.kind {
        StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue => true,
        StmtKind::Expr(expr) => match &expr.kind {
            ExprKind::Call { name, .. } => name.node == "exit",
            _ => false,
        },
        StmtKind::If {
            then,
            otherwise: Some(otherwise),
            ..
        } => block_ends(then) && block_ends(otherwise),
        StmtKind::Block(block) => block_ends(block),
        _ => false,
    }
}
