//! `has_key()`: whether a map has an entry.

use bt_grammar::ast::Arg;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::Ty;

pub struct HasKey;

impl Function for HasKey {
    fn name(&self) -> &'static str {
        "has_key"
    }

    fn signature(&self) -> &'static str {
        "bool has_key(@map, key)"
    }

    fn about(&self) -> &'static str {
        "whether a map has an entry of that key"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @[1, 2] = 3; print(has_key(@, (1, 2))); print(has_key(@, (1, 3))); clear(@); exit(); }",
                r#"true
false"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 2, 2) {
            return Expr::poison(site.span);
        }
        match map_and_key(cx, site) {
            Some(args) => cx.made(site, self, Ty::Bool, args, CallData::None),
            None => Expr::poison(site.span),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        match call.args.first()?.kind {
            ExprKind::MapRef(map) => Some(lower.map_has(map, call.args.get(1))),
            _ => None,
        }
    }
}

/// The first two arguments, a map and a key of it.
pub fn map_and_key(cx: &mut Checker, site: &CallSite) -> Option<Vec<Expr>> {
    let map_expr = cx.map_arg(site, 0)?;
    let (ExprKind::MapRef(map), [_, Arg::Expr(key), ..]) = (&map_expr.kind, site.args) else {
        cx.arg(site, 1);
        return None;
    };
    let map = *map;
    let key = cx.map_key(std::slice::from_ref(key), key.span);
    let key = cx.keyed(map, key);
    Some(vec![map_expr, key])
}
