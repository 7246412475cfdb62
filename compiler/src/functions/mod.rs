//! The functions: one file each, with signature, check, lowering and what it sends.

mod avg;
mod bswap;
mod buf;
mod cat;
mod clear;
mod count;
mod delete;
mod exit;
mod extreme;
mod find;
mod getopt;
mod has_key;
mod hist;
mod join;
mod kaddr;
mod lhist;
mod macaddr;
mod message;
mod ntop;
mod print;
mod printf;
mod stack;
mod str;
mod strftime;
mod sum;
mod symbol;
mod system;
mod time;

use std::fmt;

use bt_abi::manifest::EventKind;

use crate::check::{CallSite, Checker};
use crate::layout::EventLayout;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{Call, Expr};
use crate::types::Ty;

pub trait Function: Sync {
    fn name(&self) -> &'static str;
    /// As the documentation shows it.
    fn signature(&self) -> &'static str;
    /// One sentence for the documentation.
    fn about(&self) -> &'static str;
    /// Checks the arguments and gives the typed call, or whatever expression the call stands for.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr;
    /// Whether a call changes something, or runs commands: `--unsafe` allows that.
    fn is_unsafe(&self) -> bool {
        false
    }
    /// Whether a call changes nothing.
    fn is_pure(&self) -> bool {
        false
    }
    /// The record that a call sends; names its fields in the order of the arguments.
    fn event(&self, _: &Call, _: &mut EventLayout) -> Option<EventKind> {
        None
    }
    /// Does it, and gives the value of what has one.
    fn lower<'c>(&self, _: &mut Lower<'c, '_>, _: &Call) -> Option<IntValue<'c>> {
        None
    }
    /// Writes a value that is no scalar, of at most so many bytes.
    fn lower_into<'c>(&self, _: &mut Lower<'c, '_>, _: &Call, _: PointerValue<'c>, _size: u32) {}
    /// Adds the arguments to the entry of a map.
    fn aggregate<'c>(
        &self,
        _: &mut Lower<'c, '_>,
        _: &Ty,
        _args: &[IntValue<'c>],
        _entry: PointerValue<'c>,
    ) {
    }
}

impl fmt::Debug for dyn Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Every function.
pub static FUNCTIONS: &[&dyn Function] = &[
    &avg::Avg,
    &avg::Stats,
    &bswap::Bswap,
    &buf::Buf,
    &cat::Cat,
    &clear::Clear,
    &clear::Zero,
    &count::Count,
    &delete::Delete,
    &exit::Exit,
    &extreme::Max,
    &extreme::Min,
    &find::Find,
    &getopt::Getopt,
    &has_key::HasKey,
    &hist::Hist,
    &join::Join,
    &kaddr::Kaddr,
    &lhist::LinearHist,
    &macaddr::Macaddr,
    &message::Errorf,
    &message::Warnf,
    &ntop::Ntop,
    &print::Print,
    &printf::Printf,
    &stack::KernelStack,
    &stack::UserStack,
    &str::Str,
    &strftime::Strftime,
    &sum::Sum,
    &symbol::KernelSymbol,
    &symbol::UserSymbol,
    &system::System,
    &time::Time,
];

pub fn find(name: &str) -> Option<&'static dyn Function> {
    FUNCTIONS.iter().copied().find(|f| f.name() == name)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|f| f.name())
}
