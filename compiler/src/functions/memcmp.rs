//! `memcmp()`: the bytes of two values, compared.

use bt_grammar::diag::Diagnostic;
use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::builder::Arg;
use crate::llvm::{FunctionValue, IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Ty, UINT64};

pub struct Memcmp;

impl Function for Memcmp {
    fn name(&self) -> &'static str {
        "memcmp"
    }

    fn signature(&self) -> &'static str {
        "int32 memcmp(left, right, uint64 count)"
    }

    fn about(&self) -> &'static str {
        "0 if the first `count` bytes of two values are the same, below 0 if the first that differs is smaller on the left"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { printf("%d %d\n", memcmp("abc", "abd", 3), memcmp("abc", "abd", 2)); exit(); }"#,
                "-1 0",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// Arguments: both values, and the count, which is at most the size of the smaller one.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 3, 3) {
            return Expr::poison(site.span);
        }
        let mut args = Vec::new();
        for index in 0..2 {
            let Some(arg) = cx.arg(site, index) else {
                return Expr::poison(site.span);
            };
            let value = cx.value_as_string(arg);
            if value.ty.is_unknown() {
                return Expr::poison(site.span);
            }
            args.push(value);
        }
        let Some(count) = cx.arg(site, 2) else {
            return Expr::poison(site.span);
        };
        let count = cx.scalar(count, "the count");
        if count.ty.is_unknown() {
            return Expr::poison(site.span);
        }
        let most = args[0].ty.size().min(args[1].ty.size());
        if let Some(n) = count.flexible_int()
            && !(0..=i64::from(most)).contains(&n)
        {
            let error = Diagnostic::error("E0402", count.span, "the count is out of range");
            cx.report(
                error
                    .here(format!("expected 0 to {most}"))
                    .also(args[0].span, format!("{} bytes", args[0].ty.size()))
                    .also(args[1].span, format!("{} bytes", args[1].ty.size())),
            );
            return Expr::poison(site.span);
        }
        args.push(cx.convert_silently(count, &UINT64));
        cx.made(site, self, Ty::int(4, true), args, CallData::Size(most))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let (CallData::Size(most), [left, right, count]) = (&call.data, call.args.as_slice())
        else {
            return None;
        };
        let [left, right] = [left, right].map(|value| in_memory(lower, value));
        let most = lower.int(i64::from(*most));
        let count = lower.scalar(count);
        // The verifier must see the bounds of one that is known at run time alone.
        let fits = lower.b.compare(IntPredicate::ULT, count, most);
        let count = lower.b.select(fits, count, most);
        let compare = compare_function(lower);
        Some(
            lower
                .b
                .call(compare, &[Arg::Ptr(left), Arg::Ptr(right), Arg::Int(count)]),
        )
    }
}

/// The bytes of any value, in memory that the program may read directly.
pub fn in_memory<'c>(lower: &mut Lower<'c, '_>, value: &Expr) -> PointerValue<'c> {
    if !value.ty.is_scalar() {
        return lower.memory(value);
    }
    let at = lower.temp(8);
    let scalar = lower.scalar(value);
    lower.b.store(at, scalar, value.ty.size());
    at
}

/// `long btc_memcmp(const u8 *a, const u8 *b, long n)`
fn compare_function<'c>(lower: &mut Lower<'c, '_>) -> FunctionValue<'c> {
    lower.has_loop();
    let names = ["a", "b", "n"];
    lower.subroutine(
        "btc_memcmp",
        &names,
        &[true, true, false],
        |lower, function| {
            let b = &lower.b;
            let [left, right] = [0, 1].map(|i| b.param_ptr(function, i));
            let count = b.param_int(function, 2);
            let [head, load, next, differ, same] = ["head", "load", "next", "differ", "same"]
                .map(|name| b.append_block(function, name));
            let index = b.alloca(8);
            b.store(index, b.int(0), 8);
            b.jump(head);

            b.at_end(head);
            let at = b.load(index, 8, false);
            b.branch(b.compare(IntPredicate::ULT, at, count), load, same);

            b.at_end(load);
            let [x, y] = [left, right].map(|from| b.load(b.offset_by(from, at), 1, false));
            b.branch(b.compare(IntPredicate::EQ, x, y), next, differ);

            b.at_end(next);
            b.store(index, b.add(at, b.int(1)), 8);
            b.jump(head);

            b.at_end(differ);
            b.ret_value(b.sub(x, y));
            b.at_end(same);
            b.ret(0);
        },
    )
}
