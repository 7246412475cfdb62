//! Records in, output out: decodes each record as the manifest says, and does what it asks for.
//!
//! Knows of the kernel only what [`Tables`] and [`Stacks`] give, so that recorded records can be printed where nothing is traced.

use std::io;

use bt_abi::format::{self, Piece};
use bt_abi::manifest::{Arg, Event, EventKind, Format, Manifest, Map};
use bt_abi::record::{HEADER_SIZE, Header};

use crate::error::{Failure, describe};
use crate::maps::{Entry, Tables};
use crate::report::{self, Output, Sink, clock, files, join, printf, text};
use crate::say;
use crate::value::{self, Decoder, Stacks, Value};

/// As in bpftrace.
const MAX_CAT_BYTES: u64 = 10_240;

pub struct Printer<'a, T, S> {
    manifest: &'a Manifest,
    pub tables: T,
    pub stacks: S,
    /// The formats of printf events, parsed; empty for others.
    formats: Vec<Vec<Piece>>,
    pub output: Box<dyn Output>,
    pub sink: Sink,
    /// The script's `warnf` is printed.
    pub warnings: bool,
    /// What is printed is kept for the judgement of a test: the number of errors so far.
    pub capturing: Option<usize>,
}

/// What a record asks of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    Nothing,
    /// The end, with this status.
    Exit(i64),
    /// The end of the watchpoints at an address.
    Unwatch(u64),
}

impl<'a, T: Tables, S: Stacks> Printer<'a, T, S> {
    pub fn new(
        manifest: &'a Manifest,
        tables: T,
        stacks: S,
        output: Box<dyn Output>,
        sink: Sink,
    ) -> Printer<'a, T, S> {
        let pieces = |kind: &EventKind| match kind {
            EventKind::Printf(f)
            | EventKind::Cat(f)
            | EventKind::System(f)
            | EventKind::Errorf(f)
            | EventKind::Warnf(f) => format::parse(&f.format).unwrap_or_default(),
            _ => Vec::new(),
        };
        Printer {
            manifest,
            tables,
            stacks,
            formats: manifest.events.iter().map(|e| pieces(&e.kind)).collect(),
            output,
            sink,
            warnings: true,
            capturing: None,
        }
    }

    pub fn report(&mut self, record: &[u8]) -> Result<Request, Failure> {
        let manifest = self.manifest;
        #[cfg(feature = "record")]
        super::recording::Line::Record(record.to_vec()).keep();
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
            EventKind::Clear { map } => self.tables.clear(*map as usize)?,
            EventKind::Zero { map } => self.tables.zero(*map as usize)?,
            EventKind::Time { format } => {
                let text = clock::now(format);
                self.output.time(&mut self.sink.buffer, &text);
            }
            EventKind::Packet { .. } => return Err(broken("a packet among the other records")),
            EventKind::Exit { code } => {
                let bytes = record.get(*code as usize..).unwrap_or_default();
                let code = value::int(bytes, 8, true).ok_or_else(short)?;
                return Ok(Request::Exit(code.bits as i64));
            }
            EventKind::Unwatch { address } => {
                let bytes = record.get(*address as usize..).unwrap_or_default();
                let address = value::int(bytes, 8, false).ok_or_else(short)?;
                return Ok(Request::Unwatch(address.bits));
            }
        }
        Ok(Request::Nothing)
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
                if let Some(errors) = &mut self.capturing {
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
        if self.capturing.is_none() {
            // a failure shows itself at the next flush
            let _ = self.sink.flush();
        }
        match files::system(command) {
            Ok(text) => self.output.system(&mut self.sink.buffer, &text),
            Err(e) => warn("cannot run", command, &e),
        }
    }

    fn map(&self, index: usize) -> Result<&'a Map, Failure> {
        let map = self.manifest.maps.get(index);
        map.ok_or_else(|| broken("a record about a map that the manifest lacks"))
    }

    fn entries(&self, index: usize) -> Result<Vec<Entry>, Failure> {
        let entries = self.tables.entries(index)?;
        #[cfg(feature = "record")]
        super::recording::Line::Entries(index, entries.clone()).keep();
        Ok(entries)
    }

    /// Appends a map; `None` in place of entries that do not fit their types.
    fn print(
        &mut self,
        index: usize,
        entries: Vec<Entry>,
        top: u64,
        div: u64,
    ) -> Result<(), Failure> {
        let map = self.map(index)?;
        let report = report::map_report(map, entries, top, div, &mut self.decoder())
            .ok_or_else(|| broken(&format!("an entry of `{}` shorter than its type", map.name)))?;
        self.output.map(&mut self.sink.buffer, &map.name, &report);
        Ok(())
    }

    fn print_map(&mut self, index: usize, top: u64, div: u64) -> Result<(), Failure> {
        let map = self.map(index)?;
        let mut entries = self.entries(index)?;
        let histogram = matches!(
            map.value,
            bt_abi::Type::Hist { .. }
                | bt_abi::Type::LinearHist { .. }
                | bt_abi::Type::TimeSeries(_)
        );
        if entries.is_empty() && map.key.is_none() && !histogram {
            // a map without a key that was never assigned prints as zero
            entries.push(Entry {
                key: Vec::new(),
                value: vec![0; map.value.size() as usize],
            });
        }
        self.print(index, entries, top, div)
    }

    fn print_entry(&mut self, index: usize, key: &[u8]) -> Result<(), Failure> {
        let map = self.map(index)?;
        let found = self.tables.entry(index, key)?;
        #[cfg(feature = "record")]
        super::recording::Line::Entries(index, found.iter().cloned().collect()).keep();
        let entry = found.unwrap_or_else(|| Entry {
            key: key.to_vec(),
            value: vec![0; map.value.size() as usize],
        });
        self.print(index, vec![entry], 0, 0)
    }

    /// The maps that are not empty, in the order of their names, as bpftrace prints them.
    pub fn print_all(&mut self) -> Result<(), Failure> {
        let mut order: Vec<usize> = (0..self.manifest.maps.len()).collect();
        order.sort_by_key(|index| &self.manifest.maps[*index].name);
        for index in order {
            let entries = self.entries(index)?;
            if !entries.is_empty() {
                self.print(index, entries, 0, 0)?;
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests;
