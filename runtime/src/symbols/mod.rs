//! Programs, libraries and their symbols: by name (to attach) and by address (to print stacks).

pub mod binary;
mod frames;
mod processes;
pub mod search;
pub mod stacks;
mod task_events;
