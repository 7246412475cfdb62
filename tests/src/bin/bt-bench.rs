//! `make bench`: compares btrun with Debian's bpftrace and with programs in C, from the root of the workspace, as root.
//!
//! bpftrace 0.17 needs tracefs mounted, so that the bench starts itself again in a mount namespace of its own.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use bt_tests::bench::Bench;
use bt_tests::stage::Tools;
use clap::Parser;

#[derive(Parser)]
struct Options {
    /// Folder of btc and btrun
    #[arg(long, default_value = "target/x86_64-unknown-linux-gnu/release")]
    bin: PathBuf,
    /// Already in the mount namespace
    #[arg(long, hide = true)]
    inside: bool,
    /// Load and attach this object, and stay
    #[arg(long, hide = true)]
    twin: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bt-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    if let Some(object) = &options.twin {
        bt_tests::bench::twin::serve(object)?;
    }
    let root = std::env::current_dir()?;
    ensure!(root.join("bench").is_dir(), "not the root of the workspace");
    if !options.inside {
        return again(&options.bin);
    }
    let tools = Tools {
        btc: root.join(&options.bin).join("btc"),
        btrun: root.join(&options.bin).join("btrun"),
        root,
    };
    let dir = tempfile::tempdir()?;
    let bench = Bench {
        tools,
        dir: dir.path().to_path_buf(),
    };
    bench.run()?;
    Ok(ExitCode::SUCCESS)
}

fn again(bin: &PathBuf) -> Result<ExitCode> {
    // Whatever is mounted already may stay as it is.
    let script = "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
        mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
        exec \"$@\"";
    let mut unshare = Command::new("unshare");
    unshare
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe()?);
    let status = unshare
        .arg("--inside")
        .arg("--bin")
        .arg(bin)
        .status()
        .context("starting unshare")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
