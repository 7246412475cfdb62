//! `find()`: the value of an entry, if there is one, with one look-up.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;

use super::{Function, has_key};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::Ty;

pub struct Find;

impl Function for Find {
    fn name(&self) -> &'static str {
        "find"
    }

    fn signature(&self) -> &'static str {
        "bool find(@map, key, $value)"
    }

    fn about(&self) -> &'static str {
        "whether a map has an entry of that key; if so, the variable gets its value"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { @[2] = (1, "hello"); if (find(@, 2, $v)) { print($v.1); } clear(@); exit(); }"#,
                "hello",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 3, 3) {
            return Expr::poison(site.span);
        }
        let Some(mut args) = has_key::map_and_key(cx, site) else {
            return Expr::poison(site.span);
        };
        let Some(target) = cx.arg(site, 2) else {
            return Expr::poison(site.span);
        };
        let ast::ExprKind::Var(name) = &target.kind else {
            let error = Diagnostic::error("E0402", target.span, "`find` writes to a variable");
            cx.report(
                error
                    .here("this is none")
                    .help("write `find(@map, key, $value)`"),
            );
            return Expr::poison(site.span);
        };
        let ExprKind::MapRef(map) = args[0].kind else {
            return Expr::poison(site.span);
        };
        let value = match cx.map(map).value.clone() {
            Ty::Agg(agg) => {
                cx.share(map);
                let Some(ty) = agg.read_as() else {
                    let message = "histograms and statistics have no value of their own";
                    cx.report(Diagnostic::error("E0307", args[0].span, message));
                    return Expr::poison(site.span);
                };
                ty
            }
            value => value,
        };
        let Some(var) = cx.out_variable(name, value, target.span) else {
            return Expr::poison(site.span);
        };
        args.push(var);
        cx.made(site, self, Ty::Bool, args, CallData::None)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        match (&call.args.first()?.kind, &call.args.get(2)?.kind) {
            (ExprKind::MapRef(map), ExprKind::Var(var)) => {
                Some(lower.map_find(*map, call.args.get(1), *var))
            }
            _ => None,
        }
    }
}
