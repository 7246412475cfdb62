//! `exit()`: ends tracing.

use bt_abi::manifest::EventKind;
use bt_abi::record::HEADER_SIZE;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{INT64, Ty};

pub struct Exit;

impl Function for Exit {
    fn name(&self) -> &'static str {
        "exit"
    }

    fn signature(&self) -> &'static str {
        "exit([int code])"
    }

    fn about(&self) -> &'static str {
        "leaves the probe and ends the run, with the code as the exit status of btrun"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print("first"); exit(); print("never"); }"#,
                "first",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 0, 1) {
            return Expr::poison(site.span);
        }
        let code = match site.args.len() {
            0 => Expr::int(0, INT64, site.span),
            _ => match cx.arg(site, 0) {
                Some(arg) => {
                    let code = cx.scalar(arg, "the exit code");
                    cx.convert_silently(code, &INT64)
                }
                None => return Expr::poison(site.span),
            },
        };
        cx.made(site, self, Ty::Unit, vec![code], CallData::None)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        let code = call
            .args
            .first()
            .map_or(HEADER_SIZE, |arg| layout.arg(arg).offset);
        Some(EventKind::Exit { code })
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &call.args);
        lower.leave();
        None
    }
}
