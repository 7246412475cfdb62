//! The price of an event: each script of bench/events under btrun, under Debian's bpftrace, and its twin in C. Same trigger, in turn.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::measure::{self, Price, median};
use super::{Bench, Tracer, twin};

/// Rounds of all tracers; the median counts.
const ROUNDS: usize = 3;

/// What the scripts of bench/events see: two system calls, often.
const WORKLOAD: &str =
    "target/tracees/events read 100000 16; target/tracees/events open 20000 /no/such/file";

/// One script with its prices: btrun, bpftrace, C.
struct Row {
    name: String,
    prices: [Option<Price>; 3],
}

pub fn run(bench: &Bench) -> Result<()> {
    let _stats = measure::enable_stats()?;
    let folder = bench.tools.root.join("bench/events");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder)?
        .flatten()
        .map(|e| e.path())
        .collect();
    scripts.sort();
    header();
    for script in scripts {
        let name = script
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let tracers = [
            bench.available(Tracer::Btrun, &script)?,
            bench.available(Tracer::Bpftrace, &script)?,
            twin::compile(&bench.tools.root, &name, &bench.dir)?
                .map(|object| {
                    let mut command = Command::new(std::env::current_exe()?);
                    command.arg("--twin").arg(object);
                    anyhow::Ok(command)
                })
                .transpose()?,
        ];
        Row {
            prices: prices(bench, tracers)
                .with_context(|| format!("the events of {}", script.display()))?,
            name,
        }
        .print();
    }
    Ok(())
}

fn prices(bench: &Bench, mut tracers: [Option<Command>; 3]) -> Result<[Option<Price>; 3]> {
    let mut samples: [Vec<Price>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (tracer, samples) in tracers.iter_mut().zip(&mut samples) {
            if let Some(command) = tracer {
                samples.push(measure::price(command, WORKLOAD, &bench.tools.root)?);
            }
        }
    }
    Ok(samples.map(|samples| {
        let nanos: Vec<f64> = samples.iter().map(|p| p.nanos).collect();
        let last = *samples.last()?;
        Some(Price {
            nanos: median(&nanos),
            ..last
        })
    }))
}

fn header() {
    println!(
        "{:<18} {:^23} {:^23} {:^31}\n{:<18} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9} {:>7}  goal: not above bpftrace",
        "events",
        "instructions",
        "seen by the verifier",
        "ns per event",
        "",
        "btrun",
        "bpftr.",
        "C",
        "btrun",
        "bpftr.",
        "C",
        "btrun",
        "bpftr.",
        "C",
        "/bpftr.",
        "/C"
    );
}

impl Row {
    fn print(&self) {
        let numbers = |of: fn(&Price) -> f64| -> String {
            let one = |price: &Option<Price>| match price {
                Some(price) => format!("{:>7.0} ", of(price)),
                None => format!("{:>7} ", "-"),
            };
            self.prices.iter().map(one).collect()
        };
        let [ours, theirs, twin] = &self.prices;
        let ratio = |other: &Option<Price>| match (ours, other) {
            (Some(a), Some(b)) => format!("{:.2}", a.nanos / b.nanos),
            _ => "-".to_string(),
        };
        let verdict = match (ours, theirs) {
            (Some(a), Some(b)) if a.instructions <= b.instructions && a.nanos <= b.nanos => {
                "reached"
            }
            (Some(_), Some(_)) => "MISSED",
            _ => "",
        };
        println!(
            "{:<18} {}{}{}{:>9} {:>7}  {verdict}",
            self.name,
            numbers(|p| p.instructions as f64),
            numbers(|p| p.verified as f64),
            numbers(|p| p.nanos),
            ratio(theirs),
            ratio(twin)
        );
    }
}
