//! `count()`: how often.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{CallData, Expr};
use crate::types::{Agg, Ty};

pub struct Count;

impl Function for Count {
    fn name(&self) -> &'static str {
        "count"
    }

    fn signature(&self) -> &'static str {
        "@map = count()"
    }

    fn about(&self) -> &'static str {
        "counts how often the statement is reached, per CPU and without lost updates"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::printing("begin { @ = count(); @ = count(); exit(); }", "@: 2"),
                Example::new("kprobe:vfs_* { @[func] = count(); }"),
            ]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        match cx.arity(site, self, 0, 0) {
            true => cx.made(site, self, Ty::Agg(Agg::Count), Vec::new(), CallData::None),
            false => Expr::poison(site.span),
        }
    }

    fn first<'c>(&self, lower: &Lower<'c, '_>, _: &[IntValue<'c>]) -> Option<Vec<IntValue<'c>>> {
        Some(vec![lower.int(1)])
    }

    fn aggregate<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        _: &Ty,
        _: &[IntValue<'c>],
        entry: PointerValue<'c>,
    ) {
        let one = lower.int(1);
        add(lower, entry, one);
    }
}

/// Adds to a word of a map's entry: of the own CPU, or, if the map is shared, at once for all.
pub fn add<'c>(lower: &mut Lower<'c, '_>, word: PointerValue<'c>, value: IntValue<'c>) {
    if lower.shared {
        lower.b.atomic_add(word, value);
        return;
    }
    let old = lower.b.load(word, 8, true);
    let new = lower.b.add(old, value);
    lower.b.store(word, new, 8);
}
