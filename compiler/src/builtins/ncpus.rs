//! `ncpus`: the number of processors, of the machine that the script is run on.

use bt_abi::manifest::SlotValue;
use bt_grammar::span::Span;

use super::Builtin;
use crate::check::Checker;
use crate::docs::Example;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Ncpus;

impl Builtin for Ncpus {
    fn names(&self) -> &'static [&'static str] {
        &["ncpus"]
    }

    fn about(&self) -> &'static str {
        "number of processors that the kernel can have"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { print(ncpus > 0); exit(); }",
                "true",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        cx.slot(SlotValue::Cpus, UINT64, span)
    }
}
