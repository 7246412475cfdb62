//! `print()`: a value, a map, or an entry of one.

use bt_abi::manifest::EventKind;
use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;

use super::{Function, clear};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::Ty;

pub struct Print;

impl Function for Print {
    fn name(&self) -> &'static str {
        "print"
    }

    fn signature(&self) -> &'static str {
        "print(value) or print(@map[, const int top[, const int div]])"
    }

    fn about(&self) -> &'static str {
        "prints a value and a newline, or a map: its last `top` entries, values divided by `div`"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print((1, "two")); @[1] = 10; @[2] = 20; @[3] = 30; print(@, 2); print(@, 1, 10); clear(@); exit(); }"#,
                r#"(1, two)
@[2]: 20
@[3]: 30
@[3]: 3"#,
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 3) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        cx.warn_of_open_param(arg);
        if matches!(arg.kind, ast::ExprKind::Map(_)) {
            cx.warn_of_print_in_loop(site.span);
            return self.map(cx, site);
        }
        if site.args.len() > 1 {
            let error =
                Diagnostic::error("E0401", site.span, "only a whole map has `top` and `div`");
            cx.report(error.here("this is one value"));
            return Expr::poison(site.span);
        }
        let value = cx.expr(arg);
        let entry = matches!(value.ty, Ty::Agg(_));
        let value = match value.kind {
            ExprKind::MapGet {
                map,
                key: Some(key),
            } if entry => {
                let map = ExprKind::MapRef(map);
                let map = Expr {
                    kind: map,
                    ty: Ty::Unit,
                    span: arg.span,
                };
                return cx.made(site, self, Ty::Unit, vec![map, *key], CallData::None);
            }
            kind => cx.as_value(Expr { kind, ..value }),
        };
        match value.ty.to_abi() {
            Some(_) => cx.made(site, self, Ty::Unit, vec![value], CallData::None),
            None => Expr::poison(site.span),
        }
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        Some(match (&call.data, clear::map_of(call)) {
            (CallData::PrintMap { top, div }, Some(map)) => EventKind::PrintMap {
                map,
                top: *top,
                div: *div,
            },
            (_, Some(map)) => EventKind::PrintMapEntry {
                map,
                key: layout.key(map),
            },
            (_, None) => EventKind::Print {
                value: layout.arg(call.args.first()?),
            },
        })
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        if lower.is_pinned() {
            lower.write_text(call);
            return None;
        }
        let first = usize::from(clear::map_of(call).is_some());
        lower.send_args(call, &call.args[first..]);
        None
    }
}

impl Print {
    fn map(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        let Some(map) = cx.map_arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let mut limits = [0u64; 2];
        for (index, what) in [(1, "`top`"), (2, "`div`")] {
            if index >= site.args.len() {
                continue;
            }
            match cx.literal_int(site, index, what) {
                Some(value) if value >= 0 => limits[index - 1] = value as u64,
                Some(_) => {
                    let error = Diagnostic::error(
                        "E0402",
                        site.args[index].span(),
                        format!("{what} must not be negative"),
                    );
                    cx.report(error.here("below 0"));
                    return Expr::poison(site.span);
                }
                None => return Expr::poison(site.span),
            }
        }
        let [top, div] = limits;
        cx.made(
            site,
            self,
            Ty::Unit,
            vec![map],
            CallData::PrintMap { top, div },
        )
    }
}
