//! Prints one line per test and the closing line. A skipped test has a reason and never counts as passed.

use std::io::IsTerminal;

/// So much of a failed test's output is shown.
const MAX_LINES: usize = 80;
const MAX_COLUMNS: usize = 300;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Skipped(String),
    /// What is wrong, and what came out.
    Failed {
        problems: Vec<String>,
        output: String,
    },
}

impl Verdict {
    /// Passed if there are no problems.
    pub fn of(problems: Vec<String>, output: impl FnOnce() -> String) -> Verdict {
        if problems.is_empty() {
            return Verdict::Passed;
        }
        Verdict::Failed {
            problems,
            output: output(),
        }
    }

    pub fn failed(problem: impl Into<String>) -> Verdict {
        Verdict::Failed {
            problems: vec![problem.into()],
            output: String::new(),
        }
    }
}

/// Counts verdicts, and prints them as they come.
#[derive(Debug, Default)]
pub struct Report {
    passed: usize,
    skipped: usize,
    failed: Vec<String>,
}

impl Report {
    /// `suite` says where it ran: `ui`, `host`, `kernel 6.1`.
    pub fn add(&mut self, suite: &str, name: &str, verdict: &Verdict) {
        let (good, bad, plain) = colours();
        match verdict {
            Verdict::Passed => {
                self.passed += 1;
                println!("{good}ok{plain}    {suite}: {name}");
            }
            Verdict::Skipped(reason) => {
                self.skipped += 1;
                println!("skip  {suite}: {name} ({reason})");
            }
            Verdict::Failed { problems, output } => {
                self.failed.push(format!("{suite}: {name}"));
                println!("{bad}FAIL{plain}  {suite}: {name}");
                for problem in problems {
                    println!("      {}", problem.replace('\n', "\n      "));
                }
                for line in output.lines().take(MAX_LINES) {
                    println!(
                        "    | {}",
                        line.chars().take(MAX_COLUMNS).collect::<String>()
                    );
                }
                let more = output.lines().count().saturating_sub(MAX_LINES);
                if more > 0 {
                    println!("    | ... {more} more lines");
                }
            }
        }
    }

    pub fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// The names of the failed once more, and the closing line.
    pub fn close(&self) {
        if self.has_failed() {
            println!("\nfailed:");
            for name in &self.failed {
                println!("  {name}");
            }
        }
        println!(
            "\n{} passed, {} failed, {} skipped",
            self.passed,
            self.failed.len(),
            self.skipped
        );
    }
}

fn colours() -> (&'static str, &'static str, &'static str) {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if plain || !std::io::stdout().is_terminal() {
        return ("", "", "");
    }
    ("\x1b[32m", "\x1b[31m", "\x1b[0m")
}
