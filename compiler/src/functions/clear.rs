//! `clear()` and `zero()`: btrun does them when it reads the record.

use bt_abi::manifest::EventKind;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::Ty;

pub struct Clear;
pub struct Zero;

impl Function for Clear {
    fn name(&self) -> &'static str {
        "clear"
    }

    fn signature(&self) -> &'static str {
        "clear(@map)"
    }

    fn about(&self) -> &'static str {
        "removes all entries of a map"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @[1] = 2; clear(@); @left = 3; exit(); }",
                "@left: 3",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        whole_map(self, cx, site)
    }

    fn event(&self, call: &Call, _: &mut EventLayout) -> Option<EventKind> {
        Some(EventKind::Clear { map: map_of(call)? })
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &[]);
        None
    }
}

impl Function for Zero {
    fn name(&self) -> &'static str {
        "zero"
    }

    fn signature(&self) -> &'static str {
        "zero(@map)"
    }

    fn about(&self) -> &'static str {
        "sets all values of a map to zero, and keeps its keys"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @[1] = 2; zero(@); exit(); }",
                "@[1]: 0",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        whole_map(self, cx, site)
    }

    fn event(&self, call: &Call, _: &mut EventLayout) -> Option<EventKind> {
        Some(EventKind::Zero { map: map_of(call)? })
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &[]);
        None
    }
}

fn whole_map(function: &'static dyn Function, cx: &mut Checker, site: &CallSite) -> Expr {
    if !cx.arity(site, function, 1, 1) {
        return Expr::poison(site.span);
    }
    match cx.map_arg(site, 0) {
        Some(map) => cx.made(site, function, Ty::Unit, vec![map], CallData::None),
        None => Expr::poison(site.span),
    }
}

/// The map that is the first argument.
pub fn map_of(call: &Call) -> Option<u32> {
    match call.args.first()?.kind {
        ExprKind::MapRef(map) => Some(map.0),
        _ => None,
    }
}
