//! `time()`: the time of day, when the record is read.

use bt_abi::manifest::EventKind;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::Ty;

pub struct Time;

/// What bpftrace prints without a format.
const DEFAULT: &str = "%H:%M:%S\n";

impl Function for Time {
    fn name(&self) -> &'static str {
        "time"
    }

    fn signature(&self) -> &'static str {
        "time([const string format])"
    }

    fn about(&self) -> &'static str {
        "prints the local time, in a format of strftime(3)"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new(r#"interval:1s { time("%H:%M:%S\n"); }"#)] }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 0, 1) {
            return Expr::poison(site.span);
        }
        let format = match site.args.len() {
            0 => DEFAULT.to_string(),
            _ => match cx.literal_str(site, 0, "the format") {
                Some(format) => format,
                None => return Expr::poison(site.span),
            },
        };
        cx.made(site, self, Ty::Unit, Vec::new(), CallData::Text(format))
    }

    fn event(&self, call: &Call, _: &mut EventLayout) -> Option<EventKind> {
        let CallData::Text(format) = &call.data else {
            return None;
        };
        Some(EventKind::Time {
            format: format.clone(),
        })
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &[]);
        None
    }
}
