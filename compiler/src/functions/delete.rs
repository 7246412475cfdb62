//! `delete()`: takes an entry out of a map, at once.

use bt_grammar::ast::Arg;
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::Ty;

pub struct Delete;

impl Function for Delete {
    fn name(&self) -> &'static str {
        "delete"
    }

    fn signature(&self) -> &'static str {
        "bool delete(@map, key)"
    }

    fn about(&self) -> &'static str {
        "removes an entry of a map, and says whether there was one; also written delete(@map[key])"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @[1] = 2; print(delete(@, 1)); print(delete(@, 1)); exit(); }",
                r#"true
false"#,
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(first) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let used = match site.args {
            [_, Arg::Expr(key)] => match cx.map_arg(site, 0) {
                Some(Expr {
                    kind: ExprKind::MapRef(map),
                    ..
                }) => {
                    let key = cx.map_key(std::slice::from_ref(key), key.span);
                    Some((map, Some(cx.keyed(map, key))))
                }
                _ => return Expr::poison(site.span),
            },
            _ => cx.map_use(first),
        };
        let Some((map, key)) = used else {
            let error = Diagnostic::error("E0402", first.span, "`delete` needs an entry of a map");
            cx.report(error.here("this is none").help("write `delete(@map, key)`"));
            return Expr::poison(site.span);
        };
        // One place to clear, instead of one on each CPU.
        if key.is_none() {
            cx.share(map);
        }
        let mut args = vec![Expr {
            kind: ExprKind::MapRef(map),
            ty: Ty::Unit,
            span: first.span,
        }];
        args.extend(key);
        cx.made(site, self, Ty::Bool, args, CallData::None)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        match call.args.first()?.kind {
            ExprKind::MapRef(map) => Some(lower.map_delete(map, call.args.get(1))),
            _ => None,
        }
    }
}
