//! `unwatch()`: ends watchpoints.

use bt_abi::manifest::EventKind;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Ty, UINT64};

pub struct Unwatch;

impl Function for Unwatch {
    fn name(&self) -> &'static str {
        "unwatch"
    }

    fn signature(&self) -> &'static str {
        "unwatch(void *address)"
    }

    fn about(&self) -> &'static str {
        "ends the watchpoints at the address, when btrun reads the record: a few accesses may still be seen"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "watchpoint:0x10000000:8:w { @writes = count(); unwatch(0x10000000); }",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let address = cx.value(arg);
        let address = match &address.ty {
            Ty::Unknown => return Expr::poison(site.span),
            Ty::Int(_) => cx.convert_silently(address, &UINT64),
            Ty::Ptr(..) => address,
            _ => return cx.wrong_arg(site, &address, "an address"),
        };
        cx.made(site, self, Ty::Unit, vec![address], CallData::None)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        let address = layout.arg(call.args.first()?).offset;
        Some(EventKind::Unwatch { address })
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &call.args);
        None
    }
}
