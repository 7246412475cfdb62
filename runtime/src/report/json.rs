//! JSON, one line a message, with the types and spellings of bpftrace's `-f json`.

use std::path::Path;

use bt_abi::manifest::{Fault, Program, Source, Span};

use super::fault::{helper, words};
use super::histogram::{Bound, Histogram};
use super::text::{key_text, render};
use super::{BenchmarkResult, Content, How, MapReport, Output, TestResult};
use crate::value::{Int, Value};

pub struct Json;

/// `{"probe": "fentry:vfs_read", "by": "kprobe", "places": 1}`
fn attached_by(how: &How) -> String {
    let probe = string(how.probe.as_bytes());
    let mut text = format!(
        r#"{{"probe": {probe}, "by": "{}", "places": {}"#,
        how.means, how.places
    );
    if !how.refused.is_empty() {
        let refused = how.refused.iter();
        let refused =
            refused.map(|(means, why)| format!(r#""{means}": {}"#, string(why.as_bytes())));
        let refused: Vec<String> = refused.collect();
        text.push_str(&format!(r#", "refused": {{{}}}"#, refused.join(", ")));
    }
    text.push('}');
    text
}

impl Output for Json {
    fn attached(&self, out: &mut Vec<u8>, probes: usize, how: &[How]) {
        let mut chosen = String::new();
        if !how.is_empty() {
            let all: Vec<String> = how.iter().map(attached_by).collect();
            chosen = format!(r#", "how": [{}]"#, all.join(", "));
        }
        let line = format!(
            r#"{{"type": "attached_probes", "count": {probes}, "data": {{"probes": {probes}{chosen}}}}}"#
        );
        push_line(out, &line);
    }

    fn pinned(&self, out: &mut Vec<u8>, path: &Path) {
        let path = path.as_os_str().as_encoded_bytes();
        message(out, "pinned", &string(path));
    }

    fn printf(&self, out: &mut Vec<u8>, text: &[u8]) {
        message(out, "printf", &string(text));
    }

    fn value(&self, out: &mut Vec<u8>, value: &Value) {
        message(out, "value", &json(value));
    }

    fn map(&self, out: &mut Vec<u8>, name: &str, report: &MapReport) {
        let kind = |c: &Content| match c {
            Content::Histogram(_) => "hist",
            Content::Series(_) => "tseries",
            Content::Statistics(_) => "stats",
            Content::Value(_) => "map",
        };
        let (kind, data) = match report {
            MapReport::Single(one) => (kind(one), content(one)),
            MapReport::Keyed(entries) => {
                let Some((_, first)) = entries.first() else {
                    return;
                };
                let entry = |(key, value): &(Value, Content)| {
                    let mut key = key_text(key);
                    key.retain(|b| *b != b' ');
                    format!("{}: {}", string(&key), content(value))
                };
                let all: Vec<String> = entries.iter().map(entry).collect();
                (kind(first), format!("{{{}}}", all.join(", ")))
            }
        };
        let data = format!("{{{}: {data}}}", string(name.as_bytes()));
        message(out, kind, &data);
    }

    fn time(&self, out: &mut Vec<u8>, text: &[u8]) {
        message(out, "time", &string(text));
    }

    fn cat(&self, out: &mut Vec<u8>, text: &[u8]) {
        message(out, "cat", &string(text));
    }

    fn join(&self, out: &mut Vec<u8>, text: &[u8]) {
        message(out, "join", &string(text));
    }

    fn system(&self, out: &mut Vec<u8>, text: &[u8]) {
        message(out, "syscall", &string(text));
    }

    fn message(&self, out: &mut Vec<u8>, error: bool, text: &[u8], source: &Source, span: &Span) {
        let kind = if error { "errorf" } else { "warnf" };
        let line = format!(
            r#"{{"type": "{kind}", "msg": {}, "filename": {}, "line": {}, "col": {}}}"#,
            string(text),
            string(source.name.as_bytes()),
            span.line,
            span.column
        );
        push_line(out, &line);
    }

    fn test(&self, out: &mut Vec<u8>, result: &TestResult<'_>) {
        let data = format!(
            r#"{{{}: {{"duration": {}, "passed": {}, "output": {}}}}}"#,
            string(result.name.as_bytes()),
            result.duration.as_nanos(),
            result.passed,
            string(result.output)
        );
        message(out, "test_result", &data);
    }

    fn benchmark(&self, out: &mut Vec<u8>, result: &BenchmarkResult<'_>) {
        let data = format!(
            r#"{{{}: {{"average": {}, "iters": {}}}}}"#,
            string(result.name.as_bytes()),
            result.average.as_nanos(),
            result.repeat
        );
        message(out, "benchmark_result", &data);
    }

    fn lost(&self, out: &mut Vec<u8>, events: u64) {
        let line = format!(
            r#"{{"type": "lost_events", "count": {events}, "data": {{"events": {events}}}}}"#
        );
        push_line(out, &line);
    }

    fn losses(&self, out: &mut Vec<u8>, losses: &[(&Program, u64)], _: &Source) {
        let one = |(program, lost): &(&Program, u64)| {
            format!(
                r#"{{"probe": {}, "line": {}, "count": {lost}}}"#,
                string(program.probe.as_bytes()),
                program.span.line
            )
        };
        let all: Vec<String> = losses.iter().map(one).collect();
        message(out, "lost_events_by_probe", &format!("[{}]", all.join(",")));
    }

    fn fault(&self, out: &mut Vec<u8>, fault: &Fault, status: i64, times: u64, source: &Source) {
        let msg = string(words(&fault.kind, status).as_bytes());
        let (kind, helper) = match helper(&fault.kind) {
            Some(helper) => (
                "helper_error",
                format!(r#", "helper": "{helper}", "retcode": {status}"#),
            ),
            None => ("runtime_error", String::new()),
        };
        let line = format!(
            r#"{{"type": "{kind}", "msg": {msg}{helper}, "filename": {}, "line": {}, "col": {}, "count": {times}}}"#,
            string(source.name.as_bytes()),
            fault.span.line,
            fault.span.column
        );
        push_line(out, &line);
    }

    fn end(&self, _: &mut Vec<u8>) {}
}

fn message(out: &mut Vec<u8>, kind: &str, data: &str) {
    push_line(out, &format!(r#"{{"type": "{kind}", "data": {data}}}"#));
}

fn push_line(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

fn content(content: &Content) -> String {
    match content {
        Content::Value(value) | Content::Statistics(value) => json(value),
        Content::Histogram(histogram) => buckets(histogram),
        Content::Series(series) => super::series::json(series, integer),
    }
}

/// Bounds are inclusive on both sides here.
fn buckets(histogram: &Histogram) -> String {
    let bound = |bound: &Bound| integer(Int::signed(bound.value));
    let one = |b: &super::histogram::Bucket| {
        let mut text = String::from("{");
        if let Some(low) = &b.low {
            text += &format!("\"min\": {}, ", bound(low));
        }
        if let Some(high) = &b.high {
            text += &format!(
                "\"max\": {}, ",
                integer(Int::signed(high.value.wrapping_sub(1)))
            );
        }
        text + &format!("\"count\": {}}}", b.count)
    };
    let all: Vec<String> = histogram.buckets.iter().map(one).collect();
    format!("[{}]", all.join(","))
}

fn json(value: &Value) -> String {
    let list = |values: &[Value]| {
        let all: Vec<String> = values.iter().map(json).collect();
        format!("[{}]", all.join(","))
    };
    match value {
        Value::Int(int) => integer(*int),
        Value::Bool(value) => value.to_string(),
        Value::Symbolic { number, .. } => integer(Int::unsigned(*number)),
        Value::Array(values) | Value::Tuple(values) => list(values),
        Value::Record(fields) => {
            let field = |(name, value): &(String, Value)| {
                format!("{}: {}", string(name.as_bytes()), json(value))
            };
            let all: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", all.join(", "))
        }
        Value::Text(_) | Value::Buffer(_) => {
            let mut text = Vec::new();
            render(&mut text, value);
            string(&text)
        }
    }
}

/// A number that a double cannot hold becomes a string.
fn integer(int: Int) -> String {
    let value = int.value();
    match value as f64 as i128 == value {
        true => value.to_string(),
        false => format!("\"{value}\""),
    }
}

/// JSON must be UTF-8; other bytes become U+FFFD.
fn string(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
