//! `str_concat()`: one string behind another.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::llvm::builder::Arg;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Space, Ty};
use inkwell::IntPredicate;

pub struct StrConcat;

impl Function for StrConcat {
    fn name(&self) -> &'static str {
        "str_concat"
    }

    fn signature(&self) -> &'static str {
        "string str_concat(string first, string second)"
    }

    fn about(&self) -> &'static str {
        "one string behind another, cut to max_strlen"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print(str_concat("hello ", "world")); exit(); }"#,
                "hello world",
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
        let Some(strings) = cx.two_strings(site) else {
            return Expr::poison(site.span);
        };
        let room = strings.iter().map(|s| s.ty.size()).sum::<u32>() - 1;
        let size = room.next_multiple_of(8).min(cx.config.max_strlen);
        cx.made(site, self, Ty::Str(size), strings, CallData::None)
    }

    fn lower_into<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        call: &Call,
        to: PointerValue<'c>,
        size: u32,
    ) {
        let [first, second] = call.args.as_slice() else {
            return;
        };
        let sizes = [first, second].map(|s| s.ty.size());
        let [from, behind] = [first, second].map(|s| lower.memory(s));
        // Room for both, whatever their lengths: the verifier knows the sizes alone.
        let whole = lower.scratch(sizes[0] + sizes[1]);
        let copied = lower.read_string_at(Space::Kernel, whole, sizes[0], Arg::Ptr(from));
        let most = lower.int(i64::from(sizes[0]));
        let good = lower
            .b
            .compare(IntPredicate::ULT, lower.b.sub(copied, lower.int(1)), most);
        let length = lower.b.select(good, copied, lower.int(1));
        let length = lower.b.sub(length, lower.int(1));
        let at = lower.b.offset_by(whole, length);
        lower.read_string_at(Space::Kernel, at, sizes[1], Arg::Ptr(behind));
        lower.read_string_at(Space::Kernel, to, size, Arg::Ptr(whole));
    }
}
