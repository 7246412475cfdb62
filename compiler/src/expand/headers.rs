//! `#define`s of system headers, from an installed clang: it is asked only for names that nothing else knows.
//!
//! `clang -E -dM` lists what the headers define, as text; whatever is wrong further down in them does not matter. Types come
//! from BTF, and constants of enums too.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bt_grammar::ast::CItem;

/// Names under which clang is installed.
const CLANGS: &[&str] = &[
    "clang", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15",
    "clang-14",
];

/// Folders with headers, below the kernel's build and source folders (x86-64).
const KERNEL_FOLDERS: &[&str] = &[
    "arch/x86/include",
    "arch/x86/include/generated",
    "include",
    "arch/x86/include/uapi",
    "arch/x86/include/generated/uapi",
    "include/uapi",
    "include/generated/uapi",
];

/// No clang is installed.
#[derive(Debug)]
pub struct NoClang;

/// All `#define`s of some headers. Headers that do not exist define nothing.
pub fn defines(headers: &[&str]) -> Result<Vec<CItem>, NoClang> {
    defines_by(CLANGS, headers)
}

fn defines_by(clangs: &[&str], headers: &[&str]) -> Result<Vec<CItem>, NoClang> {
    let mut program = String::new();
    for header in headers {
        program.push_str(&format!(
            "#if __has_include(<{header}>)\n#include <{header}>\n#endif\n"
        ));
    }
    let kernel = kernel_options();
    let mut text = run(clangs, &program, &kernel)?;
    // The kernel's headers may be for another compiler.
    if text.is_empty() && !kernel.is_empty() {
        text = run(clangs, &program, &[])?;
    }
    Ok(bt_grammar::parse(&text).script.definitions)
}

/// What clang prints; nothing if it fails.
fn run(clangs: &[&str], program: &str, options: &[String]) -> Result<String, NoClang> {
    for clang in clangs {
        let child = Command::new(clang)
            .args(["-E", "-dM", "-w", "-x", "c", "-D_GNU_SOURCE"])
            .args(options)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(_) => return Err(NoClang),
        };
        if let Some(mut input) = child.stdin.take() {
            // It fits in the pipe; what clang does not read it does not want.
            let _ = input.write_all(program.as_bytes());
        }
        let output = child.wait_with_output().map_err(|_| NoClang)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        return Ok(text);
    }
    Err(NoClang)
}

/// Where the headers of the running kernel are, if they are installed.
fn kernel_options() -> Vec<String> {
    let Ok(release) = std::fs::read_to_string("/proc/sys/kernel/osrelease") else {
        return Vec::new();
    };
    let modules = Path::new("/lib/modules").join(release.trim());
    let mut options = Vec::new();
    for tree in ["build", "source"] {
        let folders = KERNEL_FOLDERS.iter().map(|f| modules.join(tree).join(f));
        let found: Vec<PathBuf> = folders.filter(|f| f.is_dir()).collect();
        options.extend(found.iter().map(|f| format!("-I{}", f.display())));
        let config = modules.join(tree).join("include/linux/kconfig.h");
        if config.is_file() {
            options.push("-include".into());
            options.push(config.display().to_string());
        }
    }
    if !options.is_empty() {
        options.push("-D__KERNEL__".into());
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_clang_if_there_is_one() {
        let Ok(found) = defines(&["linux/socket.h", "no/such/header.h"]) else {
            println!("skipped: no clang is installed");
            return;
        };
        let names: Vec<&str> = found
            .iter()
            .filter_map(|item| match item {
                CItem::Define { name, .. } => Some(name.node.as_str()),
                _ => None,
            })
            .collect();
        assert!(names.contains(&"__x86_64__"), "{names:?}");
        assert!(names.contains(&"_K_SS_MAXSIZE"), "{names:?}");
    }

    #[test]
    fn says_if_there_is_none() {
        assert!(defines_by(&["no-such-clang"], &["linux/socket.h"]).is_err());
    }
}
