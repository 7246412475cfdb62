//! `nsecs()`: the time by one of the kernel's clocks.

use bt_abi::manifest::SlotValue;
use bt_abi::types::clock;
use bt_grammar::ast::{Arg, ExprKind};
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::{KTIME_GET_BOOT_NS, KTIME_GET_NS, KTIME_GET_TAI_NS};
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::UINT64;

pub struct Nsecs;

impl Function for Nsecs {
    fn name(&self) -> &'static str {
        "nsecs"
    }

    fn signature(&self) -> &'static str {
        "uint64 nsecs([clock])"
    }

    fn about(&self) -> &'static str {
        "nanoseconds by a clock: boot (the default), monotonic, tai (from Linux 6.1 on), or sw_tai, which any kernel has"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { $start = nsecs(monotonic); printf("%d\n", nsecs(monotonic) >= $start); exit(); }"#,
                "1",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// `sw_tai` has one argument: what is to be added to the time since boot.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let name = match &site.args[0] {
            Arg::Expr(e) => match &e.kind {
                ExprKind::Ident(name) => name.as_str(),
                _ => "",
            },
            Arg::Type(_) => "",
        };
        let (clock, offset) = match name {
            "boot" => (clock::BOOT, None),
            "monotonic" => (clock::MONOTONIC, None),
            "tai" => (clock::TAI, None),
            "sw_tai" => (
                clock::TAI,
                Some(cx.slot(SlotValue::TaiOffset, UINT64, site.span)),
            ),
            _ => {
                let error = Diagnostic::error("E0402", site.args[0].span(), "unknown clock");
                cx.report(
                    error
                        .here("no clock has this name")
                        .help("clocks are boot, monotonic, tai and sw_tai"),
                );
                return Expr::poison(site.span);
            }
        };
        let args = offset.into_iter().collect();
        cx.made(site, self, UINT64, args, CallData::Clock(clock))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        if let Some(offset) = call.args.first() {
            let offset = lower.scalar(offset);
            let now = lower.helper(KTIME_GET_BOOT_NS, &[]);
            return Some(lower.b.add(now, offset));
        }
        let helper = match call.data {
            CallData::Clock(clock::MONOTONIC) => KTIME_GET_NS,
            CallData::Clock(clock::TAI) => KTIME_GET_TAI_NS,
            _ => KTIME_GET_BOOT_NS,
        };
        Some(lower.helper(helper, &[]))
    }
}
