//! `rand`: a pseudo-random number.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_PRANDOM_U32;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT32;

pub struct Rand;

impl Builtin for Rand {
    fn names(&self) -> &'static [&'static str] {
        &["rand"]
    }

    fn about(&self) -> &'static str {
        "a pseudo-random number of 32 bits"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::printing("begin { print(rand % 1); exit(); }", "0")] }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let random = lower.helper(GET_PRANDOM_U32, &[]);
        lower.b.narrow(random, 4, false)
    }
}
