//! Compares btrun with Debian's bpftrace and with programs in C, side by side in one run. Numbers and goals are printed; nothing fails here.

mod events;
mod measure;
mod scale;
mod table;
pub mod twin;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::stage::{Tools, compile, place_tracees};
use measure::{median, run};
use table::{Goal, Table};

/// So often a short run is repeated; the median counts.
const ROUNDS: usize = 9;

/// Everything that the runs need.
pub struct Bench {
    pub tools: Tools,
    /// For objects.
    pub dir: PathBuf,
}

/// Two medians of a tracer; none if it is not installed.
type Pair = (Option<f64>, Option<f64>);

/// Who runs a script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tracer {
    Btrun,
    Bpftrace,
}

impl Bench {
    /// Measures all, and prints the table.
    pub fn run(&self) -> Result<()> {
        let _alone = place_tracees(&self.tools.root)?;
        let mut table = Table::default();
        self.compile_time(&mut table)?;
        self.short_script(&mut table)?;
        self.first_event(&mut table)?;
        table.print();
        println!();
        scale::run_all(self)?;
        println!();
        events::run(self)
    }

    fn compile_time(&self, table: &mut Table) -> Result<()> {
        let script = Path::new("bench/begin_exit.bt");
        let object = self.object(script)?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let mut btc = Command::new(&self.tools.btc);
            btc.arg(self.tools.root.join(script)).arg("-o").arg(&object);
            times.push(millis(run(&mut btc, None)?.wall));
        }
        table.add(
            "compile of one line, ms",
            Some(median(&times)),
            None,
            Goal::AtMost(20.0),
        );
        let size = std::fs::metadata(&object)?.len() as f64;
        table.add("its object, bytes", Some(size), None, Goal::None);
        let size = std::fs::metadata(&self.tools.btrun)?.len() as f64 / 1e6;
        table.add("btrun, MB", Some(size), None, Goal::AtMost(2.0));
        Ok(())
    }

    fn short_script(&self, table: &mut Table) -> Result<()> {
        let script = Path::new("bench/begin_exit.bt");
        let (ours, theirs) = self.both(|tracer| {
            let usage = run(&mut self.command(tracer, script)?, None)?;
            Ok((millis(usage.wall), usage.max_rss_mib))
        })?;
        table.add(
            "begin and exit: start to exit, ms",
            ours.0,
            theirs.0,
            Goal::TimesFaster(10.0),
        );
        table.add(
            "begin and exit: peak RSS, MiB",
            ours.1,
            theirs.1,
            Goal::AtMost(5.0),
        );
        Ok(())
    }

    fn first_event(&self, table: &mut Table) -> Result<()> {
        let script = Path::new("bench/first_event.bt");
        let mut sleeper = Command::new(self.tools.root.join("target/tracees/events"))
            .args(["sleep", "1000000", "1"])
            .spawn()
            .context("starting the workload")?;
        let result = self.both(|tracer| {
            let usage = run(&mut self.command(tracer, script)?, Some("hit"))?;
            Ok((usage.line_after.map_or(f64::NAN, millis), usage.max_rss_mib))
        });
        let _ = sleeper.kill();
        let _ = sleeper.wait();
        let (ours, theirs) = result?;
        table.add(
            "two tracepoints: start to attached and first event, ms",
            ours.0,
            theirs.0,
            Goal::None,
        );
        table.add(
            "two tracepoints: peak RSS, MiB",
            ours.1,
            theirs.1,
            Goal::AtMost(5.0),
        );
        Ok(())
    }

    /// Runs both tracers in turn, and takes the medians of the two values of each.
    fn both(&self, mut one: impl FnMut(Tracer) -> Result<(f64, f64)>) -> Result<(Pair, Pair)> {
        let mut medians = Vec::new();
        let mut samples = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (tracer, samples) in [Tracer::Btrun, Tracer::Bpftrace]
                .into_iter()
                .zip(&mut samples)
            {
                if tracer == Tracer::Btrun || has_bpftrace() {
                    samples.push(one(tracer)?);
                }
            }
        }
        for samples in &samples {
            let (first, second): (Vec<f64>, Vec<f64>) = samples.iter().copied().unzip();
            let value = |v: &[f64]| (!v.is_empty()).then(|| median(v));
            medians.push((value(&first), value(&second)));
        }
        Ok((medians[0], medians[1]))
    }

    fn available(&self, tracer: Tracer, script: &Path) -> Result<Option<Command>> {
        if tracer == Tracer::Bpftrace && !has_bpftrace() {
            return Ok(None);
        }
        self.command(tracer, script).map(Some)
    }

    fn command(&self, tracer: Tracer, script: &Path) -> Result<Command> {
        let mut command = match tracer {
            Tracer::Btrun => {
                let mut btrun = Command::new(&self.tools.btrun);
                btrun.arg(self.object(script)?);
                btrun
            }
            Tracer::Bpftrace => {
                let mut bpftrace = Command::new("bpftrace");
                bpftrace
                    .args(["-B", "none"])
                    .arg(self.tools.root.join(script));
                bpftrace
            }
        };
        command.current_dir(&self.tools.root);
        Ok(command)
    }

    /// The compiled script; compiled once.
    fn object(&self, script: &Path) -> Result<PathBuf> {
        let name = script.file_stem().unwrap_or_default();
        let object = self.dir.join(name).with_extension("bpf.o");
        if !object.exists() {
            let compiled = compile(&self.tools, script, &[], &[], &object)?;
            anyhow::ensure!(
                compiled.status == Some(0),
                "{}: {}",
                script.display(),
                compiled.stderr
            );
        }
        Ok(object)
    }
}

fn has_bpftrace() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join("bpftrace").exists())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
