//! `numaid`: the memory node of the processor.

use bt_grammar::span::Span;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_NUMA_NODE_ID;
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::UINT32;

pub struct Numaid;

impl Builtin for Numaid {
    fn names(&self) -> &'static [&'static str] {
        &["numaid"]
    }

    fn about(&self) -> &'static str {
        "number of the NUMA node that the event happened on"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("profile:hz:99 { @[numaid] = count(); }")] }
    }

    fn check(&'static self, _: &mut Checker, _: &str, span: Span) -> Expr {
        value(self, UINT32, span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Expr) -> IntValue<'c> {
        let node = lower.helper(GET_NUMA_NODE_ID, &[]);
        lower.b.narrow(node, 4, false)
    }
}
