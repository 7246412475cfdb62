//! Tests and benchmarks as text, in bpftrace's form. Colours only where somebody sees them.

use std::io::{IsTerminal, Write};

use super::{BenchmarkResult, TestResult};

/// A terminal, and nobody minds (no-color.org).
pub fn wants_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

pub fn test(out: &mut Vec<u8>, result: &TestResult<'_>, colour: bool) {
    let paint = |code: u32, text: &str| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_string(),
    };
    let (green, red) = (|text| paint(32, text), |text| paint(31, text));
    let (name, count) = (result.name, result.count);
    let mut line = |text: String| {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    };
    if result.first {
        line(format!(
            "{} Running {}.",
            green("[==========]"),
            tests(count)
        ));
    }
    line(format!("{} {name}", green("[ RUN      ]")));
    let end = match result.passed {
        true => green("[       OK ]"),
        false => {
            // of a test that passed nobody wants to read
            for text in String::from_utf8_lossy(result.output).lines() {
                if !text.is_empty() {
                    line(text.to_string());
                }
            }
            red("[  FAILED  ]")
        }
    };
    line(format!("{end} {name} ({} us)", result.duration.as_micros()));
    if let Some(failed) = result.summary {
        line(format!("{} {} ran.", green("[==========]"), tests(count)));
        let passed = tests(count - failed.len());
        line(format!("{} {passed}.", green("[  PASSED  ]")));
        if !failed.is_empty() {
            let listed = tests(failed.len());
            line(format!("{} {listed}, listed below:", red("[  FAILED  ]")));
        }
        for name in failed {
            line(format!("{} {name}", red("[  FAILED  ]")));
        }
    }
}

fn tests(count: usize) -> String {
    match count {
        1 => "1 test".to_string(),
        _ => format!("{count} tests"),
    }
}

pub fn benchmark(out: &mut Vec<u8>, result: &BenchmarkResult<'_>) {
    let width = result.longest.max(40) + 1;
    if result.first {
        let head = format!("{:<width$}{:<15}Iterations", "Benchmark", "Time(ns)");
        let _ = writeln!(out, "{head}\n{}", "-".repeat(head.len()));
    }
    let (name, time, repeat) = (result.name, result.average.as_nanos(), result.repeat);
    let _ = writeln!(out, "{name:<width$}{time:<15}{repeat}");
}
