//! `btc run`: compiles a script and runs it at once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use bt_abi::parameters::Words;
use clap::Args;

use crate::Settings;

/// The words of `btc run`.
#[derive(Args)]
#[command(
    override_usage = "btc run [OPTIONS] SCRIPT [PARAMS]...\n       btc run [OPTIONS] -e PROGRAM [PARAMS]...",
    after_help = "PARAMS are the script's: $1, $2, ... and, behind `--`, --name=value for getopt(). Options may stand behind the script.\n\
                  btrun is looked for beside btc, then in the PATH."
)]
pub struct Run {
    /// Run this program text instead of a file
    #[arg(short = 'e', value_name = "PROGRAM", allow_hyphen_values = true)]
    pub program: Option<String>,

    #[command(flatten)]
    pub settings: Settings,

    /// Trace this process; its end ends the run
    #[arg(short, long, value_name = "PID", conflicts_with = "cmd", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pid: Option<u32>,

    /// Start this command once all is attached, and trace it; its end ends the run
    #[arg(short, long, value_name = "COMMAND", allow_hyphen_values = true)]
    cmd: Option<OsString>,

    /// Format of the report: text or json
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"])]
    format: Option<String>,

    /// Write the report there instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// When the report is written: line, full or none
    #[arg(short = 'B', value_name = "MODE", value_parser = ["line", "full", "none"])]
    buffering: Option<String>,

    /// Do not say how many probes were attached
    #[arg(short, long)]
    quiet: bool,

    /// Say what is chosen and done
    #[arg(short, long)]
    verbose: bool,

    /// Warn of reads of memory that fail, of map entries that are read and not there, and of strings that are cut
    #[arg(short = 'k', long = "warnings", action = clap::ArgAction::Count)]
    helper_errors: u8,

    /// Unwind this process for `dw_ustack`, too; may be given again
    #[arg(long, value_name = "PID")]
    dwarf_pid: Vec<u32>,

    /// Load and attach everything, and end
    #[arg(long)]
    dry_run: bool,

    /// Run the script's `test` probes
    #[arg(long)]
    test: bool,

    /// Run the script's `bench` probes
    #[arg(long)]
    bench: bool,

    /// Print a line with this text on standard output once all probes are attached
    #[arg(long, value_name = "TEXT")]
    ready_line: Option<String>,

    /// The script, unless -e gives a program; then its parameters
    #[arg(value_name = "SCRIPT", allow_negative_numbers = true)]
    words: Vec<OsString>,
}

impl Run {
    /// The script's file, if it is one.
    pub fn script(&self) -> Option<&Path> {
        match &self.program {
            Some(_) => None,
            None => self.words.first().map(Path::new),
        }
    }

    fn params(&self) -> &[OsString] {
        match &self.program {
            Some(_) => &self.words,
            None => self.words.get(1..).unwrap_or_default(),
        }
    }

    /// The parameters are known: for the script they are literals.
    pub fn fixed(&self) -> anyhow::Result<BTreeMap<u32, String>> {
        let words = Words::sort(self.params()).map_err(anyhow::Error::msg)?;
        Ok(words.positional)
    }

    /// Becomes btrun on the object, which lies in memory; comes back only with an error.
    pub fn execute(&self, object: &[u8]) -> anyhow::Result<std::convert::Infallible> {
        let file = in_memory(object).context("cannot keep the object in memory")?;
        let program = runtime();
        let mut command = Command::new(&program);
        let pid = self.pid.map(|pid| pid.to_string());
        let options = [
            ("--pid", pid.as_deref().map(OsStr::new)),
            ("--cmd", self.cmd.as_deref()),
            ("--format", self.format.as_deref().map(OsStr::new)),
            ("--output", self.output.as_deref().map(Path::as_os_str)),
            ("-B", self.buffering.as_deref().map(OsStr::new)),
            ("--ready-line", self.ready_line.as_deref().map(OsStr::new)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        let flags = [
            ("-q", self.quiet),
            ("-v", self.verbose),
            ("-k", self.helper_errors > 0),
            ("--dry-run", self.dry_run),
            ("--test", self.test),
            ("--bench", self.bench),
            ("--no-warnings", self.settings.no_warnings),
            ("--unsafe", self.settings.allow_unsafe),
        ];
        for (name, given) in flags {
            if given {
                command.arg(name);
            }
        }
        for pid in &self.dwarf_pid {
            command.arg("--dwarf-pid").arg(pid.to_string());
        }
        command.arg(format!("/proc/self/fd/{}", file.as_raw_fd()));
        command.arg("--").args(self.params());
        let error = command.exec();
        let help = "install btrun beside btc, or in the PATH";
        Err(error).with_context(|| format!("cannot run {} ({help})", program.display()))
    }
}

/// btrun beside this program, else as the PATH has it.
fn runtime() -> PathBuf {
    let own = std::env::current_exe().ok();
    let beside = own.and_then(|own| Some(own.parent()?.join("btrun")));
    match beside {
        Some(path) if path.is_file() => path,
        _ => "btrun".into(),
    }
}

/// A file without a name, which the program that this one becomes can open by its number.
fn in_memory(bytes: &[u8]) -> std::io::Result<std::fs::File> {
    // SAFETY: the name is terminated; the call takes nothing else.
    let fd = unsafe { libc::memfd_create(c"btc-object".as_ptr(), 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just made, and that nobody else owns.
    let mut file = unsafe { std::fs::File::from_raw_fd(fd) };
    file.write_all(bytes)?;
    Ok(file)
}
