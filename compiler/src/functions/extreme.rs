//! `min()` and `max()`: the least and the greatest.

use inkwell::IntPredicate;

use super::{Function, sum};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::{Agg, Ty};

pub struct Min;
pub struct Max;

impl Function for Min {
    fn name(&self) -> &'static str {
        "min"
    }

    fn signature(&self) -> &'static str {
        "@map = min(int n)"
    }

    fn about(&self) -> &'static str {
        "the least of its arguments"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @ = min(7); @ = min(3); @ = min(33); exit(); }",
                "@: 3",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        sum::aggregation(self, cx, site, |signed| Agg::Min { signed })
    }

    fn first<'c>(&self, lower: &Lower<'c, '_>, args: &[IntValue<'c>]) -> Option<Vec<IntValue<'c>>> {
        Some(vec![args[0], lower.int(1)])
    }

    fn aggregate<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        ty: &Ty,
        args: &[IntValue<'c>],
        entry: PointerValue<'c>,
    ) {
        let signed = matches!(ty, Ty::Agg(Agg::Min { signed: true }));
        let smaller = if signed {
            IntPredicate::SLT
        } else {
            IntPredicate::ULT
        };
        keep(lower, smaller, args[0], entry);
    }
}

impl Function for Max {
    fn name(&self) -> &'static str {
        "max"
    }

    fn signature(&self) -> &'static str {
        "@map = max(int n)"
    }

    fn about(&self) -> &'static str {
        "the greatest of its arguments"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @ = max(3); @ = max(33); @ = max(7); exit(); }",
                "@: 33",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        sum::aggregation(self, cx, site, |signed| Agg::Max { signed })
    }

    fn first<'c>(&self, lower: &Lower<'c, '_>, args: &[IntValue<'c>]) -> Option<Vec<IntValue<'c>>> {
        Some(vec![args[0], lower.int(1)])
    }

    fn aggregate<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        ty: &Ty,
        args: &[IntValue<'c>],
        entry: PointerValue<'c>,
    ) {
        let signed = matches!(ty, Ty::Agg(Agg::Max { signed: true }));
        let greater = if signed {
            IntPredicate::SGT
        } else {
            IntPredicate::UGT
        };
        keep(lower, greater, args[0], entry);
    }
}

/// Stores a value that is nearer to the extreme than the stored one, or the first; a word behind it says that there is one.
pub fn keep<'c>(
    lower: &mut Lower<'c, '_>,
    nearer: IntPredicate,
    value: IntValue<'c>,
    entry: PointerValue<'c>,
) {
    let b = &lower.b;
    let set = b.offset(entry, 8);
    let first = b.compare(IntPredicate::EQ, b.load(set, 8, false), b.int(0));
    let better = b.compare(nearer, value, b.load(entry, 8, true));
    let [store, done] = ["store", "done"].map(|name| b.block(name));
    b.branch(b.or(first, better), store, done);
    b.at_end(store);
    b.store(entry, value, 8);
    b.store(set, b.int(1), 8);
    b.jump(done);
    b.at_end(done);
}
