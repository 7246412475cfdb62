//! `assert_str()`: a string is wanted, which is known when compiling.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::Ty;

pub struct AssertStr;

impl Function for AssertStr {
    fn name(&self) -> &'static str {
        "assert_str"
    }

    fn signature(&self) -> &'static str {
        "assert_str(string value)"
    }

    fn about(&self) -> &'static str {
        "refuses, when compiling, what is no string; for macros"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"macro shout(text) { assert_str(text); printf("%s!\n", text); } begin { shout("hey"); exit(); }"#,
                "hey!",
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
        let value = cx.value_as_string(arg);
        match &value.ty {
            Ty::Unknown => Expr::poison(site.span),
            Ty::Str(_) => cx.made(site, self, Ty::Unit, Vec::new(), CallData::None),
            _ => cx.wrong_arg(site, &value, "a string"),
        }
    }

    fn lower<'c>(&self, _: &mut Lower<'c, '_>, _: &Call) -> Option<IntValue<'c>> {
        None
    }
}
