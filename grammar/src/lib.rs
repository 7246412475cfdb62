//! The bpftrace language: text to tokens (logos) to a syntax tree (lalrpop).
//!
//! Knows neither LLVM, nor the kernel, nor files: a script comes in as text. Names and types are not its business.

pub mod ast;
pub mod diag;
pub mod span;

/// What parsing gives: a tree, with holes where there were errors, and all errors and warnings found on the way.
#[derive(Debug, Default)]
pub struct Parsed {
    pub script: ast::Script,
    pub diagnostics: Vec<diag::Diagnostic>,
}
