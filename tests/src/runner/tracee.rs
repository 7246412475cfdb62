//! The numbers of a tracee, for the command line of btrun: `{pid}` and `{child}`.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::job::Job;

/// How long a tracee may take until it waits for its input.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address of a function of the kernel that is called for each read(2).
const ADDRESS: &str = "{vfs_read}";

fn address_of(function: &str) -> Option<String> {
    let list = std::fs::read_to_string("/proc/kallsyms").ok()?;
    let is = |line: &&str| line.split_ascii_whitespace().nth(2) == Some(function);
    let line = list.lines().find(is)?;
    Some(format!("0x{}", line.split_ascii_whitespace().next()?))
}

/// What stands for what; empty where the job names none.
pub struct Named(Vec<(&'static str, String)>);

impl Named {
    /// Waits until the process that is named waits for its input: it is then what it will be.
    pub fn of(tracee: Option<&Child>, job: &Job) -> Named {
        let words = || job.options.iter().chain(&job.args);
        let mut named = Vec::new();
        if words().any(|w| w.contains(ADDRESS)) {
            named.push((ADDRESS, address_of("vfs_read").unwrap_or_default()));
        }
        let Some(tracee) = tracee else {
            return Named(named);
        };
        let deadline = Instant::now() + PATIENCE;
        for name in ["{pid}", "{child}"] {
            if !words().any(|w| w.contains(name)) {
                continue;
            }
            let find = || match name {
                "{pid}" => Some(tracee.id()),
                _ => child_of(tracee.id()),
            };
            while !find().is_some_and(reads_input) && Instant::now() < deadline {
                sleep(Duration::from_millis(5));
            }
            named.push((name, find().unwrap_or(0).to_string()));
        }
        Named(named)
    }

    pub fn in_words(&self, words: &[String]) -> Vec<String> {
        let replace = |word: String, (name, pid): &(&str, String)| word.replace(name, pid);
        let replaced = |word: &String| self.0.iter().fold(word.clone(), replace);
        words.iter().map(replaced).collect()
    }
}

fn child_of(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// It is in read(0, ...).
fn reads_input(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok_and(|s| s.starts_with("0 0x0 "))
}
