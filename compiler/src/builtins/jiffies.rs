//! `jiffies`: the ticks of the kernel.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::JIFFIES64;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Jiffies;

impl Builtin for Jiffies {
    fn names(&self) -> &'static [&'static str] {
        &["jiffies"]
    }

    fn about(&self) -> &'static str {
        "ticks of the kernel, of 64 bits (from Linux 5.17 on)"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("interval:1s { print(jiffies); }")] }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT64, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        lower.helper(JIFFIES64, &[])
    }
}
