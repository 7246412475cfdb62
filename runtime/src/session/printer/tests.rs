//! Recordings of fixtures/records, printed in all formats and compared with the texts beside them. `BLESS=1` rewrites those.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::*;
use crate::cli::Format as OutputFormat;
use crate::session::recording::Line;
use crate::value::tests::NoStacks;

/// The maps of a recording: what they held each time that they were asked.
struct Recorded(RefCell<VecDeque<Line>>);

impl Recorded {
    fn next(&self, map: usize) -> Vec<Entry> {
        match self.0.borrow_mut().pop_front() {
            Some(Line::Entries(index, entries)) if index == map => entries,
            other => panic!("map {map} is printed, and the recording has {other:?}"),
        }
    }
}

impl Tables for Recorded {
    fn entries(&self, map: usize) -> Result<Vec<Entry>, Failure> {
        Ok(self.next(map))
    }

    fn entry(&self, map: usize, key: &[u8]) -> Result<Option<Entry>, Failure> {
        Ok(self.next(map).into_iter().find(|e| e.key == key))
    }

    fn clear(&self, _: usize) -> Result<(), Failure> {
        Ok(())
    }

    fn zero(&self, _: usize) -> Result<(), Failure> {
        Ok(())
    }
}

/// Bytes that can be looked at.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn print(manifest: &Manifest, lines: &[Line], format: OutputFormat) -> Vec<u8> {
    let is_record = |line: &&Line| matches!(line, Line::Record(_));
    let entries = lines.iter().filter(|l| !is_record(l)).cloned().collect();
    let out = Shared::default();
    let tables = Recorded(RefCell::new(entries));
    let sink = Sink::new(Box::new(out.clone()));
    let mut printer = Printer::new(manifest, tables, NoStacks, report::format(format), sink);
    for line in lines {
        if let Line::Record(record) = line {
            printer
                .report(record)
                .unwrap_or_else(|e| panic!("{}", e.message));
        }
    }
    printer.output.end(&mut printer.sink.buffer);
    if manifest.config.print_maps_on_exit {
        printer
            .print_all()
            .unwrap_or_else(|e| panic!("{}", e.message));
    }
    printer.sink.flush().expect("memory");
    let left = printer.tables.0.into_inner();
    assert!(left.is_empty(), "not printed: {left:?}");
    out.0.take()
}

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/records");
    let files = fs::read_dir(folder).expect("fixtures/records").flatten();
    let files = files.map(|f| f.path());
    let mut files: Vec<_> = files
        .filter(|f| f.extension().is_some_and(|e| e == "records"))
        .collect();
    files.sort();
    files
}

fn compare(path: &Path, printed: &[u8]) {
    if std::env::var_os("BLESS").is_some() {
        return fs::write(path, printed).expect("a file of the fixtures");
    }
    let expected = fs::read(path).unwrap_or_default();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        text(printed),
        text(&expected),
        "{} (`make records` and BLESS=1 rewrite it)",
        path.display()
    );
}

#[test]
fn recordings_print_as_they_did() {
    let all = recordings();
    assert!(!all.is_empty());
    for path in all {
        let json = fs::read(path.with_extension("json")).expect("the manifest beside it");
        let manifest = Manifest::from_json(&json).expect("a manifest");
        let text = fs::read_to_string(&path).expect("a recording");
        let lines = text
            .lines()
            .map(|l| Line::parse(l).expect("a line of a recording"));
        let lines: Vec<Line> = lines.collect();
        compare(
            &path.with_extension("txt"),
            &print(&manifest, &lines, OutputFormat::Text),
        );
        let json = print(&manifest, &lines, OutputFormat::Json);
        for line in String::from_utf8(json.clone()).expect("UTF-8").lines() {
            let _: serde_json::Value = serde_json::from_str(line).expect("JSON");
        }
        compare(&path.with_extension("jsonl"), &json);
    }
}

#[test]
fn lines_of_recordings_are_read_as_they_are_written() {
    let entry = |key: &[u8], value: &[u8]| Entry {
        key: key.into(),
        value: value.into(),
    };
    for line in [
        Line::Record(vec![0, 1, 0xfe]),
        Line::Entries(3, Vec::new()),
        Line::Entries(0, vec![entry(b"", b"\x01"), entry(b"ab", b"")]),
    ] {
        assert_eq!(Line::parse(&line.to_string()), Some(line));
    }
    assert_eq!(Line::parse("record 0g"), None);
    assert_eq!(Line::parse("entries x"), None);
}

/// A record that ends too early, or names what is not there, is an error and no panic.
#[test]
fn broken_records_are_refused() {
    for path in recordings() {
        let json = fs::read(path.with_extension("json")).expect("the manifest beside it");
        let manifest = Manifest::from_json(&json).expect("a manifest");
        let text = fs::read_to_string(&path).expect("a recording");
        for line in text.lines().filter_map(Line::parse) {
            let Line::Record(record) = line else {
                continue;
            };
            let tables = Recorded(RefCell::default());
            let sink = Sink::new(Box::new(Shared::default()));
            let output = report::format(OutputFormat::Json);
            let mut printer = Printer::new(&manifest, tables, NoStacks, output, sink);
            let event = Header::read(&record).expect("a header").event;
            let size = manifest.events[event as usize].size as usize;
            for length in 0..size {
                assert!(printer.report(&record[..length]).is_err(), "{length} bytes");
            }
            let mut other = record.clone();
            other[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
            assert!(printer.report(&other).is_err());
        }
    }
}
