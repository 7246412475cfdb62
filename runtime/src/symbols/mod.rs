//! Programs, libraries and their symbols: by name (to attach) and by address (to print stacks).

pub mod binary;
pub mod search;
pub mod stacks;
