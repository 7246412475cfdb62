//! The text format, as bpftrace 0.26 prints it.

use std::path::Path;

use bt_abi::manifest::{Fault, Program, Source, Span};

use super::fault::{excerpt, helper, words};
use super::histogram::Histogram;
use super::message::place;
use super::{BenchmarkResult, Content, How, MapReport, Output, TestResult, series, trial};
use crate::say;
use crate::value::Value;

pub struct Text;

impl Output for Text {
    fn attached(&self, _: &mut Vec<u8>, probes: usize, _: &[How]) {
        let s = if probes == 1 { "" } else { "s" };
        say::err(&format!("Attached {probes} probe{s}\n"));
    }

    fn pinned(&self, out: &mut Vec<u8>, path: &Path) {
        out.extend_from_slice(format!("Program pinned to {}\n", path.display()).as_bytes());
    }

    fn printf(&self, out: &mut Vec<u8>, text: &[u8]) {
        out.extend_from_slice(text);
    }

    fn value(&self, out: &mut Vec<u8>, value: &Value) {
        render(out, value);
        out.push(b'\n');
    }

    fn map(&self, out: &mut Vec<u8>, name: &str, report: &MapReport) {
        match report {
            MapReport::Single(Content::Value(value) | Content::Statistics(value)) => {
                out.extend_from_slice(format!("{name}: ").as_bytes());
                self.value(out, value);
            }
            MapReport::Single(Content::Histogram(histogram)) => {
                out.extend_from_slice(format!("{name}:\n").as_bytes());
                draw(out, histogram);
                out.push(b'\n');
            }
            MapReport::Single(Content::Series(series)) => {
                out.extend_from_slice(format!("{name}:\n").as_bytes());
                series::draw(out, series);
                out.push(b'\n');
            }
            MapReport::Keyed(entries) => {
                for (key, content) in entries {
                    out.extend_from_slice(format!("{name}[").as_bytes());
                    out.extend_from_slice(&key_text(key));
                    match content {
                        Content::Value(value) | Content::Statistics(value) => {
                            out.extend_from_slice(b"]: ");
                            self.value(out, value);
                        }
                        Content::Series(series) => {
                            out.extend_from_slice(b"]:\n");
                            series::draw(out, series);
                            out.push(b'\n');
                        }
                        Content::Histogram(histogram) => {
                            out.extend_from_slice(b"]:\n");
                            draw(out, histogram);
                            out.push(b'\n');
                        }
                    }
                }
            }
        }
    }

    fn time(&self, out: &mut Vec<u8>, text: &[u8]) {
        out.extend_from_slice(text);
    }

    fn cat(&self, out: &mut Vec<u8>, text: &[u8]) {
        out.extend_from_slice(text);
    }

    fn join(&self, out: &mut Vec<u8>, text: &[u8]) {
        out.extend_from_slice(text);
        out.push(b'\n');
    }

    fn system(&self, out: &mut Vec<u8>, text: &[u8]) {
        self.join(out, text);
    }

    fn message(&self, _: &mut Vec<u8>, error: bool, text: &[u8], source: &Source, span: &Span) {
        say::err(&message(error, text, source, span));
    }

    fn test(&self, out: &mut Vec<u8>, result: &TestResult<'_>) {
        trial::test(out, result, trial::wants_colour());
    }

    fn benchmark(&self, out: &mut Vec<u8>, result: &BenchmarkResult<'_>) {
        trial::benchmark(out, result);
    }

    fn lost(&self, _: &mut Vec<u8>, events: u64) {
        say::err(&format!("Lost {events} events\n"));
    }

    fn losses(&self, _: &mut Vec<u8>, losses: &[(&Program, u64)], source: &Source) {
        let total: u64 = losses.iter().map(|(_, lost)| lost).sum();
        say::err(&format!("WARNING: Total lost event count: {total}\n"));
        for (program, lost) in losses {
            let place = place(source, &program.span);
            say::err(&format!("{place}: `{}` lost {lost}\n", program.probe));
        }
        say::err(
            "help: the buffer was full: report less, or raise `perf_rb_pages` in the script's config block\n",
        );
    }

