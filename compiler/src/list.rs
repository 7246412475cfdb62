//! `btc list`: the probes of a script, as it names them. What wildcards stand for, the machine that is traced knows: `btrun list`.

use std::path::PathBuf;

use bt_abi::Manifest;
use bt_abi::manifest::Attach;
use clap::Args;

use crate::Settings;

#[derive(Args)]
#[command(
    after_help = "`btrun list OBJECT` lists what the probes of an object stand for on a machine."
)]
pub struct List {
    /// The script; `-` reads standard input
    #[arg(required_unless_present = "program")]
    pub script: Option<PathBuf>,

    /// List the probes of this program text instead of a file
    #[arg(
        short = 'e',
        value_name = "PROGRAM",
        conflicts_with = "script",
        allow_hyphen_values = true
    )]
    pub program: Option<String>,

    #[command(flatten)]
    pub settings: Settings,
}

/// A line each, in the order of the script; `begin`, `end` and `self` are no probes of a machine.
pub fn lines(manifest: &Manifest) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for program in &manifest.programs {
        let own = matches!(
            program.attach,
            Attach::Begin | Attach::End | Attach::Signal { .. }
        );
        if !own && !lines.contains(&program.probe.as_str()) {
            lines.push(&program.probe);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
