//! `avg()` and `stats()`: the average, alone or with count and total.

use super::{Function, count, sum};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::{Agg, Ty};

pub struct Avg;
pub struct Stats;

impl Function for Avg {
    fn name(&self) -> &'static str {
        "avg"
    }

    fn signature(&self) -> &'static str {
        "@map = avg(int n)"
    }

    fn about(&self) -> &'static str {
        "the average of its arguments, cut to an integer"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::printing("begin { @ = avg(1); @ = avg(4); exit(); }", "@: 2"),
                Example::new("kretprobe:vfs_read { @bytes[comm] = avg(retval); }"),
            ]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        sum::aggregation(self, cx, site, |signed| Agg::Avg { signed })
    }

    fn first<'c>(&self, lower: &Lower<'c, '_>, args: &[IntValue<'c>]) -> Option<Vec<IntValue<'c>>> {
        Some(vec![args[0], lower.int(1)])
    }

    fn aggregate<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        _: &Ty,
        args: &[IntValue<'c>],
        entry: PointerValue<'c>,
    ) {
        add(lower, args, entry);
    }
}

impl Function for Stats {
    fn name(&self) -> &'static str {
        "stats"
    }

    fn signature(&self) -> &'static str {
        "@map = stats(int n)"
    }

    fn about(&self) -> &'static str {
        "count, average and total of its arguments"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @ = stats(1); @ = stats(4); exit(); }",
                "@: { .count = 2, .average = 2, .total = 5 }",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        sum::aggregation(self, cx, site, |signed| Agg::Stats { signed })
    }

    fn first<'c>(&self, lower: &Lower<'c, '_>, args: &[IntValue<'c>]) -> Option<Vec<IntValue<'c>>> {
        Some(vec![args[0], lower.int(1)])
    }

    fn aggregate<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        _: &Ty,
        args: &[IntValue<'c>],
        entry: PointerValue<'c>,
    ) {
        add(lower, args, entry);
    }
}

/// The total, and behind it the count.
fn add<'c>(lower: &mut Lower<'c, '_>, args: &[IntValue<'c>], entry: PointerValue<'c>) {
    count::add(lower, entry, args[0]);
    let count = lower.b.offset(entry, 8);
    let one = lower.int(1);
    count::add(lower, count, one);
}
