//! A line that shows how far attaching one by one has come: on a terminal only, and only if it takes a while.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::say;

const FIRST: Duration = Duration::from_millis(300);
const NEXT: Duration = Duration::from_millis(100);

pub struct Progress {
    total: usize,
    done: Cell<usize>,
    /// When the line is written again; `None`: never.
    due: Cell<Option<Instant>>,
    shown: Cell<bool>,
}

impl Progress {
    /// Of so many places.
    pub fn new(total: usize) -> Progress {
        let due = std::io::stderr()
            .is_terminal()
            .then(|| Instant::now() + FIRST);
        Progress {
            total,
            done: Cell::new(0),
            due: Cell::new(due),
            shown: Cell::new(false),
        }
    }

    /// So many more are attached, or left out.
    pub fn step(&self, places: usize) {
        self.done.set(self.done.get() + places);
        let now = Instant::now();
        if self.due.get().is_some_and(|due| now >= due) {
            say::err(&format!(
                "\rattaching: {} of {}",
                self.done.get(),
                self.total
            ));
            self.shown.set(true);
            self.due.set(Some(now + NEXT));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.get() {
            // back to the start of the line, and clears it
            say::err("\r\x1b[K");
        }
    }
}
