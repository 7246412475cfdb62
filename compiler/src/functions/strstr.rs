//! `strstr()` and `strcontains()`: a string within another.

use bt_grammar::diag::Diagnostic;
use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::builder::Arg;
use crate::llvm::{FunctionValue, IntValue};
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{INT64, Ty};

pub struct Strstr;
pub struct Strcontains;

/// Steps of the search that the verifier follows one by one, of the million that it follows in all.
const MOST_STEPS: u32 = 32 << 10;

impl Function for Strstr {
    fn name(&self) -> &'static str {
        "strstr"
    }

    fn signature(&self) -> &'static str {
        "int64 strstr(string haystack, string needle)"
    }

    fn about(&self) -> &'static str {
        "where a string first occurs in another, counted from 0; -1 if it does not"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print(strstr("haystack", "st")); print(strstr("haystack", "x")); exit(); }"#,
                r#"3
-1"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        search(self, cx, site, INT64)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        find(lower, call)
    }
}

impl Function for Strcontains {
    fn name(&self) -> &'static str {
        "strcontains"
    }

    fn signature(&self) -> &'static str {
        "bool strcontains(string haystack, string needle)"
    }

    fn about(&self) -> &'static str {
        "whether a string occurs in another"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print(strcontains("haystack", "st")); exit(); }"#,
                "true",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        search(self, cx, site, Ty::Bool)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let at = find(lower, call)?;
        Some(lower.b.compare(IntPredicate::SGE, at, lower.int(0)))
    }
}

fn search(function: &'static dyn Function, cx: &mut Checker, site: &CallSite, ty: Ty) -> Expr {
    if !cx.arity(site, function, 2, 2) {
        return Expr::poison(site.span);
    }
    let Some(strings) = cx.two_strings(site) else {
        return Expr::poison(site.span);
    };
    let steps = strings.iter().map(length).fold(1, u32::saturating_mul);
    if steps > MOST_STEPS {
        let [a, b] = [0, 1].map(|i: usize| length(&strings[i]));
        let message =
            format!("a search of up to {b} bytes in up to {a} is too long for a BPF program");
        let error = Diagnostic::error("E0603", site.span, message);
        cx.report(
            error
                .here(format!("at most {MOST_STEPS} steps"))
                .help("read shorter strings: `str(address, 64)`"),
        );
        return Expr::poison(site.span);
    }
    cx.made(site, function, ty, strings, CallData::None)
}

/// Bytes that count, NUL included.
fn length(string: &Expr) -> u32 {
    match &string.kind {
        ExprKind::Str(bytes) => bytes.len() as u32 + 1,
        _ => string.ty.size(),
    }
}

fn find<'c>(lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
    let [haystack, needle] = call.args.as_slice() else {
        return None;
    };
    let sizes = [haystack, needle].map(|s| lower.int(i64::from(length(s))));
    let (a, b) = (lower.memory(haystack), lower.memory(needle));
    let function = strstr(lower);
    let args = [Arg::Ptr(a), Arg::Ptr(b), sizes[0].into(), sizes[1].into()];
    Some(lower.b.call(function, &args))
}

/// `long btc_strstr(const char *haystack, const char *needle, long n, long m)`
fn strstr<'c>(lower: &mut Lower<'c, '_>) -> FunctionValue<'c> {
    lower.has_loop();
    let names = ["haystack", "needle", "n", "m"];
    let pointers = [true, true, false, false];
    lower.subroutine("btc_strstr", &names, &pointers, |lower, function| {
        let b = &lower.b;
        let (haystack, needle) = (b.param_ptr(function, 0), b.param_ptr(function, 1));
        let (n, m) = (b.param_int(function, 2), b.param_int(function, 3));
        let blocks = [
            "start", "begin", "compare", "load", "look", "match", "differ", "step", "found", "none",
        ];
        let [
            start,
            begin,
            compare,
            load,
            look,
            matches,
            differ,
            step,
            found,
            none,
        ] = blocks.map(|name| b.append_block(function, name));
        let (at, within) = (b.alloca(8), b.alloca(8));
        b.store(at, b.int(0), 8);
        b.jump(start);

        b.at_end(start);
        let first = b.load(at, 8, false);
        b.branch(b.compare(IntPredicate::ULT, first, n), begin, none);
        b.at_end(begin);
        b.store(within, b.int(0), 8);
        b.jump(compare);

        b.at_end(compare);
        let offset = b.load(within, 8, false);
        b.branch(b.compare(IntPredicate::ULT, offset, m), load, found);
        b.at_end(load);
        let wanted = b.load(b.offset_by(needle, offset), 1, false);
        b.branch(wanted, look, found);
        b.at_end(look);
        let place = b.add(first, offset);
        b.branch(b.compare(IntPredicate::ULT, place, n), matches, none);
        b.at_end(matches);
        let there = b.load(b.offset_by(haystack, place), 1, false);
        let same = b.compare(IntPredicate::EQ, there, wanted);
        b.branch(same, step, differ);
        b.at_end(step);
        b.store(within, b.add(offset, b.int(1)), 8);
        b.jump(compare);

        // At the haystack's end there is nothing more to find.
        b.at_end(differ);
        b.store(at, b.add(first, b.int(1)), 8);
        b.branch(there, start, none);
        b.at_end(found);
        b.ret_value(b.load(at, 8, false));
        b.at_end(none);
        b.ret(-1);
    })
}
