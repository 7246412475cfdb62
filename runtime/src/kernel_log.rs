//! What libbpf says while it works: shown with `-v`, else kept for the message that may be needed.

use std::sync::Mutex;

use libbpf_rs::PrintLevel;

use crate::say;

/// The last warnings, oldest first.
static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

const KEEP: usize = 16;

/// From now on libbpf talks to us instead of standard error.
pub fn redirect(verbose: bool) {
    libbpf_rs::set_print(Some(match verbose {
        true => (PrintLevel::Debug, show as fn(PrintLevel, String)),
        false => (PrintLevel::Warn, keep),
    }));
}

fn show(level: PrintLevel, text: String) {
    say::err(&text);
    if level == PrintLevel::Warn {
        keep(level, text);
    }
}

fn keep(_: PrintLevel, text: String) {
    if let Ok(mut kept) = KEPT.lock() {
        // a dumped verifier log comes as one warning; its program has a buffer of its own
        let line = text.lines().next().unwrap_or_default();
        let line = line.strip_prefix("libbpf: ").unwrap_or(line).trim();
        if !line.is_empty() {
            if kept.len() == KEEP {
                kept.remove(0);
            }
            kept.push(line.to_string());
        }
    }
}

/// The warnings since the last call.
pub fn take() -> Vec<String> {
    KEPT.lock()
        .map(|mut k| std::mem::take(&mut *k))
        .unwrap_or_default()
}
