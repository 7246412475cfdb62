//! Runs clang on a file of BPF C.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use bt_grammar::diag::Diagnostic;

use super::CSource;

/// Names under which clang is installed. What a later one than our LLVM writes need not be readable: those come last.
const CLANGS: &[&str] = &[
    "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang", "clang-20", "clang-21",
];

/// The target as the module of a script names it.
const TARGET: &[&str] = &["-target", "bpfel", "-mcpu=v3", "-D__TARGET_ARCH_x86"];

/// Where Debian keeps `asm/types.h`, which clang does not look at for this target.
const MULTIARCH: &str = "/usr/include/x86_64-linux-gnu";

/// So many lines of clang's are shown.
const MAX_LINES: usize = 12;

pub enum Output {
    Object,
    Bitcode,
}

/// What clang makes of a file, or its complaints.
pub fn run(source: &CSource, output: Output) -> Result<Vec<u8>, Diagnostic> {
    for clang in CLANGS {
        match command(clang, source, &output).output() {
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => return Err(failed(source, &format!("{clang}: {e}"))),
            Ok(result) if result.status.success() => return Ok(result.stdout),
            Ok(result) => {
                let text = String::from_utf8_lossy(&result.stderr).into_owned();
                return Err(failed(source, &text));
            }
        }
    }
    let message = format!("no clang is installed to compile `{}`", source.name);
    let help = "install the package `clang` where scripts are compiled; btrun does not need it";
    Err(Diagnostic::error("E0218", source.span, message)
        .here("imported here")
        .help(help))
}

/// In the file's folder, so that no path of this machine gets into the object.
fn command(clang: &str, source: &CSource, output: &Output) -> Command {
    let folder = source.path.parent().filter(|p| !p.as_os_str().is_empty());
    let mut command = Command::new(clang);
    command
        .args(TARGET)
        .args([
            "-O2",
            "-g",
            "-fdebug-compilation-dir=.",
            "-fno-color-diagnostics",
        ])
        .args(["-idirafter", MULTIARCH])
        .arg("-I.")
        .args(match output {
            Output::Object => ["-c", "-o", "-"].as_slice(),
            Output::Bitcode => ["-emit-llvm", "-c", "-o", "-"].as_slice(),
        })
        .arg(source.path.file_name().unwrap_or_default())
        .current_dir(folder.unwrap_or(Path::new(".")))
        .stdin(Stdio::null());
    command
}

fn failed(source: &CSource, text: &str) -> Diagnostic {
    let shown: Vec<&str> = text.lines().take(MAX_LINES).map(str::trim_end).collect();
    let message = format!("clang cannot compile `{}`", source.name);
    let error = Diagnostic::error("E0218", source.span, message).here("imported here");
    let missing = |header: &str| text.contains(&format!("'{header}' file not found"));
    if missing("vmlinux.h") {
        error.help("make it: `bpftool btf dump file /sys/kernel/btf/vmlinux format c >vmlinux.h`, beside the file")
    } else if missing("bpf/bpf_helpers.h") {
        error.help("the package `libbpf-dev` has libbpf's headers")
    } else {
        error.help(shown.join("\n"))
    }
}
