//! Constants of headers: asks clang for the value of each integer macro and enumerator of a list of headers.
//!
//! The compiler reads the result for scripts that include headers on machines which have none. The list, `compiler/facts/headers.txt`, has a
//! header a line, and before them names with values: constants of the kernel's own headers, which no package of user space has.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use regex_lite::Regex;

const CLANG: &str = "clang-19";

/// What headers rely on that do not include all they need.
const PRELUDE: &str = "#define _GNU_SOURCE\n#include <stddef.h>\n#include <sys/types.h>\n";

/// Rounds of leaving out what is no integer constant; each finds all that clang can see at once.
const MAX_ROUNDS: usize = 8;

/// The lines of the facts, by name. Of several headers that have a name the first in the list wins.
pub fn record(list: &str) -> Result<BTreeMap<String, String>> {
    let mut values: BTreeMap<String, i128> = BTreeMap::new();
    let lines = list.lines().map(str::trim);
    for line in lines.filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some((name, value)) = line.split_once(' ') {
            let value = value.trim().parse().with_context(|| line.to_string())?;
            values.entry(name.to_string()).or_insert(value);
            continue;
        }
        for (name, value) in of_header(line).with_context(|| line.to_string())? {
            values.entry(name).or_insert(value);
        }
    }
    let line = |(name, value): (String, i128)| (name.clone(), format!("{name} {value}"));
    Ok(values.into_iter().map(line).collect())
}

fn of_header(header: &str) -> Result<BTreeMap<String, i128>> {
    let program = format!("{PRELUDE}#include <{header}>\n");
    let mut names = macros(&clang(&["-E", "-dD"], &program)?.0);
    names.extend(enumerators(
        &clang(&["-fsyntax-only", "-Xclang", "-ast-dump"], &program)?.0,
    ));
    let mut names: Vec<String> = names.into_iter().filter(|n| is_wanted(n)).collect();
    let at = Regex::new(r"^<stdin>:(\d+):\d+: error")?;
    let before = program.lines().count();
    for _ in 0..MAX_ROUNDS {
        let mut text = program.clone();
        for name in &names {
            // The remainder is an error for what is no integer.
            text += &format!("__int128 btc_{name} = (__int128)({name}) + (({name}) % 1);\n");
        }
        let (output, errors) = clang(&["-S", "-emit-llvm", "-ferror-limit=0", "-o", "-"], &text)?;
        if errors.is_empty() {
            return Ok(globals(&output));
        }
        let wrong: BTreeSet<usize> = errors
            .lines()
            .filter_map(|l| at.captures(l)?[1].parse().ok())
            .collect();
        let kept = names.len();
        let mut line = before;
        names.retain(|_| {
            line += 1;
            !wrong.contains(&line)
        });
        ensure!(
            names.len() < kept,
            "{}",
            errors.lines().next().unwrap_or("")
        );
    }
    bail!("clang finds new errors again and again")
}

/// Constants as scripts write them: in capitals, save the numbers of system calls and types of network families.
fn is_wanted(name: &str) -> bool {
    let capitals = !name.starts_with('_') && !name.contains(|c: char| c.is_ascii_lowercase());
    capitals
        || ["__NR_", "AF_", "PF_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Macros without parameters that stand for something, of all files but the compiler's own.
fn macros(preprocessed: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut counts = false;
    for line in preprocessed.lines() {
        if let Some(marker) = line.strip_prefix("# ") {
            let file = marker.split('"').nth(1).unwrap_or_default();
            counts = file.starts_with("/usr/include/");
        } else if let Some(definition) = line.strip_prefix("#define ").filter(|_| counts)
            && let Some((name, value)) = definition.split_once(' ')
            && !name.contains('(')
            && !value.trim().is_empty()
        {
            names.insert(name.to_string());
        }
    }
    names
}

fn enumerators(tree: &str) -> BTreeSet<String> {
    let lines = tree.lines().filter(|l| l.contains("EnumConstantDecl "));
    let name = |line: &str| {
        line.split(" '")
            .next()?
            .rsplit(' ')
            .next()
            .map(String::from)
    };
    lines.filter_map(name).collect()
}

/// `@btc_NAME = dso_local global i128 5, align 16`
fn globals(ir: &str) -> BTreeMap<String, i128> {
    let one = |line: &str| {
        let (name, rest) = line.strip_prefix("@btc_")?.split_once(' ')?;
        let value = rest.split("i128 ").nth(1)?.split(',').next()?;
        Some((name.to_string(), value.trim().parse().ok()?))
    };
    ir.lines().filter_map(one).collect()
}

/// What clang writes, and what it complains about.
fn clang(options: &[&str], program: &str) -> Result<(String, String)> {
    let mut child = Command::new(CLANG)
        .args(["-w", "-fno-color-diagnostics", "-x", "c"])
        .args(options)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {CLANG} (`.ci/deps test` installs it)"))?;
    let mut input = child.stdin.take().context("no pipe")?;
    let text = program.as_bytes().to_vec();
    let writer = std::thread::spawn(move || input.write_all(&text));
    let output = child.wait_with_output()?;
    // What clang did not want to read it has said why.
    let _ = writer.join();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clang_writes() {
        let text = "# 1 \"<built-in>\"\n#define __x86_64__ 1\n# 1 \"/usr/include/a.h\"\n#define A_H\n#define A 1\n#define F(x) x\n";
        assert_eq!(macros(text).into_iter().collect::<Vec<_>>(), ["A"]);
        let tree = "| |-EnumConstantDecl 0x1 <a.h:1:2> col:2 referenced RED 'int'\n";
        assert_eq!(enumerators(tree).into_iter().collect::<Vec<_>>(), ["RED"]);
        let ir = "@btc_A = dso_local global i128 -5, align 16\n@other = global i32 1\n";
        assert_eq!(globals(ir)["A"], -5);
    }
}
