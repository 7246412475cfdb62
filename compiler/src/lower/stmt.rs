//! Statements.

use super::Lower;
use crate::llvm::{BasicBlock, IntValue};
use crate::typed::{Expr, ExprKind, Stmt, StmtKind};
use crate::types::Ty;

impl<'c> Lower<'c, '_> {
    pub(super) fn stmts(&mut self, list: &[Stmt]) {
        for stmt in list {
            self.locate(stmt.span);
            self.forget_entries(stmt);
            let mark = self.program.temporaries.mark();
            self.stmt(stmt);
            self.program.temporaries.release(mark);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(expr) => self.effect(expr),
            StmtKind::SetVar { var, value } => {
                let storage = self.program.vars[var.index()];
                let ty = &self.probe().vars[var.index()].ty;
                match ty.to_abi() {
                    Some(_) if ty.is_scalar() => {
                        let value = self.scalar(value);
                        self.b.store(storage, value, 8);
                    }
                    Some(abi) => self.store_apart(value, storage, &abi),
                    None => {}
                }
            }
            StmtKind::SetMap { map, key, value } => self.map_set(*map, key.as_ref(), value),
            StmtKind::UpdateMap {
                map,
                key,
                op,
                value,
            } => self.map_update(*map, key.as_ref(), *op, value),
            StmtKind::Aggregate { map, key, call } => self.map_aggregate(*map, key.as_ref(), call),
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                let cond = self.scalar(cond);
                let blocks = ["then", "else", "done"].map(|name| self.b.block(name));
                let [then_block, else_block, done] = blocks;
                self.b.branch(cond, then_block, else_block);
                self.b.at_end(then_block);
                self.stmts(then);
                self.b.jump(done);
                self.b.at_end(else_block);
                self.stmts(otherwise);
                self.b.jump(done);
                self.b.at_end(done);
            }
            StmtKind::ForRange {
                var,
                start,
                end,
                body,
            } => self.for_range(*var, start, end, body),
            StmtKind::ForMap { var, map, body } => self.for_map(*var, *map, body),
            StmtKind::While { cond, body } => self.while_loop(cond, body),
            StmtKind::Break => self.go(self.program.around.map(|loops| loops.done)),
            StmtKind::Continue => self.go(self.program.around.map(|loops| loops.next)),
            StmtKind::Unroll { count, body } => (0..*count).for_each(|_| self.stmts(body)),
            StmtKind::Block(body) => self.stmts(body),
            StmtKind::Return(None) => self.leave(),
            StmtKind::Return(Some(value)) => {
                let value = self.scalar(value);
                self.leave_with(value);
            }
        }
    }

    /// Ends the program here; what follows in the script is built, and never reached.
    pub fn leave(&mut self) {
        let nothing = self.int(0);
        self.leave_with(nothing);
    }

    /// The same, and gives a value if the program is judged by it. From a callback it goes through the word of the caller, above the
    /// bit that says that the program ends.
    pub(super) fn leave_with(&mut self, value: IntValue<'c>) {
        let judged = self.probe().kind.is_judged();
        if let Some(left) = self.program.left {
            let word = match judged {
                true => self.b.add(self.b.shl(value, self.int(1)), self.int(1)),
                false => self.int(1),
            };
            self.b.store(left, word, 8);
        } else if let Some(result) = self.program.result {
            self.b.store(result, value, 8);
        }
        self.program.leaves = true;
        self.go(self.program.exit);
    }

    /// Goes on elsewhere.
    fn go(&mut self, to: Option<BasicBlock<'c>>) {
        if let Some(block) = to {
            self.b.jump(block);
        }
        let unreachable = self.b.block("unreachable");
        self.b.at_end(unreachable);
    }

    /// An expression whose value nobody wants.
    fn effect(&mut self, expr: &Expr) {
        match (&expr.kind, &expr.ty) {
            (ExprKind::Call(call), _) => {
                call.function.lower(self, call);
            }
            (
                ExprKind::Ternary {
                    cond,
                    then,
                    otherwise,
                },
                Ty::Unit,
            ) => {
                let cond = self.scalar(cond);
                let [then_block, else_block, done] =
                    ["then", "else", "done"].map(|name| self.b.block(name));
                self.b.branch(cond, then_block, else_block);
                for (block, side) in [(then_block, then), (else_block, otherwise)] {
                    self.b.at_end(block);
                    self.effect(side);
                    self.b.jump(done);
                }
                self.b.at_end(done);
            }
            (ExprKind::Block { stmts, value }, _) => {
                self.stmts(stmts);
                self.effect(value);
            }
            _ if expr.is_pure() => {}
            (_, ty) if ty.is_scalar() => {
                self.scalar(expr);
            }
            _ => {
                self.memory(expr);
            }
        }
    }
}
