//! The bpftrace language: text to tokens (logos) to a syntax tree (lalrpop).
//!
//! Knows neither LLVM, nor the kernel, nor files: a script comes in as text. Names and types are not its business.

pub mod ast;
pub mod codes;
pub mod diag;
pub mod span;

mod actions;
mod cdecl;
mod dump;
mod errors;
mod items;
mod lexer;
mod parsers;
mod preamble;
mod token;

pub use dump::dump;
pub use parsers::parse_expression;

/// What parsing gives: a tree, with holes where there were errors, and all errors and warnings found on the way.
#[derive(Debug, Default)]
pub struct Parsed {
    pub script: ast::Script,
    pub diagnostics: Vec<diag::Diagnostic>,
}

/// Parses a script. Never fails: what cannot be parsed is missing from the tree, and a diagnostic says why.
pub fn parse(source: &str) -> Parsed {
    items::Items::new(source).run()
}
