//! The examples of docs/stdlib.md: each compiles, and one with an output prints it on this machine's kernel.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::report::{Report, Verdict};
use crate::stage::Tools;

/// A script of the page, and the output that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Example {
    /// The heading above it, and a number.
    name: String,
    script: String,
    prints: Option<String>,
}

pub fn run(tools: &Tools, filter: &str, report: &mut Report) {
    let page = tools.root.join("docs/stdlib.md");
    let examples = match std::fs::read_to_string(&page) {
        Ok(text) => examples(&text),
        Err(e) => {
            let verdict = Verdict::failed(format!("docs/stdlib.md: {e}"));
            return report.add("docs", "stdlib.md", &verdict);
        }
    };
    for example in examples.iter().filter(|e| e.name.contains(filter)) {
        let verdict = match check(tools, example) {
            Ok(problems) => Verdict::of(problems, || example.script.clone()),
            Err(e) => Verdict::failed(format!("{e:#}")),
        };
        report.add("docs", &example.name, &verdict);
    }
}

/// The blocks of code under each heading of the third level.
fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let (mut heading, mut number) = ("", 0);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("### ") {
            (heading, number) = (title, 0);
        }
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
        let block = block.join("\n");
        match (language, found.last_mut()) {
            ("text", Some(last)) => last.prints = Some(block),
            _ => {
                number += 1;
                found.push(Example {
                    name: format!("{heading} {number}"),
                    script: block,
                    prints: None,
                });
            }
        }
    }
    found
}

/// What is wrong with an example.
fn check(tools: &Tools, example: &Example) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let [script, object] = ["x.bt", "x.bpf.o"].map(|name| folder.path().join(name));
    std::fs::write(&script, &example.script)?;
    let compiled = output(
        Command::new(&tools.btc)
            .args(["--unsafe", "--no-warnings", "-o"])
            .args([&object, &script]),
    )?;
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_string();
    if !compiled.status.success() {
        return Ok(vec![format!(
            "does not compile: {}",
            words(&compiled.stderr)
        )]);
    }
    let Some(prints) = &example.prints else {
        return Ok(Vec::new());
    };
    let ran = ended(&tools.btrun, &object)?;
    let (stdout, stderr) = (words(&ran.stdout), words(&ran.stderr));
    Ok(match stdout.trim() == prints.trim() {
        true => Vec::new(),
        false => vec![format!(
            "prints `{}`, not `{prints}`; {stderr}",
            stdout.trim()
        )],
    })
}

fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("running {command:?}"))
}

/// The run of an object that ends by itself, within ten seconds.
fn ended(btrun: &Path, object: &Path) -> Result<Output> {
    let ran = output(
        Command::new("timeout")
            .arg("10")
            .arg(btrun)
            .args(["-q", "--unsafe"])
            .arg(object),
    )?;
    ensure!(ran.status.code() != Some(124), "does not end");
    Ok(ran)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_belong_to_headings() {
        let page = "### a\n\n```c\nbegin { }\nend { }\n```\n\nprints\n\n```text\n1\n```\n### b\n```c\nx\n```\n";
        let found = examples(page);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].script, "begin { }\nend { }");
        assert_eq!(found[0].prints.as_deref(), Some("1"));
        assert_eq!((found[1].name.as_str(), &found[1].prints), ("b 1", &None));
    }
}
