//! Records kernel facts for offline compilation.
//!
//! `bt-facts tracepoints [EVENTS_FOLDER]` prints this kernel's tracepoints; `bt-facts merge FILE...` prints the union,
//! where the first file that has an event wins. `bt-facts constants LIST` prints the constants of the headers in a list. `make facts`
//! does all for the kernels of the suite and this machine's headers.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bt_tests::{constants, facts};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bt-facts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let lines = match args.split_first() {
        Some((command, rest)) if command == "tracepoints" => {
            let events = rest.first().map_or("/sys/kernel/tracing/events", |s| s);
            facts::record(Path::new(events))?
        }
        Some((command, files)) if command == "merge" && !files.is_empty() => {
            let mut recordings = Vec::new();
            for file in files {
                let text =
                    std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
                recordings.push(facts::parse(&text));
            }
            facts::merge(recordings)
        }
        Some((command, [list])) if command == "constants" => {
            let text = std::fs::read_to_string(list).with_context(|| format!("reading {list}"))?;
            constants::record(&text)?
        }
        _ => {
            bail!("usage: bt-facts tracepoints [EVENTS_FOLDER] | merge FILE... | constants LIST")
        }
    };
    for line in lines.values() {
        println!("{line}");
    }
    Ok(())
}
