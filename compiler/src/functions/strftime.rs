//! `strftime()`: a time stamp as a time of day.

use bt_abi::types::clock;
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{Printed, Ty};

pub struct Strftime;

impl Function for Strftime {
    fn name(&self) -> &'static str {
        "strftime"
    }

    fn signature(&self) -> &'static str {
        "timestamp strftime(const string format, uint64 nanoseconds)"
    }

    fn about(&self) -> &'static str {
        "the local time at nanoseconds since boot, or as another `nsecs(clock)` counts them; `%f` is the microsecond"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"interval:1s { printf("%s\n", strftime("%H:%M:%S.%f", nsecs)); }"#,
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
        let (Some(format), Some(arg)) = (cx.literal_str(site, 0, "the format"), cx.arg(site, 1))
        else {
            return Expr::poison(site.span);
        };
        let time = cx.value(arg);
        if time.ty.is_unknown() {
            return Expr::poison(site.span);
        }
        if !matches!(time.ty, Ty::Int(_)) {
            return cx.wrong_arg(site, &time, "nanoseconds");
        }
        if time.flexible_int().is_some_and(|n| n < 0) {
            let error = Diagnostic::error("E0402", time.span, "a time must not be negative");
            cx.report(error.here("below 0"));
            return Expr::poison(site.span);
        }
        let clock = match &time.kind {
            ExprKind::Call(Call {
                data: CallData::Clock(id),
                ..
            }) => *id,
            _ => clock::BOOT,
        };
        let ty = Ty::Printed(Printed::Timestamp { format, clock });
        cx.made(site, self, ty, vec![time], CallData::None)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        if let Some(time) = call.args.first() {
            let time = lower.scalar(time);
            lower.b.store(to, time, 8);
        }
    }
}