    fn fault(&self, _: &mut Vec<u8>, fault: &Fault, status: i64, times: u64, source: &Source) {
        let (place, what) = (place(source, &fault.span), words(&fault.kind, status));
        let mut text = format!("{place}: WARNING: {what}");
        if times > 1 {
            text.push_str(&format!(" ({times} times)"));
        }
        if let Some(helper) = helper(&fault.kind) {
            text.push_str(&format!(
                "\nAdditional Info - helper: {helper}, retcode: {status}"
            ));
        }
        text.push('\n');
        text.push_str(&excerpt(source, &fault.span));
        say::err(&text);
    }

    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n\n");
    }
}

/// The line of `errorf`, or else `warnf`.
pub fn message(error: bool, text: &[u8], source: &Source, span: &Span) -> String {
    let level = if error { "ERROR" } else { "WARNING" };
    let text = String::from_utf8_lossy(text);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let place = place(source, span);
    format!("{place}: {level}: {text}\n")
}

/// A key between brackets: a tuple without its parentheses. (What looks like a tuple loses them too, as in bpftrace.)
pub fn key_text(key: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    render(&mut text, key);
    match text.as_slice() {
        [b'(', inner @ .., b')'] => inner.to_vec(),
        _ => text,
    }
}

/// A value as `print` and `%s` show it.
pub fn render(out: &mut Vec<u8>, value: &Value) {
    let mut list =
        |open: &str, between: &str, close: &str, values: &mut dyn Iterator<Item = &Value>| {
            out.extend_from_slice(open.as_bytes());
            for (i, value) in values.enumerate() {
                if i > 0 {
                    out.extend_from_slice(between.as_bytes());
                }
                render(out, value);
            }
            out.extend_from_slice(close.as_bytes());
        };
    match value {
        Value::Int(int) => out.extend_from_slice(int.value().to_string().as_bytes()),
        Value::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Text(text) => out.extend_from_slice(text),
        Value::Buffer(bytes) => out.extend_from_slice(&super::printf::hex(bytes, b'r')),
        Value::Symbolic { text, .. } => out.extend_from_slice(text.as_bytes()),
        Value::Array(values) => list("[", ",", "]", &mut values.iter()),
        Value::Tuple(values) => list("(", ", ", ")", &mut values.iter()),
        Value::Record(fields) if fields.is_empty() => out.extend_from_slice(b"{}"),
        Value::Record(fields) => {
            let mut open = "{ .";
            for (name, value) in fields {
                out.extend_from_slice(open.as_bytes());
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b" = ");
                render(out, value);
                open = ", .";
            }
            out.extend_from_slice(b" }");
        }
    }
}

/// Columns of the bar, and of the label before it.
const BAR: usize = 52;
const LABEL: usize = 16;

fn draw(out: &mut Vec<u8>, histogram: &Histogram) {
    let most = histogram.counts().max().unwrap_or(0);
    for bucket in &histogram.buckets {
        let label = match (&bucket.low, &bucket.high) {
            (None, Some(high)) => format!("(..., {})", high.text),
            (Some(low), None) => format!("[{}, ...)", low.text),
            (Some(low), Some(high))
                if low.plain && high.plain && low.value.wrapping_add(1) == high.value =>
            {
                format!("[{}]", low.text)
            }
            (Some(low), Some(high)) => format!("[{}, {})", low.text, high.text),
            (None, None) => "(..., ...)".into(),
        };
        // in single precision, as bpftrace computes it: the lengths must agree
        let length = match most {
            0 => 0,
            most => (bucket.count as f32 / most as f32 * BAR as f32) as usize,
        };
        let line = format!(
            "{label:<LABEL$}{:>8} |{:<BAR$}|\n",
            bucket.count,
            "@".repeat(length)
        );
        out.extend_from_slice(line.as_bytes());
    }
}
