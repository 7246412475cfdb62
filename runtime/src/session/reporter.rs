//! Records in, output out: decodes each record as the manifest says, and does what it asks for.

use std::io;
use std::time::{Duration, Instant};

use bt_abi::format::{self, Piece};
use bt_abi::manifest::{Arg, Event, EventKind, Format, Manifest};
use bt_abi::record::{HEADER_SIZE, Header};

use crate::cli::{Buffering, Run};
use crate::error::{Failure, describe};
use crate::load::Loaded;
use crate::maps::{Entry, KernelMap};
use crate::report::{
    self, BenchmarkResult, Output, Sink, TestResult, clock, files, join, printf, text,
};
use crate::say;
use crate::signals;
use crate::symbols::stacks::StackPrinter;
use crate::value::{self, Decoder, Value};

use super::faults::Faults;
use super::losses::Losses;

/// Between two looks at the counters of lost events.
pub const LOST_INTERVAL: Duration = Duration::from_millis(250);

/// As in bpftrace.
const MAX_CAT_BYTES: u64 = 10_240;

pub struct Reporter<'a> {
    manifest: &'a Manifest,
    maps: Vec<KernelMap<'a>>,
    /// The formats of printf events, parsed; empty for others.
    formats: Vec<Vec<Piece>>,
    output: Box<dyn Output>,
    sink: Sink,
    stacks: StackPrinter<'a>,
    buffering: Buffering,
    state: State,
    /// What the script exits with.
    code: Option<i64>,
    losses: Losses<'a>,
    lost_checked: Instant,
    faults: Faults<'a>,
    warnings: bool,
    failure: Option<Failure>,
    no_reader: bool,
    /// What is printed is kept for the judgement of a test: errors so far, and the output that is not used meanwhile.
    capturing: Option<(usize, Box<dyn Output>)>,
}

/// What a test printed, and how it ended.
pub struct Captured {
    pub text: Vec<u8>,
    /// Calls of `errorf`.
    pub errors: usize,
    /// Of `exit`, or 0.
    pub code: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Reports; a signal stops it after a record.
    Tracing,
    /// `exit()` was called: records are dropped.
    Exiting,
    /// Reports all that is left.
    Draining,
}

