//! Links LLVM statically, with the BPF back end alone.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LLVM_SYS_191_PREFIX");
    let prefix = std::env::var("LLVM_SYS_191_PREFIX").unwrap_or_else(|_| "/usr/lib/llvm-19".into());
    let config = Path::new(&prefix).join("bin/llvm-config");
    let ask = |args: &[&str]| output(&config, args);
    println!(
        "cargo:rustc-link-search=native={}",
        ask(&["--libdir"]).trim()
    );
    // inkwell refers to the execution engine, though nothing here runs code.
    for lib in ask(&[
        "--link-static",
        "--libs",
        "bpf",
        "passes",
        "irreader",
        "executionengine",
    ])
    .split_whitespace()
    {
        // Not bundled into the rlib: the libraries of one archive refer to each other across it.
        println!(
            "cargo:rustc-link-lib=static:-bundle={}",
            lib.trim_start_matches("-l")
        );
    }
    let archive = output(Path::new("g++"), &["-print-file-name=libstdc++.a"]);
    if let Some(folder) = PathBuf::from(archive.trim()).parent() {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
    let zstd = output(Path::new("gcc"), &["-print-file-name=libzstd.a"]);
    if let Some(folder) = PathBuf::from(zstd.trim()).parent() {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
    for lib in ["stdc++", "z", "zstd"] {
        println!("cargo:rustc-link-lib=static:-bundle={lib}");
    }
}

fn output(program: &Path, args: &[&str]) -> String {
    match Command::new(program).args(args).output() {
        Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).into_owned(),
        Ok(out) => panic!(
            "{} {args:?} failed: {}",
            program.display(),
            String::from_utf8_lossy(&out.stderr)
        ),
        Err(e) => panic!(
            "{} cannot be run ({e}); `make deps` installs what is needed",
            program.display()
        ),
    }
}
