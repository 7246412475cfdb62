//! LLVM behind thin wrappers, so that lowering speaks of BPF and has no `unwrap`.
//!
//! This module and its children are the only ones that touch inkwell or llvm-sys.

pub mod builder;
pub mod di;
pub mod emit;
pub mod helper;
pub mod kfunc;
pub mod link;
mod relocation;

pub use inkwell::basic_block::BasicBlock;
pub use inkwell::values::{FunctionValue, GlobalValue, IntValue, PointerValue};
