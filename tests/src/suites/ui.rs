//! The ui suite: btc alone, without privileges. What it prints lies beside the fixture; `BLESS=1` rewrites it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::fixture::{Fixture, Mode};
use crate::report::{Report, Verdict};
use crate::stage::{Compiled, Tools, compile, parallel};

/// An older object at the output path, which a failed compile must leave as it is.
const OLDER: &[u8] = b"an older object";

pub fn run(tools: &Tools, fixtures: &[Fixture], bless: bool, report: &mut Report) {
    let cases: Vec<&Fixture> = fixtures.iter().filter(|f| f.mode == Mode::Ui).collect();
    let verdicts = parallel(&cases, |fixture| check(tools, fixture, bless));
    for (fixture, verdict) in cases.iter().zip(verdicts) {
        let verdict = verdict.unwrap_or_else(|e| Verdict::failed(format!("{e:#}")));
        report.add("ui", &fixture.name, &verdict);
    }
}

fn check(tools: &Tools, fixture: &Fixture, bless: bool) -> Result<Verdict> {
    let dir = tempfile::tempdir()?;
    let output = dir.path().join("out.bpf.o");
    let fresh = match &fixture.output {
        Some(path) => compile(tools, &fixture.path, &fixture.btc, &[], Path::new(path))?,
        None => compile(tools, &fixture.path, &fixture.btc, &[], &output)?,
    };
    let mut problems = status(fixture, &fresh);
    if fresh.status != Some(0) {
        let left: Vec<_> = fs::read_dir(dir.path())?
            .flatten()
            .map(|e| e.file_name())
            .collect();
        if !left.is_empty() {
            problems.push(format!("the failed compile left {left:?}"));
        }
        if fixture.output.is_none() {
            fs::write(&output, OLDER)?;
            compile(tools, &fixture.path, &fixture.btc, &[], &output)?;
            if fs::read(&output)? != OLDER {
                problems.push("the failed compile changed the older object".to_string());
            }
        }
    }
    problems.extend(golden(
        &tools.root.join(fixture.golden_stderr()),
        &fresh,
        bless,
    )?);
    Ok(Verdict::of(problems, String::new))
}

fn status(fixture: &Fixture, compiled: &Compiled) -> Vec<String> {
    let expected = fixture.expect.status;
    let mut problems = Vec::new();
    if compiled.status != expected {
        problems.push(format!(
            "exit status {:?}, expected {expected:?}\n{}",
            compiled.status,
            compiled.stderr.trim_end()
        ));
    }
    if compiled.stderr.contains("panicked at") {
        problems.push("btc panicked".to_string());
    }
    problems
}

/// Compares, or blesses, what btc printed.
fn golden(path: &Path, compiled: &Compiled, bless: bool) -> Result<Option<String>> {
    let got = format!("{}{}", compiled.stdout, compiled.stderr);
    let expected = fs::read_to_string(path).unwrap_or_default();
    if got == expected {
        return Ok(None);
    }
    if bless {
        let written = if got.is_empty() {
            fs::remove_file(path)
        } else {
            fs::write(path, &got)
        };
        written.with_context(|| format!("writing {}", path.display()))?;
        return Ok(None);
    }
    Ok(Some(format!(
        "btc prints something else than {} (BLESS=1 rewrites it)\n{}",
        path.display(),
        difference(&expected, &got)
    )))
}

/// The lines of both, `-` expected and `+` got, without those at both ends that are the same.
pub fn difference(expected: &str, got: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let same =
        |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(&new));
    let tail = same(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let mut text = String::new();
    let mut add = |sign: char, line: &str| text.push_str(&format!("{sign} {line}\n"));
    old[head.saturating_sub(2)..head]
        .iter()
        .for_each(|l| add(' ', l));
    old[head..old.len() - tail].iter().for_each(|l| add('-', l));
    new[head..new.len() - tail].iter().for_each(|l| add('+', l));
    text.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_changed() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), "  a\n- b\n+ x");
        assert_eq!(difference("", "a\n"), "+ a");
    }
}
