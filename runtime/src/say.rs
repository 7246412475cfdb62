//! What is said besides the report. Nobody may be listening: a closed pipe is no reason to fail, and Rust's own macros panic.

use std::io::{self, Write};

/// To standard error.
pub fn err(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// To standard output, for help and the like.
pub fn out(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
