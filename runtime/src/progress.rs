//! A line on the terminal for work that takes a while. Where standard error is no terminal, nothing is ever shown.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use crate::say;

/// Quicker work needs no line.
const PATIENCE: Duration = Duration::from_millis(500);

/// Between two changes of the line.
const PACE: Duration = Duration::from_millis(100);

/// Back to the start of the line, which is emptied.
const CLEAR: &str = "\r\x1b[K";

/// Some work in progress; the line goes when this is dropped.
pub struct Progress {
    /// `attaching probes`
    what: &'static str,
    /// 0: not known.
    total: usize,
    done: usize,
    start: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    pub fn new(what: &'static str, total: usize) -> Progress {
        Progress {
            what,
            total,
            done: 0,
            start: Instant::now(),
            shown: None,
            terminal: stderr().is_terminal(),
        }
    }

    /// So much more is done.
    pub fn step(&mut self, more: usize) {
        self.done += more;
        let due = match self.shown {
            None => self.start.elapsed() >= PATIENCE,
            Some(last) => last.elapsed() >= PACE,
        };
        if self.terminal && due {
            say::err(&self.line());
            self.shown = Some(Instant::now());
        }
    }

    fn line(&self) -> String {
        match self.total {
            0 => format!("{CLEAR}{}: {}", self.what, self.done),
            total => format!("{CLEAR}{}: {} of {total}", self.what, self.done),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            say::err(CLEAR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut progress = Progress::new("attaching probes", 7);
        progress.terminal = false;
        progress.step(3);
        assert_eq!(progress.line(), "\r\x1b[Kattaching probes: 3 of 7");
        assert!(progress.shown.is_none());
        progress.total = 0;
        assert_eq!(progress.line(), "\r\x1b[Kattaching probes: 3");
    }
}
