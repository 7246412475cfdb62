//! How compiling grows with the script: generated scripts, and each at a tenth of its size.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Bench;
use super::measure::run;

/// Compiling must not take longer, whatever the script.
const GOAL: Duration = Duration::from_secs(5);

/// So much more than ten times the time is growth out of proportion.
const GROWTH: f64 = 20.0;

/// A name, a size, and what writes a script of that size.
type Generator = (&'static str, usize, fn(usize) -> String);

const GENERATORS: &[Generator] = &[
    ("lines", 5000, lines),
    ("probes", 1000, probes),
    ("maps", 500, maps),
    ("lines in one probe", 1000, one_probe),
];

pub fn run_all(bench: &Bench) -> Result<()> {
    println!(
        "{:<30} {:>10} {:>10} {:>10} {:>10}  goal: {} s, and in proportion",
        "compile time of many",
        "a tenth, s",
        "all, s",
        "factor",
        "object, KB",
        GOAL.as_secs()
    );
    for (name, size, generate) in GENERATORS {
        let (small, _) = compile(bench, &generate(size / 10))?;
        let (large, bytes) = compile(bench, &generate(*size))?;
        let factor = large.as_secs_f64() / small.as_secs_f64();
        let good = large <= GOAL && factor <= GROWTH;
        println!(
            "{:<30} {:>10.3} {:>10.3} {factor:>10.1} {:>10}  {}",
            format!("{size} {name}"),
            small.as_secs_f64(),
            large.as_secs_f64(),
            bytes / 1000,
            if good { "reached" } else { "MISSED" }
        );
    }
    Ok(())
}

/// The time, and the size of the object.
fn compile(bench: &Bench, script: &str) -> Result<(Duration, u64)> {
    let path = bench.dir.join("generated.bt");
    let object = bench.dir.join("generated.bpf.o");
    std::fs::write(&path, script)?;
    let mut btc = Command::new(&bench.tools.btc);
    btc.arg(&path).arg("-o").arg(&object);
    let usage = run(&mut btc, None).with_context(|| format!("{script:.200}"))?;
    Ok((usage.wall, std::fs::metadata(&object)?.len()))
}

/// Probes of fifty lines each, of every kind of statement.
fn lines(count: usize) -> String {
    let mut script = String::new();
    for probe in 0..count / 50 {
        let _ = writeln!(script, "interval:s:{} {{", probe + 1);
        for n in 0..6 {
            let _ = write!(
                script,
                "  $v{n} = nsecs + {n};\n  @count[pid, {n}] = count();\n  if (pid > {n}) {{ @more{n}++; }}\n  \
                 printf(\"%d %s\\n\", {n}, comm);\n  @hist[{n}] = hist($v{n});\n  @sum[comm, {n}] = sum({n});\n  \
                 $w{n} = $v{n} * 3 + {n};\n  @max{n} = max($w{n});\n"
            );
        }
        script.push_str("}\n");
    }
    script
}

fn probes(count: usize) -> String {
    let probe = |n| format!("interval:s:{} {{ @[{n}] = count(); }}\n", n + 1);
    (0..count).map(probe).collect()
}

/// In probes of fifty: a program can use 64 maps.
fn maps(count: usize) -> String {
    let mut script = String::new();
    for n in 0..count {
        if n % 50 == 0 {
            let end = if n > 0 { "}\n" } else { "" };
            let _ = writeln!(script, "{end}interval:s:{} {{", n / 50 + 1);
        }
        let _ = writeln!(script, "  @m{n}[pid] = {n};");
    }
    script + "}\n"
}

/// Statements of all kinds one after the other.
fn one_probe(count: usize) -> String {
    let script = lines(count);
    let body = script.lines().filter(|l| l.starts_with(' '));
    format!("BEGIN {{\n{}\n}}\n", body.collect::<Vec<_>>().join("\n"))
}
