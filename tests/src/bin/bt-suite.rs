//! Runs the suites: `bt-suite ui object host peer kernels tools`, from the root of the workspace. `make test` and its kin call it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bt_tests::fixture::{self, Fixture, Mode};
use bt_tests::job::{End, How};
use bt_tests::report::{Report, Verdict};
use bt_tests::stage::{Stage, Tools};
use bt_tests::suites;
use clap::{Parser, ValueEnum};

/// Where `make build` leaves btc and btrun.
const BINARIES: &str = "target/x86_64-unknown-linux-gnu/release";

#[derive(Parser)]
struct Options {
    /// Suites to run, in this order
    #[arg(required_unless_present_any = ["script", "facts"])]
    suites: Vec<Suite>,
    /// Folder of btc and btrun
    #[arg(long, default_value = BINARIES)]
    bin: PathBuf,
    /// Kernels of the suite `kernels`
    #[arg(long, value_delimiter = ',', default_value = "5.10,6.1,7.3")]
    kernel: Vec<String>,
    /// Only fixtures whose name holds this text
    #[arg(long, default_value = "")]
    filter: String,
    /// Run this one script on each --kernel, and print its output as it comes
    #[arg(long, conflicts_with = "suites")]
    script: Option<PathBuf>,
    /// So long a --script that is no fixture runs, unless it ends by itself
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Record the tracepoint formats of each --kernel in this folder, one file each
    #[arg(long, conflicts_with_all = ["suites", "script"])]
    facts: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// btc's diagnostics
    Ui,
    /// What is true of every object
    Object,
    /// On this machine's kernel
    Host,
    /// `btc run`, and what btrun says to whoever started it
    Commands,
    /// The examples of docs/stdlib.md
    Docs,
    /// On this machine's kernel, beside Debian's bpftrace
    Peer,
    /// On stock kernels in VMs
    Kernels,
    /// The scripts of Debian's bpftrace, on its kernel in a VM
    Tools,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bt-suite: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    let root = std::env::current_dir()?;
    ensure!(
        root.join("fixtures").is_dir(),
        "not the root of the workspace"
    );
    let tools = Tools {
        btc: root.join(&options.bin).join("btc"),
        btrun: root.join(&options.bin).join("btrun"),
        root,
    };
    let guest = std::env::current_exe()?.with_file_name("bt-guest");
    if let Some(folder) = &options.facts {
        return record_facts(folder, &options.kernel, &guest);
    }
    if let Some(script) = &options.script {
        return run_script(&tools, script, options, &guest);
    }
    let mut fixtures = fixture::all(&tools.root)?;
    fixtures.retain(|f| f.name.contains(&options.filter));
    // These have cases of their own.
    let only_tools = options
        .suites
        .iter()
        .all(|s| matches!(s, Suite::Tools | Suite::Commands | Suite::Docs));
    ensure!(
        !fixtures.is_empty() || only_tools,
        "no fixture's name holds `{}`",
        options.filter
    );
    let mut report = Report::default();
    let stage = if options.suites.iter().any(|s| *s != Suite::Ui) {
        let compiled: Vec<Fixture> = fixtures
            .iter()
            .filter(|f| f.mode != Mode::Ui && !only_tools)
            .cloned()
            .collect();
        Some(Stage::new(&tools, &compiled)?)
    } else {
        None
    };
    for suite in &options.suites {
        match (suite, &stage) {
            (Suite::Ui, _) => suites::ui::run(&tools, &fixtures, bless(), &mut report),
            (Suite::Object, Some(stage)) => suites::object::run(stage, &fixtures, &mut report),
            (Suite::Host, Some(stage)) => suites::host::run(stage, &fixtures, &mut report),
            (Suite::Commands, _) => suites::commands::run(&tools, &options.filter, &mut report),
            (Suite::Docs, _) => suites::docs::run(&tools, &options.filter, &mut report),
            (Suite::Peer, Some(stage)) => suites::peer::run(stage, &fixtures, &mut report),
            (Suite::Kernels, Some(stage)) => {
                suites::kernels::run(stage, &fixtures, &options.kernel, &guest, &mut report);
            }
            (Suite::Tools, Some(stage)) => {
                suites::tools::run(stage, &options.filter, &guest, &mut report);
            }
            (_, None) => {}
        }
    }
    report.close();
    Ok(!report.has_failed())
}

fn bless() -> bool {
    std::env::var_os("BLESS").is_some_and(|v| v == "1")
}

fn record_facts(folder: &Path, kernels: &[String], guest: &Path) -> Result<bool> {
    std::fs::create_dir_all(folder)?;
    for kernel in kernels {
        let text = suites::kernels::tracepoints(kernel, guest)
            .with_context(|| format!("kernel {kernel}"))?;
        std::fs::write(folder.join(kernel), text)?;
    }
    Ok(true)
}

fn run_script(tools: &Tools, script: &Path, options: &Options, guest: &Path) -> Result<bool> {
    let mut fixture = Fixture::read(&tools.root, script)?;
    if !script.starts_with("fixtures") {
        fixture.job.end = End {
            how: How::Sigint,
            after: Duration::from_secs(options.seconds),
        };
        fixture.job.timeout += Duration::from_secs(options.seconds);
    }
    let stage = Stage::new(tools, std::slice::from_ref(&fixture))?;
    let mut report = Report::default();
    for kernel in &options.kernel {
        let verdict = suites::kernels::run_one(&stage, &fixture, kernel, guest)
            .with_context(|| format!("kernel {kernel}"))
            .unwrap_or_else(|e| Verdict::failed(format!("{e:#}")));
        report.add(&format!("kernel {kernel}"), &fixture.name, &verdict);
    }
    report.close();
    Ok(!report.has_failed())
}
