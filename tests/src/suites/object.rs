//! The object suite: what must be true of every object, without running it.
//!
//! Every fixture that is accepted is checked: the same bytes when compiled again, the manifest beside the object is the embedded
//! one, nothing of this machine and no DWARF inside, and other tools can read it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use bt_abi::Manifest;

use crate::fixture::{Fixture, Mode, ObjectKind};
use crate::job::Ran;
use crate::object_file;
use crate::report::{Report, Verdict};
use crate::stage::{Stage, parallel};

/// Commands of other projects that read objects; `{}` is the object.
const READERS: &[&[&str]] = &[
    &["llvm-readelf-19", "--all", "{}"],
    &["llvm-objdump-19", "-d", "{}"],
    &["bpftool", "btf", "dump", "file", "{}"],
];

/// btrun travels to small machines. (Two thirds of a megabyte read debug information, DWARF tables and notes of programs.)
const BTRUN_MAX: u64 = 3_000_000;

pub fn run(stage: &Stage, fixtures: &[Fixture], report: &mut Report) {
    let good = |f: &&Fixture| f.mode != Mode::Ui && f.object == ObjectKind::Compiled;
    let cases: Vec<&Fixture> = fixtures.iter().filter(good).collect();
    let verdicts = parallel(&cases, |fixture| check(stage, fixture));
    for (fixture, verdict) in cases.iter().zip(verdicts) {
        let verdict = verdict.unwrap_or_else(|e| Verdict::failed(format!("{e:#}")));
        report.add("object", &fixture.name, &verdict);
    }
    if let Some(fixture) = cases.first() {
        read_by_others(stage, fixture, report);
    }
    for (name, path) in [("btc", &stage.tools.btc), ("btrun", &stage.tools.btrun)] {
        let verdict = static_binary(path).unwrap_or_else(|e| Verdict::failed(format!("{e:#}")));
        report.add("object", &format!("{name} is static"), &verdict);
    }
    let size = fs::metadata(&stage.tools.btrun).map_or(u64::MAX, |m| m.len());
    let problem = (size > BTRUN_MAX).then(|| format!("{size} bytes, at most {BTRUN_MAX}"));
    let verdict = Verdict::of(problem.into_iter().collect(), String::new);
    report.add("object", "btrun is small", &verdict);
}

/// Runs without an interpreter and without shared libraries.
fn static_binary(path: &Path) -> Result<Verdict> {
    let sections = object_file::sections(&fs::read(path)?)?;
    let dynamic = sections
        .into_iter()
        .find(|s| s == ".interp" || s == ".dynamic");
    let problem = dynamic.map(|section| format!("{} has {section}", path.display()));
    Ok(Verdict::of(problem.into_iter().collect(), String::new))
}

fn check(stage: &Stage, fixture: &Fixture) -> Result<Verdict> {
    let compiled = stage.compiled(fixture).context("not compiled")?;
    if compiled.status != Some(0) {
        return Ok(Verdict::failed(format!("btc failed:\n{}", compiled.stderr)));
    }
    let path = stage.object(fixture);
    let bytes = fs::read(&path)?;
    let mut problems = Vec::new();
    let again = tempfile::tempdir()?;
    let second = again.path().join(fixture.object_name());
    stage.compile(fixture, &second)?;
    if fs::read(&second)? != bytes || fs::read(beside(&second))? != fs::read(beside(&path))? {
        problems.push("compiled twice, the bytes differ".to_string());
    }
    problems.extend(manifest(stage, &path, &bytes)?);
    problems.extend(content(stage, &bytes)?);
    if fixture.mode == Mode::Object {
        let ran = Ran {
            stdout: fs::read_to_string(beside(&path))?,
            stderr: compiled.stderr.clone(),
            status: compiled.status,
            ..Ran::default()
        };
        problems.extend(fixture.expect.judge(&ran));
    }
    Ok(Verdict::of(problems, || compiled.stderr.clone()))
}

/// `x.bpf.json` of `x.bpf.o`.
fn beside(object: &Path) -> std::path::PathBuf {
    object.with_extension("json")
}

fn manifest(stage: &Stage, path: &Path, bytes: &[u8]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let embedded = Manifest::from_json(&object_file::manifest(bytes)?)?;
    let written = fs::read(beside(path)).context("the manifest beside the object")?;
    if Manifest::from_json(&written)? != embedded {
        problems.push("the manifest beside the object is not the embedded one".to_string());
    }
    let inspect = Command::new(stage.btrun())
        .arg("inspect")
        .arg(path)
        .output()?;
    if !inspect.status.success() || inspect.stdout != written {
        problems.push("`btrun inspect` does not print the manifest beside the object".to_string());
    }
    Ok(problems)
}

/// Sections that must not be there, and paths of this machine.
fn content(stage: &Stage, bytes: &[u8]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for section in object_file::sections(bytes)? {
        if section.contains(".debug_") {
            problems.push(format!("the object holds {section}"));
        }
    }
    for needle in [stage.tools.root.as_path(), stage.path()] {
        let needle = needle.as_os_str().as_encoded_bytes();
        if needle.len() > 1 && bytes.windows(needle.len()).any(|w| w == needle) {
            problems.push(format!(
                "the object holds `{}`",
                String::from_utf8_lossy(needle)
            ));
        }
    }
    Ok(problems)
}

/// One object is enough to see that the tools read our objects.
fn read_by_others(stage: &Stage, fixture: &Fixture, report: &mut Report) {
    let object = stage.object(fixture);
    for reader in READERS {
        let args = reader[1..]
            .iter()
            .map(|a| a.replace("{}", &object.display().to_string()));
        let verdict = match Command::new(reader[0]).args(args).output() {
            Err(_) => Verdict::Skipped(format!("{} is not installed", reader[0])),
            Ok(output) if output.status.success() && output.stderr.is_empty() => Verdict::Passed,
            Ok(output) => Verdict::failed(String::from_utf8_lossy(&output.stderr).into_owned()),
        };
        report.add(
            "object",
            &format!("read by {} {}", reader[0], reader[1]),
            &verdict,
        );
    }
}
