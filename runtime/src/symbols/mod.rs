//! Programs, libraries and their symbols: by name (to attach) and by address (to print stacks).

pub mod archive;
pub mod binary;
mod debug_file;
pub mod demangle;
mod frames;
mod instructions;
mod lines;
pub mod notes;
pub mod parameters;
pub mod processes;
pub mod search;
pub mod stacks;
mod task_events;
mod usdt_argument;