impl<'a> Reporter<'a> {
    pub fn new(
        run: &Run,
        manifest: &'a Manifest,
        loaded: &'a Loaded,
        sink: Sink,
    ) -> Result<Reporter<'a>, Failure> {
        let maps = manifest
            .maps
            .iter()
            .map(|m| KernelMap::find(loaded, m))
            .collect::<Result<_, _>>()?;
        let pieces = |kind: &EventKind| match kind {
            EventKind::Printf(f)
            | EventKind::Cat(f)
            | EventKind::System(f)
            | EventKind::Errorf(f)
            | EventKind::Warnf(f) => format::parse(&f.format).unwrap_or_default(),
            _ => Vec::new(),
        };
        Ok(Reporter {
            manifest,
            maps,
            formats: manifest.events.iter().map(|e| pieces(&e.kind)).collect(),
            output: report::format(run.format),
            sink,
            stacks: StackPrinter::new(loaded, manifest),
            buffering: run.buffering,
            state: State::Tracing,
            code: None,
            losses: Losses::new(loaded, manifest),
            lost_checked: Instant::now(),
            faults: Faults::new(loaded, &manifest.faults, run.helper_errors),
            warnings: run.warnings,
            failure: None,
            no_reader: false,
            capturing: None,
        })
    }

    /// Handles a record; false if the reading shall stop here.
    pub fn record(&mut self, record: &[u8]) -> bool {
        if self.state != State::Exiting
            && let Err(failure) = self.report(record)
        {
            self.failure.get_or_insert(failure);
        }
        let due = self.sink.is_full() || self.buffering == Buffering::None;
        if due && self.capturing.is_none() {
            self.flush();
        }
        let stopped = self.state == State::Tracing && signals::pending();
        !(stopped || self.no_reader || self.failure.is_some())
    }

    fn report(&mut self, record: &[u8]) -> Result<(), Failure> {
        let manifest = self.manifest;
        let header = Header::read(record).ok_or_else(|| broken("a record without a header"))?;
        let index = header.event as usize;
        let Some(event) = manifest.events.get(index) else {
            return Err(broken(&format!(
                "a record of event {index}, which the manifest lacks"
            )));
        };
        let short = || broken("a record shorter than the manifest promises").at(event.span);
        if record.len() < event.size as usize {
            return Err(short());
        }
        match &event.kind {
            EventKind::Printf(f)
            | EventKind::Cat(f)
            | EventKind::System(f)
            | EventKind::Errorf(f)
            | EventKind::Warnf(f) => {
                let text = self.format(index, f, record).ok_or_else(short)?;
                self.say(event, &text);
            }
            EventKind::Join { separator } => {
                let strings = record.get(HEADER_SIZE as usize..).unwrap_or_default();
                let text = join::join(strings, separator);
                self.output.join(&mut self.sink.buffer, &text);
            }
            EventKind::Print { value } => {
                let value = self.value(value, record).ok_or_else(short)?;
                self.output.value(&mut self.sink.buffer, &value);
            }
            EventKind::PrintMap { map, top, div } => self.print_map(*map as usize, *top, *div)?,
            EventKind::PrintMapEntry { map, key } => {
                let size = key.ty.size() as usize;
                let start = key.offset as usize;
                let bytes = record.get(start..start + size).ok_or_else(short)?;
                self.print_entry(*map as usize, bytes)?;
            }
            EventKind::Clear { map } => self.map(*map as usize)?.clear()?,
            EventKind::Zero { map } => self.map(*map as usize)?.zero()?,
            EventKind::Time { format } => {
                let text = clock::now(format);
                self.output.time(&mut self.sink.buffer, &text);
            }
            EventKind::Exit { code } => {
                let bytes = record.get(*code as usize..).unwrap_or_default();
                let code = value::int(bytes, 8, true).ok_or_else(short)?;
                self.code = Some(code.bits as i64);
                if self.state == State::Tracing {
                    self.state = State::Exiting;
                }
            }
        }
        Ok(())
    }

    fn decoder(&mut self) -> Decoder<'_> {
        Decoder {
            stacks: &mut self.stacks,
            trailer: &self.manifest.config.str_trunc_trailer,
        }
    }

    fn value(&mut self, arg: &Arg, record: &[u8]) -> Option<Value> {
        let bytes = record.get(arg.offset as usize..)?;
        self.decoder().decode(&arg.ty, bytes)
    }

    /// The text of a format and its arguments; `None` if the record is too short.
    fn format(&mut self, index: usize, format: &Format, record: &[u8]) -> Option<Vec<u8>> {
        let mut values = Vec::with_capacity(format.args.len());
        for arg in &format.args {
            values.push(self.value(arg, record)?);
        }
        let mut text = Vec::new();
        printf::format(&mut text, &format.format, &self.formats[index], &values);
        Some(text)
    }

    /// What the text of a format is for.
    fn say(&mut self, event: &Event, text: &[u8]) {
        match &event.kind {
            EventKind::Cat(_) => self.cat(text),
            EventKind::System(_) => self.system(text),
            EventKind::Warnf(_) if !self.warnings => {}
            EventKind::Errorf(_) | EventKind::Warnf(_) => {
                let error = matches!(event.kind, EventKind::Errorf(_));
                let (out, source) = (&mut self.sink.buffer, &self.manifest.source);
                if let Some((errors, _)) = &mut self.capturing {
                    *errors += usize::from(error);
                    let line = text::message(error, text, source, &event.span);
                    out.extend_from_slice(line.as_bytes());
                    return;
                }
                self.output.message(out, error, text, source, &event.span);
            }
            _ => self.output.printf(&mut self.sink.buffer, text),
        }
    }

    fn cat(&mut self, name: &[u8]) {
        let most = self.manifest.config.settings.get("max_cat_bytes");
        let most = most.and_then(|n| n.parse().ok()).unwrap_or(MAX_CAT_BYTES);
        match files::cat(name, most) {
            Ok(text) => self.output.cat(&mut self.sink.buffer, &text),
            Err(e) => warn("cannot read", name, &e),
        }
    }

    /// What was printed before the command goes out first, should the command write to the same place.
    fn system(&mut self, command: &[u8]) {
        self.flush();
        match files::system(command) {
            Ok(text) => self.output.system(&mut self.sink.buffer, &text),
            Err(e) => warn("cannot run", command, &e),
        }
    }

    fn map(&self, index: usize) -> Result<&KernelMap<'a>, Failure> {
        self.maps
            .get(index)
            .ok_or_else(|| broken("a record about a map that the manifest lacks"))
    }

    /// Appends a map; `None` in place of entries that do not fit their types.
    fn print(
        &mut self,
        index: usize,
        entries: Vec<Entry>,
        top: u64,
        div: u64,
    ) -> Result<(), Failure> {
        let map = self.map(index)?.map;
        let report = report::map_report(map, entries, top, div, &mut self.decoder())
            .ok_or_else(|| broken(&format!("an entry of `{}` shorter than its type", map.name)))?;
        self.output.map(&mut self.sink.buffer, &map.name, &report);
        Ok(())
    }

    fn print_map(&mut self, index: usize, top: u64, div: u64) -> Result<(), Failure> {
        let map = self.map(index)?;
        let mut entries = map.entries()?;
        let histogram = matches!(
            map.map.value,
            bt_abi::Type::Hist { .. } | bt_abi::Type::LinearHist { .. }
        );
        if entries.is_empty() && map.map.key.is_none() && !histogram {
            // a map without a key that was never assigned prints as zero
            entries.push(Entry {
                key: Vec::new(),
                value: vec![0; map.map.value.size() as usize],
            });
        }
        self.print(index, entries, top, div)
    }

    fn print_entry(&mut self, index: usize, key: &[u8]) -> Result<(), Failure> {
        let map = self.map(index)?;
        let entry = map.entry(key)?.unwrap_or_else(|| Entry {
            key: key.to_vec(),
            value: vec![0; map.map.value.size() as usize],
        });
        self.print(index, vec![entry], 0, 0)
    }

    /// The maps that are not empty, in the order of their names, as bpftrace prints them.
    fn print_all(&mut self) -> Result<(), Failure> {
        let mut left: Vec<usize> = (0..self.maps.len()).collect();
        while let Some(next) = (0..left.len()).min_by_key(|i| &self.maps[left[*i]].map.name) {
            let index = left.remove(next);
            let entries = self.map(index)?.entries()?;
            if !entries.is_empty() {
                self.print(index, entries, 0, 0)?;
            }
        }
        Ok(())
    }

    /// From now on what is printed is kept.
    pub fn begin_capture(&mut self) {
        self.flush();
        let text = report::format(crate::cli::Format::Text);
        let output = std::mem::replace(&mut self.output, text);
        self.capturing = Some((0, output));
        self.code = None;
    }

    pub fn end_capture(&mut self) -> Captured {
        let mut errors = 0;
        if let Some((count, output)) = self.capturing.take() {
            errors = count;
            self.output = output;
        }
        // a test's exit ends the test
        self.state = State::Tracing;
        Captured {
            text: std::mem::take(&mut self.sink.buffer),
            errors,
            code: self.code.take().unwrap_or(0),
        }
    }

    pub fn test_result(&mut self, result: &TestResult<'_>) {
        self.output.test(&mut self.sink.buffer, result);
    }

    pub fn benchmark_result(&mut self, result: &BenchmarkResult<'_>) {
        self.output.benchmark(&mut self.sink.buffer, result);
    }

    pub fn attached(&mut self, probes: usize) {
        self.output.attached(&mut self.sink.buffer, probes);
    }

    /// Reports events that were lost since the last time. Asked after each batch of records, it looks a few times a second.
    pub fn poll_lost(&mut self) {
        if self.lost_checked.elapsed() >= LOST_INTERVAL {
            self.check_lost();
            self.stacks.update();
        }
    }

    fn check_lost(&mut self) {
        self.lost_checked = Instant::now();
        let lost = self.losses.look();
        if lost > 0 {
            self.output.lost(&mut self.sink.buffer, lost);
        }
        if self.warnings {
            for news in self.faults.look() {
                let out = &mut self.sink.buffer;
                let source = &self.manifest.source;
                self.output
                    .fault(out, news.fault, news.status, news.times, source);
            }
        }
    }

    /// After the last record: losses and maps.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.check_lost();
        if self.losses.total > 0 {
            let losses = self.losses.by_program();
            self.output
                .losses(&mut self.sink.buffer, &losses, &self.manifest.source);
        }
        self.output.end(&mut self.sink.buffer);
        if self.manifest.config.print_maps_on_exit {
            self.print_all()?;
        }
        Ok(())
    }

    /// No more records are at hand.
    pub fn end_of_batch(&mut self) {
        if self.buffering != Buffering::Full {
            self.flush();
        }
    }

    pub fn flush(&mut self) {
        self.stacks.rest();
        match self.sink.flush() {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => self.no_reader = true,
            Err(e) => {
                let failure =
                    Failure::unusable(format!("cannot write the report: {}", describe(&e)));
                self.failure.get_or_insert(failure);
            }
        }
    }

    pub fn failed(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    pub fn no_reader(&self) -> bool {
        self.no_reader
    }

    pub fn exiting(&self) -> bool {
        self.state == State::Exiting
    }

    /// From now on all records are reported, signal or not.
    pub fn drain(&mut self) {
        if self.state != State::Exiting {
            self.state = State::Draining;
        }
    }

    /// The records of `end` are reported again.
    pub fn go_on_after_exit(&mut self) {
        self.state = State::Draining;
    }

    /// The exit status: that of the script's `exit()`, or 0.
    pub fn status(&self) -> u8 {
        self.code.unwrap_or(0) as u8
    }
}

/// A script goes on without a file or a command.
fn warn(what: &str, name: &[u8], error: &io::Error) {
    let name = String::from_utf8_lossy(name);
    say::err(&format!("ERROR: {what} `{name}`: {}\n", describe(error)));
}

/// What only a wrong object, or a mistake of ours, can cause.
fn broken(what: &str) -> Failure {
    Failure::unusable(format!("internal error: {what}"))
        .help("the object does not do what its manifest says; please report this, with the object")
}
