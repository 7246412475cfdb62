//! `strncmp()`: whether strings begin alike.

use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::INT64;

pub struct Strncmp;

impl Function for Strncmp {
    fn name(&self) -> &'static str {
        "strncmp"
    }

    fn signature(&self) -> &'static str {
        "int64 strncmp(string a, string b, const int length)"
    }

    fn about(&self) -> &'static str {
        "0 if two strings are the same in their first bytes, else another number"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print(strncmp("hello", "help", 3)); exit(); }"#,
                "0",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 3, 3) {
            return Expr::poison(site.span);
        }
        let Some(strings) = cx.two_strings(site) else {
            return Expr::poison(site.span);
        };
        match cx.literal_int(site, 2, "the length") {
            Some(length) if length >= 0 => {
                let data = CallData::Size(u32::try_from(length).unwrap_or(u32::MAX));
                cx.made(site, self, INT64, strings, data)
            }
            Some(_) => {
                let span = site.args[2].span();
                let error = Diagnostic::error("E0402", span, "the length must not be negative");
                cx.report(error.here("below 0"));
                Expr::poison(site.span)
            }
            None => Expr::poison(site.span),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let (CallData::Size(length), [a, b]) = (&call.data, call.args.as_slice()) else {
            return None;
        };
        let same = lower.begin_alike(a, b, *length);
        Some(lower.b.xor(same, lower.int(1)))
    }
}
