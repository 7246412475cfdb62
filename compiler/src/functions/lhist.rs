//! `lhist()`: a histogram with buckets of equal width.

use bt_grammar::diag::Diagnostic;
use inkwell::IntPredicate;

use super::{Function, hist, sum};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{CallData, Expr};
use crate::types::{Agg, Ty};

pub struct LinearHist;

/// As in bpftrace.
const MAX_BUCKETS: i128 = 1000;

impl Function for LinearHist {
    fn name(&self) -> &'static str {
        "lhist"
    }

    fn signature(&self) -> &'static str {
        "@map = lhist(int n, const int min, const int max, const int step)"
    }

    fn about(&self) -> &'static str {
        "counts values in buckets of equal width from min to max, with one below and one above"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { @ = lhist(3, 0, 10, 5); @ = lhist(12, 0, 10, 5); exit(); }",
                r#"@:
[0, 5)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[5, 10)                0 |                                                    |
[10, ...)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|"#,
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 4, 4) {
            return Expr::poison(site.span);
        }
        let Some(arg) = sum::one_integer(self, cx, site, 4) else {
            return Expr::poison(site.span);
        };
        let limits = [(1, "the minimum"), (2, "the maximum"), (3, "the step")];
        let [Some(min), Some(max), Some(step)] =
            limits.map(|(index, what)| cx.literal_int(site, index, what))
        else {
            return Expr::poison(site.span);
        };
        let problem = if min < 0 {
            Some("the minimum must not be negative".to_string())
        } else if step <= 0 {
            Some("the step must be above 0".to_string())
        } else if max <= min {
            Some("the maximum must be above the minimum".to_string())
        } else if step > max - min {
            Some("the step must not be larger than the range".to_string())
        } else if (i128::from(max) - i128::from(min)) / i128::from(step) > MAX_BUCKETS {
            Some(format!("more than {MAX_BUCKETS} buckets"))
        } else {
            None
        };
        if let Some(problem) = problem {
            cx.report(
                Diagnostic::error("E0402", site.span, problem)
                    .here(format!("from {min} to {max} by {step}")),
            );
            return Expr::poison(site.span);
        }
        cx.made(
            site,
            self,
            Ty::Agg(Agg::LinearHist { min, max, step }),
            vec![arg],
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
        let Ty::Agg(Agg::LinearHist { min, max, step }) = ty else {
            return;
        };
        let buckets = bt_abi::types::lhist_buckets(*min, *max, *step);
        let b = &lower.b;
        let n = args[0];
        let below = b.compare(IntPredicate::SLT, n, b.int(*min));
        let above = b.compare(IntPredicate::SGE, n, b.int(*max));
        let inner = b.add(b.udiv(b.sub(n, b.int(*min)), b.int(*step)), b.int(1));
        let bucket = b.select(above, b.int(i64::from(buckets) - 1), inner);
        let bucket = b.select(below, b.int(0), bucket);
        hist::bump(lower, entry, bucket, buckets);
    }
}
