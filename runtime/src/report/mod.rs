//! What is printed: the shapes that every output format knows, and the formats, one file each.

pub mod address;
pub mod clock;
pub mod fault;
pub mod files;
pub mod gfp;
pub mod histogram;
pub mod join;
pub mod json;
pub mod message;
pub mod names;
pub mod order;
pub mod pcap;
pub mod printf;
pub mod series;
pub mod text;
mod trial;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use bt_abi::manifest::{Fault, Map, Program, Source, Span};
use bt_abi::types::Type;

use crate::cli::Format;
use crate::maps::Entry;
use crate::value::{self, Decoder, Value};
use histogram::Histogram;
use series::TimeSeries;

/// What a map holds for a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Value(Value),
    /// An average, alone or with count and total.
    Statistics(Value),
    Histogram(Histogram),
    Series(TimeSeries),
}

/// A map as it is printed.
#[derive(Debug, Clone, PartialEq)]
pub enum MapReport {
    Single(Content),
    Keyed(Vec<(Value, Content)>),
}

/// How a test ended.
pub struct TestResult<'a> {
    pub name: &'a str,
    pub passed: bool,
    pub duration: Duration,
    /// What it printed.
    pub output: &'a [u8],
    pub first: bool,
    /// Of all tests.
    pub count: usize,
    /// After the last one: the names of those that failed.
    pub summary: Option<&'a [String]>,
}

/// How long a benchmark takes.
pub struct BenchmarkResult<'a> {
    pub name: &'a str,
    /// Of one run.
    pub average: Duration,
    pub repeat: u32,
    pub first: bool,
    /// Bytes of the longest name.
    pub longest: usize,
}

/// How a probe was attached.
#[derive(Debug)]
pub struct How {
    pub probe: String,
    /// `fentry`, `kprobe`, `kprobe_multi`
    pub means: &'static str,
    pub places: usize,
    /// What was tried before, and why it was not taken.
    pub refused: Vec<(&'static str, String)>,
}

/// An output format. Everything is appended to `out`; nothing is written yet.
pub trait Output {
    /// `how`: by which means, where there was a choice.
    fn attached(&self, out: &mut Vec<u8>, probes: usize, how: &[How]);
    /// An iterator lies there now.
    fn pinned(&self, out: &mut Vec<u8>, path: &Path);
    fn printf(&self, out: &mut Vec<u8>, text: &[u8]);
    fn value(&self, out: &mut Vec<u8>, value: &Value);
    fn map(&self, out: &mut Vec<u8>, name: &str, report: &MapReport);
    fn time(&self, out: &mut Vec<u8>, text: &[u8]);
    fn cat(&self, out: &mut Vec<u8>, text: &[u8]);
    fn join(&self, out: &mut Vec<u8>, text: &[u8]);
    /// What a command printed.
    fn system(&self, out: &mut Vec<u8>, text: &[u8]);
    /// `errorf`, or else `warnf`.
    fn message(&self, out: &mut Vec<u8>, error: bool, text: &[u8], source: &Source, span: &Span);
    fn lost(&self, out: &mut Vec<u8>, events: u64);
    /// At the end, all that were lost, by the program that sent them.
    fn losses(&self, out: &mut Vec<u8>, losses: &[(&Program, u64)], source: &Source);
    /// Something went wrong in a program, so many times.
    fn fault(&self, out: &mut Vec<u8>, fault: &Fault, status: i64, times: u64, source: &Source);
    fn test(&self, out: &mut Vec<u8>, result: &TestResult<'_>);
    fn benchmark(&self, out: &mut Vec<u8>, result: &BenchmarkResult<'_>);
    /// Between the last event and the maps.
    fn end(&self, out: &mut Vec<u8>);
}

pub fn format(format: Format) -> Box<dyn Output> {
    match format {
        Format::Text => Box::new(text::Text),
        Format::Json => Box::new(json::Json),
    }
}

/// Decodes and sorts the entries of a map. `top`: only the last so many; `div`: values are divided by it; 0 for neither.
/// `None` if an entry is shorter than its type.
pub fn map_report(
    map: &Map,
    mut entries: Vec<Entry>,
    top: u64,
    div: u64,
    decoder: &mut Decoder<'_>,
) -> Option<MapReport> {
    order::sort(map, &mut entries);
    if top > 0 && entries.len() as u64 > top {
        entries.drain(..entries.len() - top as usize);
    }
    // All series of a map end with the newest interval of any.
    let last = match &map.value {
        Type::TimeSeries(series) => {
            let last = entries.iter().map(|e| series::last_epoch(series, &e.value));
            last.max().unwrap_or(0)
        }
        _ => 0,
    };
    let content = |bytes: &[u8], decoder: &mut Decoder<'_>| match &map.value {
        Type::TimeSeries(series) => Some(Content::Series(series::points(series, bytes, last))),
        ty => content(ty, bytes, div, decoder),
    };
    let Some(key) = &map.key else {
        return match entries.first() {
            Some(entry) => Some(MapReport::Single(content(&entry.value, decoder)?)),
            None => Some(MapReport::Keyed(Vec::new())),
        };
    };
    let mut report = Vec::with_capacity(entries.len());
    for entry in entries {
        report.push((
            decoder.decode(key, &entry.key)?,
            content(&entry.value, decoder)?,
        ));
    }
    Some(MapReport::Keyed(report))
}

fn content(ty: &Type, bytes: &[u8], div: u64, decoder: &mut Decoder<'_>) -> Option<Content> {
    let div = div.max(1);
    let counts = || -> Vec<u64> {
        bytes
            .chunks_exact(8)
            .map(|w| crate::value::int(w, 8, false).map_or(0, |i| i.bits))
            .collect()
    };
    Some(match ty {
        Type::Hist { bits } => Content::Histogram(histogram::logarithmic(&counts(), *bits, div)),
        Type::LinearHist { min, max, step } => {
            Content::Histogram(histogram::linear(&counts(), *min, *max, *step))
        }
        Type::Avg(_) | Type::Stats(_) => {
            Content::Statistics(scaled(decoder.decode(ty, bytes)?, div, true))
        }
        _ => Content::Value(scaled(decoder.decode(ty, bytes)?, div, false)),
    })
}

/// An integer divided; of statistics, the average.
fn scaled(value: Value, div: u64, statistics: bool) -> Value {
    match value {
        Value::Int(int) => Value::Int(value::divided(int, div)),
        Value::Record(mut fields) if statistics => {
            if let Some((_, Value::Int(average))) = fields.get_mut(1) {
                *average = value::divided(*average, div);
            }
            Value::Record(fields)
        }
        other => other,
    }
}

/// Collects output, and writes it when told: once for all the records that are at hand.
pub struct Sink {
    out: Box<dyn Write>,
    pub buffer: Vec<u8>,
}

/// More than this does not wait for the flush.
const FULL: usize = 64 << 10;

impl Sink {
    pub fn new(out: Box<dyn Write>) -> Sink {
        Sink {
            out,
            buffer: Vec::new(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.buffer.len() >= FULL
    }

    pub fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            let written = self.out.write_all(&self.buffer);
            self.buffer.clear();
            written?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
