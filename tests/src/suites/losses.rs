//! Lost events are counted to the unit: with a buffer of one page and a consumer that falls asleep, what was delivered and what was
//! lost together are the hits.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::report::{Report, Verdict};
use crate::stage::{TRACEES, Tools, place_tracees};

/// Calls of each of two processes at once.
const CALLS: u64 = 150_000;

const SCRIPT: &str = r#"
config = { perf_rb_pages = 1 }
uprobe:/tmp/bt-tracees/args:greet { @hits = count(); printf("one of many events: %d\n", arg0); }
uprobe:/tmp/bt-tracees/args:many { @hits = count(); printf("another of many events\n"); }
"#;

pub fn run(tools: &Tools, filter: &str, report: &mut Report) {
    for (name, format) in [
        ("losses are counted", "text"),
        ("losses are counted in JSON", "json"),
    ] {
        if format!("commands/{name}").contains(filter) {
            let verdict = match count(tools, format) {
                Ok(()) => Verdict::Passed,
                Err(error) => Verdict::failed(format!("{error:#}")),
            };
            report.add("commands", name, &verdict);
        }
    }
}

fn count(tools: &Tools, format: &str) -> Result<()> {
    let _alone = place_tracees(&tools.root)?;
    let mut tracer = Command::new(&tools.btc)
        .args([
            "run",
            "-q",
            "--ready-line",
            "READY",
            "-f",
            format,
            "-e",
            SCRIPT,
        ])
        .current_dir(&tools.root)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("btc cannot be started")?;
    let result = consume(&mut tracer, format);
    // it has ended if all went well
    let _ = tracer.kill();
    let _ = tracer.wait();
    result
}

fn consume(tracer: &mut Child, format: &str) -> Result<()> {
    let mut output = tracer.stdout.take().context("no output")?;
    let mut errors = tracer.stderr.take().context("no errors")?;
    let mut ready = [0; 6];
    output.read_exact(&mut ready).context("it did not start")?;
    let calls = CALLS.to_string();
    let traced = || {
        Command::new(format!("{TRACEES}/args"))
            .arg(&calls)
            .stdin(Stdio::null())
            .spawn()
    };
    let mut both = [traced()?, traced()?];
    // the pipe is full long before, and nobody reads it
    std::thread::sleep(Duration::from_millis(500));
    let pid = tracer.id();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).map(|_| text)
    });
    for one in &mut both {
        let status = one.wait()?;
        ensure!(status.success(), "the tracee: {status}");
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &pid.to_string()])
        .status()?;
    ensure!(interrupted.success(), "kill: {interrupted}");
    let mut said = String::new();
    errors.read_to_string(&mut said)?;
    let text = reader
        .join()
        .map_err(|_| anyhow::anyhow!("the reader died"))??;
    let text = String::from_utf8_lossy(&text);
    let status = tracer.wait()?;
    ensure!(status.success(), "btrun: {status}\n{said}");
    let (hits, lost) = match format {
        "json" => (json(&text, "map", "@hits")?, lost_in_json(&text)?),
        _ => (number(&text, "@hits: ")?, lost_in_text(&said)?),
    };
    let delivered = text
        .lines()
        .filter(|l| l.contains("of many events"))
        .count() as u64;
    ensure!(hits == 4 * CALLS, "{hits} hits of {}", 4 * CALLS);
    ensure!(
        delivered > 0 && lost > 0,
        "delivered {delivered}, lost {lost}: not what this is about"
    );
    ensure!(
        delivered + lost == hits,
        "{delivered} delivered + {lost} lost is not {hits}"
    );
    Ok(())
}

/// What follows a text at the start of a line, or in it.
fn number(text: &str, before: &str) -> Result<u64> {
    let found = text.lines().find_map(|l| l.split_once(before));
    let (_, rest) = found.with_context(|| format!("`{before}` is nowhere in\n{text:.500}"))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}

/// The total; the reports while it ran, and those by probe, add up to it.
fn lost_in_text(said: &str) -> Result<u64> {
    let total = number(said, "Total lost event count: ")?;
    let reported = sum(said.lines().filter(|l| l.starts_with("Lost ")), "Lost ")?;
    let by_probe = sum(said.lines().filter(|l| l.contains("` lost ")), "` lost ")?;
    ensure!(
        reported == total && by_probe == total,
        "{total}, {reported} and {by_probe} lost\n{said}"
    );
    Ok(total)
}

fn sum<'l>(lines: impl Iterator<Item = &'l str>, before: &str) -> Result<u64> {
    lines.map(|line| number(line, before)).sum()
}

fn json(text: &str, kind: &str, name: &str) -> Result<u64> {
    let line = text
        .lines()
        .find(|l| l.starts_with(&format!("{{\"type\": \"{kind}\"")));
    let value: serde_json::Value = serde_json::from_str(line.context("no such line")?)?;
    value["data"][name].as_u64().context("not a number")
}

fn lost_in_json(text: &str) -> Result<u64> {
    let lines = text.lines().map(serde_json::from_str);
    let lines: Vec<serde_json::Value> = lines.collect::<Result<_, _>>().context("not JSON")?;
    let of = |kind: &'static str| lines.iter().filter(move |l| l["type"] == kind);
    let reported: u64 = of("lost_events")
        .filter_map(|l| l["data"]["events"].as_u64())
        .sum();
    let by_probe = of("lost_events_by_probe")
        .filter_map(|l| l["data"].as_array())
        .flatten();
    let by_probe: u64 = by_probe.filter_map(|p| p["count"].as_u64()).sum();
    ensure!(reported == by_probe, "{reported} and {by_probe} lost");
    Ok(reported)
}
