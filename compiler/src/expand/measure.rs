//! How large and how deep a tree is.

use bt_grammar::ast::{Block, Expr, TypeExpr};

use super::walk::{self, VisitMut};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measure {
    pub nodes: usize,
    pub depth: usize,
}

/// Only counts: it takes the tree to be changed because there is one visitor for both.
pub fn block(block: &mut Block) -> Measure {
    let mut counter = Counter::default();
    counter.block(block);
    counter.found
}

pub fn expr(expr: &mut Expr) -> Measure {
    let mut counter = Counter::default();
    counter.expr(expr);
    counter.found
}

pub fn type_expr(ty: &mut TypeExpr) -> Measure {
    let mut counter = Counter::default();
    counter.type_expr(ty);
    counter.found
}

#[derive(Default)]
struct Counter {
    found: Measure,
    depth: usize,
}

impl Counter {
    fn deeper(&mut self, inside: impl FnOnce(&mut Self)) {
        self.depth += 1;
        self.found.nodes += 1;
        self.found.depth = self.found.depth.max(self.depth);
        inside(self);
        self.depth -= 1;
    }
}

impl VisitMut for Counter {
    fn expr(&mut self, e: &mut Expr) {
        self.deeper(|v| walk::expr(v, e));
    }

    fn block(&mut self, b: &mut Block) {
        self.deeper(|v| walk::block(v, b));
    }

    fn type_expr(&mut self, t: &mut TypeExpr) {
        self.deeper(|v| walk::type_expr(v, t));
    }
}
