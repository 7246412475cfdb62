//! `probe` and `probetype`: the attach point, and what kind it is.
//!
//! Where the attach point is known now, its name is a literal. A wildcard stands for many: then the name is looked up in a map that
//! btrun fills, by the id of the place that the program runs for.

use bt_abi::manifest::SlotValue;
use bt_abi::names::PROBE_NAMES_MAP;
use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{GET_ATTACH_COOKIE, MAP_LOOKUP_ELEM};
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::probes::ProbeKind;
use crate::typed::{Expr, ExprKind};
use crate::types::{Ty, UINT64};

pub struct Probe;
pub struct ProbeType;

impl Builtin for Probe {
    fn names(&self) -> &'static [&'static str] {
        &["probe"]
    }

    fn about(&self) -> &'static str {
        "the attach point, with the full name of its provider"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { print(probe); exit(); }",
                "begin",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        match cx.spec().attach.has_late_name() {
            true => late_name(self, cx, span),
            false => literal(&cx.spec().text.clone(), span),
        }
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, expr: &Expr, to: PointerValue<'c>) {
        lower_late_name(lower, PROBE_NAMES_MAP, expr, to);
    }
}

impl Builtin for ProbeType {
    fn names(&self) -> &'static [&'static str] {
        &["probetype"]
    }

    fn about(&self) -> &'static str {
        "the full name of the probe's provider; `special` for begin, end and self"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { print(probetype); exit(); }",
                "special",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let name = match cx.spec().kind {
            ProbeKind::Special => "special",
            _ => cx.spec().text.split(':').next().unwrap_or_default(),
        };
        literal(name, span)
    }
}

/// A text that is known now.
pub fn literal(text: &str, span: Span) -> Expr {
    Expr {
        kind: ExprKind::Str(text.as_bytes().to_vec()),
        ty: Ty::Str(crate::check::literal_size(text.as_bytes())),
        span,
    }
}

/// A name that btrun knows. Longer ones than there is room for are cut.
pub fn late_name(builtin: &'static dyn Builtin, cx: &mut Checker, span: Span) -> Expr {
    let program = cx.probe_index();
    cx.slot(SlotValue::ProbeId { program }, UINT64, span);
    let size = match cx.spec().kind {
        // paths, and the names of C++
        ProbeKind::Uprobe | ProbeKind::Uretprobe | ProbeKind::Usdt => 256,
        _ => 128,
    };
    value(builtin, Ty::Str(size), span)
}

/// Copies the name from the map.
pub fn lower_late_name<'c>(
    lower: &mut Lower<'c, '_>,
    map: &str,
    expr: &Expr,
    to: PointerValue<'c>,
) {
    let id = place_id(lower);
    let key = lower.temp(8);
    lower.b.store(key, id, 4);
    let size = expr.ty.size();
    let map = lower.names_map(map, size);
    let found = lower.helper_ptr(MAP_LOOKUP_ELEM, &[Arg::Ptr(map), Arg::Ptr(key)]);
    let [absent, present, done] = ["absent", "present", "done"].map(|name| lower.b.block(name));
    lower.b.branch_null(found, absent, present);
    lower.b.at_end(absent);
    lower.b.store(to, lower.int(0), 1);
    lower.b.jump(done);
    lower.b.at_end(present);
    lower.copy(to, found, size);
    lower.b.jump(done);
    lower.b.at_end(done);
}

/// The cookie, or where there are no cookies, or a program for each place, the slot. The verifier drops the other branch.
fn place_id<'c>(lower: &mut Lower<'c, '_>) -> IntValue<'c> {
    let fixed = lower.own_slot(
        |value, index| matches!(value, SlotValue::ProbeId { program } if *program == index),
    );
    let before = lower.b.position();
    let [cookie, done] = ["cookie", "done"].map(|name| lower.b.block(name));
    lower.b.branch(fixed, done, cookie);
    lower.b.at_end(cookie);
    let context = lower.context();
    let mut given = lower.b.helper(GET_ATTACH_COOKIE, &[Arg::Ptr(context)]);
    if lower.is_session_return() {
        given = lower.b.shr(given, lower.int(32), false);
    }
    lower.b.jump(done);
    lower.b.at_end(done);
    lower.b.phi(&[(fixed, before), (given, cookie)])
}
