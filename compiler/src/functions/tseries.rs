//! `tseries()`: how a value went over time, in a ring of intervals.

use bt_abi::types::SeriesMode;
use bt_grammar::ast::{Arg, Expr as AstExpr, ExprKind as A};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Ident;
use inkwell::IntPredicate;

use super::{Function, sum};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::{FunctionValue, IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{CallData, Expr};
use crate::types::{Agg, Ty};

pub struct TimeSeries;

/// What fits into a value of a map that is kept for each CPU, which ends at 32 KiB.
const MOST_INTERVALS: i64 = 1360;

impl Function for TimeSeries {
    fn name(&self) -> &'static str {
        "tseries"
    }

    fn signature(&self) -> &'static str {
        "@map = tseries(int n, const uint64 interval_ns, const int intervals[, const string mode])"
    }

    fn about(&self) -> &'static str {
        "the last value of each of the last intervals, or their average, least, greatest or sum (mode: avg, min, max, sum)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"tracepoint:syscalls:sys_enter_read { @ = tseries(args.count, 100ms, 20, "max"); }"#,
            )]
        }
    }

    /// Arguments: the value, and the time.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 3, 4) {
            return Expr::poison(site.span);
        }
        let Some(value) = sum::one_integer(self, cx, site, 4) else {
            return Expr::poison(site.span);
        };
        let (Some(interval), Some(count)) = (
            cx.literal_int(site, 1, "the interval"),
            cx.literal_int(site, 2, "the number of intervals"),
        ) else {
            return Expr::poison(site.span);
        };
        let limits = [
            (1, interval, i64::MAX, "the interval"),
            (2, count, MOST_INTERVALS, "the number of intervals"),
        ];
        for (index, given, most, what) in limits {
            if !(1..=most).contains(&given) {
                let message = format!("{what} is out of range");
                let error = Diagnostic::error("E0402", site.args[index].span(), message);
                let here = match most {
                    i64::MAX => "expected 1 or more nanoseconds".to_string(),
                    most => format!("expected 1 to {most}"),
                };
                cx.report(error.here(here));
                return Expr::poison(site.span);
            }
        }
        let Some(mode) = mode(cx, site) else {
            return Expr::poison(site.span);
        };
        if cx
            .config
            .stability
            .get("unstable_tseries")
            .map(String::as_str)
            == Some("error")
        {
            let error = Diagnostic::error("E0207", site.span, "the config block forbids `tseries`");
            cx.report(error.here("used here").help("unstable_tseries = enable"));
            return Expr::poison(site.span);
        }
        let series = bt_abi::types::Series {
            interval: interval as u64,
            count: count as u32,
            mode,
            signed: value.ty.as_int().is_some_and(|i| i.signed),
        };
        let now = cx.expr(&now(site));
        cx.made(
            site,
            self,
            Ty::Agg(Agg::TimeSeries(series)),
            vec![value, now],
            CallData::None,
        )
    }

    fn aggregate<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        ty: &Ty,
        args: &[IntValue<'c>],
        entry: PointerValue<'c>,
    ) {
        let (Ty::Agg(Agg::TimeSeries(series)), [value, now]) = (ty, args) else {
            return;
        };
        let count = lower.int(i64::from(series.count));
        let epoch = lower.b.udiv(*now, lower.int(series.interval as i64));
        let remainder = remainder_function(lower);
        let bucket = lower.b.call(remainder, &[epoch.into(), count.into()]);
        // True, and the verifier must see it.
        let inside = lower.b.compare(IntPredicate::ULT, bucket, count);
        let [known, done] = ["known", "done"].map(|name| lower.b.block(name));
        lower.b.branch(inside, known, done);
        lower.b.at_end(known);
        let size = i64::from(bt_abi::types::SERIES_BUCKET);
        let at = lower.b.mul(bucket, lower.int(size));
        let bucket = lower.b.offset_by(entry, at);
        enter(lower, bucket, epoch);
        record(lower, series, bucket, *value, *now);
        lower.b.jump(done);
        lower.b.at_end(done);
    }
}

/// `long btc_remainder(long n, long by)`: out of line, or LLVM would know the bound, and leave the check out that the verifier needs.
fn remainder_function<'c>(lower: &mut Lower<'c, '_>) -> FunctionValue<'c> {
    let names = ["n", "by"];
    lower.subroutine(
        "btc_remainder",
        &names,
        &[false, false],
        |lower, function| {
            let [n, by] = [0, 1].map(|i| lower.b.param_int(function, i));
            lower.b.ret_value(lower.b.urem(n, by));
        },
    )
}

/// A bucket that was used in an earlier round begins anew.
fn enter<'c>(lower: &mut Lower<'c, '_>, bucket: PointerValue<'c>, epoch: IntValue<'c>) {
    let b = &lower.b;
    let at = b.offset(bucket, 16);
    let same = b.compare(IntPredicate::EQ, b.load(at, 8, false), epoch);
    let [anew, go_on] = ["anew", "go_on"].map(|name| b.block(name));
    b.branch(same, go_on, anew);
    b.at_end(anew);
    b.store(bucket, b.int(0), 8);
    b.store(b.offset(bucket, 8), b.int(0), 8);
    b.store(at, epoch, 8);
    b.jump(go_on);
    b.at_end(go_on);
}

/// Puts a value into its bucket: the value, and behind it a word that says how many there are, or when it came.
fn record<'c>(
    lower: &mut Lower<'c, '_>,
    series: &bt_abi::types::Series,
    bucket: PointerValue<'c>,
    value: IntValue<'c>,
    now: IntValue<'c>,
) {
    let b = &lower.b;
    let meta = b.offset(bucket, 8);
    match series.mode {
        SeriesMode::Last => {
            b.store(bucket, value, 8);
            b.store(meta, now, 8);
        }
        SeriesMode::Avg | SeriesMode::Sum => {
            b.store(bucket, b.add(b.load(bucket, 8, true), value), 8);
            b.store(meta, b.add(b.load(meta, 8, false), b.int(1)), 8);
        }
        SeriesMode::Min | SeriesMode::Max => {
            let nearer = match (series.mode, series.signed) {
                (SeriesMode::Min, true) => IntPredicate::SLT,
                (SeriesMode::Min, false) => IntPredicate::ULT,
                (_, true) => IntPredicate::SGT,
                (_, false) => IntPredicate::UGT,
            };
            super::extreme::keep(lower, nearer, value, bucket);
        }
    }
}

fn mode(cx: &mut Checker, site: &CallSite) -> Option<SeriesMode> {
    if site.args.len() < 4 {
        return Some(SeriesMode::Last);
    }
    let name = cx.literal_str(site, 3, "the mode of a time series")?;
    let mode = match name.as_str() {
        "avg" => SeriesMode::Avg,
        "max" => SeriesMode::Max,
        "min" => SeriesMode::Min,
        "sum" => SeriesMode::Sum,
        _ => {
            let message = format!("unknown mode `{name}` of a time series");
            let error = Diagnostic::error("E0402", site.args[3].span(), message);
            cx.report(
                error
                    .here("no mode has this name")
                    .help("modes are avg, max, min and sum"),
            );
            return None;
        }
    };
    Some(mode)
}

/// `nsecs(sw_tai)`, which all kernels have.
fn now(site: &CallSite) -> AstExpr {
    let expr = |kind| AstExpr {
        kind,
        span: site.span,
    };
    expr(A::Call {
        name: Ident {
            node: "nsecs".into(),
            span: site.span,
        },
        args: vec![Arg::Expr(expr(A::Ident("sw_tai".into())))],
    })
}
