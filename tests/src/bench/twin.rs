//! Twins in C: what a programmer would write with libbpf for the same question. Compiled by clang, loaded by libbpf.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libbpf_rs::{MapCore, MapType, ObjectBuilder, RingBufferBuilder};

const CLANG: &str = "clang-19";

/// Compiles the twin of a script, if there is one: `bench/twins/NAME.bpf.c`.
pub fn compile(root: &Path, name: &str, dir: &Path) -> Result<Option<PathBuf>> {
    let source = root.join("bench/twins").join(name).with_extension("bpf.c");
    if !source.exists() {
        return Ok(None);
    }
    let object = dir.join(name).with_extension("twin.o");
    let mut clang = Command::new(CLANG);
    clang
        .args(["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-c", "-o"])
        .args([&object, &source]);
    let output = clang
        .output()
        .with_context(|| format!("starting {CLANG} (`.ci/deps bench` installs it)"))?;
    ensure!(
        output.status.success(),
        "{}: {}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(Some(object))
}

/// Loads and attaches a twin, and reads its records, until the process is ended: a process of its own, like the other tracers.
pub fn serve(object: &Path) -> Result<()> {
    let object = ObjectBuilder::default().open_file(object)?.load()?;
    let mut links = Vec::new();
    for program in object.progs_mut() {
        links.push(program.attach()?);
    }
    println!("Attached {} probes", links.len());
    let rings: Vec<_> = object
        .maps()
        .filter(|map| map.map_type() == MapType::RingBuf)
        .collect();
    let mut builder = RingBufferBuilder::new();
    for ring in &rings {
        builder.add(ring, |_| 0)?;
    }
    if rings.is_empty() {
        loop {
            std::thread::park();
        }
    }
    let buffer = builder.build()?;
    loop {
        buffer.poll(Duration::from_secs(1))?;
    }
}
