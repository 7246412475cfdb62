//! `hist()`: a histogram with buckets of powers of two.

use inkwell::IntPredicate;

use super::{Function, count, sum};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::{FunctionValue, IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{CallData, Expr};
use crate::types::{Agg, Ty};

pub struct Hist;

impl Function for Hist {
    fn name(&self) -> &'static str {
        "hist"
    }

    fn signature(&self) -> &'static str {
        "@map = hist(int n[, const int bits])"
    }

    fn about(&self) -> &'static str {
        "counts values in buckets of powers of two, each cut in 2^bits (0 to 5, default 0)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::printing(
                    "begin { @ = hist(3); @ = hist(5); @ = hist(6); exit(); }",
                    r#"@:
[2, 4)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[4, 8)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|"#,
                ),
                Example::new("kretprobe:vfs_read { @bytes = hist(retval, 2); }"),
            ]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        let Some(arg) = sum::one_integer(self, cx, site, 2) else {
            return Expr::poison(site.span);
        };
        let bits = match site.args.len() {
            1 => 0,
            _ => match cx.literal_int(site, 1, "the number of bits") {
                Some(bits @ 0..=5) => bits as u32,
                Some(_) => {
                    let span = site.args[1].span();
                    let error =
                        bt_grammar::diag::Diagnostic::error("E0402", span, "bits must be 0 to 5");
                    cx.report(error.here("out of range"));
                    return Expr::poison(site.span);
                }
                None => return Expr::poison(site.span),
            },
        };
        cx.made(
            site,
            self,
            Ty::Agg(Agg::Hist { bits }),
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
        let Ty::Agg(Agg::Hist { bits }) = ty else {
            return;
        };
        let function = bucket_function(lower, *bits);
        let bucket = lower.b.call(function, &[args[0].into()]);
        bump(lower, entry, bucket, bt_abi::types::hist_buckets(*bits));
    }
}

/// Counts one in a bucket; the bound is there for the verifier.
pub fn bump<'c>(
    lower: &mut Lower<'c, '_>,
    entry: PointerValue<'c>,
    bucket: IntValue<'c>,
    buckets: u32,
) {
    let inside = lower
        .b
        .compare(IntPredicate::ULT, bucket, lower.int(i64::from(buckets)));
    let [count, done] = ["count", "done"].map(|name| lower.b.block(name));
    lower.b.branch(inside, count, done);
    lower.b.at_end(count);
    let offset = lower.b.shl(bucket, lower.int(3));
    let at = lower.b.offset_by(entry, offset);
    let one = lower.int(1);
    count::add(lower, at, one);
    lower.b.jump(done);
    lower.b.at_end(done);
}

/// `long btc_hist_bucket_K(long n)`: the bucket as [`bt_abi::types::hist_buckets`] describes it.
fn bucket_function<'c>(lower: &mut Lower<'c, '_>, bits: u32) -> FunctionValue<'c> {
    lower.subroutine(
        &format!("btc_hist_bucket_{bits}"),
        &["n"],
        &[false],
        |lower, function| {
            let b = &lower.b;
            let n = b.param_int(function, 0);
            let [not_negative, large, negative, small] =
                ["not_negative", "large", "negative", "small"]
                    .map(|name| b.append_block(function, name));
            b.branch(
                b.compare(IntPredicate::SLT, n, b.int(0)),
                negative,
                not_negative,
            );
            b.at_end(negative);
            b.ret(0);
            b.at_end(not_negative);
            b.branch(
                b.compare(IntPredicate::ULT, n, b.int(1 << bits)),
                small,
                large,
            );
            b.at_end(small);
            b.ret_value(b.add(n, b.int(1)));
            b.at_end(large);
            // The highest set bit, by halving.
            let mut rest = n;
            let mut highest = b.int(0);
            for step in [32, 16, 8, 4, 2] {
                let before = b.position();
                let [above, next] = ["above", "next"].map(|name| b.append_block(function, name));
                let is_above = b.compare(IntPredicate::UGE, rest, b.int(1i64 << step));
                b.branch_kept(is_above, above, next);
                b.at_end(above);
                let shifted = b.shr(rest, b.int(step), false);
                let added = b.add(highest, b.int(step));
                b.jump(next);
                b.at_end(next);
                rest = b.phi(&[(rest, before), (shifted, above)]);
                highest = b.phi(&[(highest, before), (added, above)]);
            }
            // What is left is 1, 2 or 3.
            highest = b.add(highest, b.shr(rest, b.int(1), false));
            let bits_value = b.int(i64::from(bits));
            let shift = b.sub(highest, bits_value);
            let power = b.shl(b.add(shift, b.int(1)), bits_value);
            let part = b.and(b.shr(n, shift, false), b.int((1 << bits) - 1));
            b.ret_value(b.add(b.add(power, part), b.int(1)));
        },
    )
}
