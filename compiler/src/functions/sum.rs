//! `sum()`: how much.

use super::{Function, count};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{CallData, Expr};
use crate::types::{Agg, Ty};

pub struct Sum;

impl Function for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &'static str {
        "@map = sum(int n)"
    }

    fn about(&self) -> &'static str {
        "adds its argument up, per CPU and without lost updates"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @ = sum(5); @ = sum(6); exit(); }",
                "@: 11",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        aggregation(self, cx, site, |signed| Agg::Sum { signed })
    }

    fn first<'c>(&self, _: &Lower<'c, '_>, args: &[IntValue<'c>]) -> Option<Vec<IntValue<'c>>> {
        Some(vec![args[0]])
    }

    fn aggregate<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        _: &Ty,
        args: &[IntValue<'c>],
        entry: PointerValue<'c>,
    ) {
        count::add(lower, entry, args[0]);
    }
}

/// A call with one integer, whose sign the aggregation has.
pub fn aggregation(
    function: &'static dyn Function,
    cx: &mut Checker,
    site: &CallSite,
    agg: fn(bool) -> Agg,
) -> Expr {
    let Some(arg) = one_integer(function, cx, site, 1) else {
        return Expr::poison(site.span);
    };
    let signed = arg.ty.as_int().is_some_and(|i| i.signed);
    cx.made(
        site,
        function,
        Ty::Agg(agg(signed)),
        vec![arg],
        CallData::None,
    )
}

/// The first argument, an integer, of a function with up to `max` arguments.
pub fn one_integer(
    function: &'static dyn Function,
    cx: &mut Checker,
    site: &CallSite,
    max: usize,
) -> Option<Expr> {
    if !cx.arity(site, function, 1, max) {
        return None;
    }
    let arg = cx.arg(site, 0)?;
    let value = cx.value(arg);
    if value.ty.as_int().is_some() {
        return Some(value);
    }
    // Not known yet in an early round, or reported already.
    if !value.ty.is_unknown() {
        cx.wrong_arg(site, &value, "an integer");
    }
    None
}
