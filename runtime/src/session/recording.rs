//! Recordings of runs: records and the contents of maps, in the order in which they were reported. Written by a btrun that was built
//! for it (`make records`), and printed again by tests, which need neither root nor a kernel.
//!
//! A line each: `record HEX`, or `entries MAP KEY=VALUE KEY=VALUE ...`, keys and values in hexadecimal.

use std::fmt;

use crate::maps::Entry;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Record(Vec<u8>),
    /// Of the map with this index, when it was printed.
    Entries(usize, Vec<Entry>),
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Record(bytes) => write!(f, "record {}", Hex(bytes)),
            Line::Entries(map, entries) => {
                write!(f, "entries {map}")?;
                let mut entries = entries.iter();
                entries.try_for_each(|e| write!(f, " {}={}", Hex(&e.key), Hex(&e.value)))
            }
        }
    }
}

#[cfg(feature = "record")]
impl Line {
    /// Appends it to the file that the environment names.
    pub fn keep(&self) {
        use std::io::Write;
        let Some(path) = std::env::var_os("BTRUN_RECORD") else {
            return;
        };
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{self}")) {
            crate::say::err(&format!("ERROR: cannot record: {error}\n"));
        }
    }
}

#[cfg(test)]
impl Line {
    pub fn parse(text: &str) -> Option<Line> {
        let mut words = text.split(' ');
        let line = match words.next()? {
            "record" => Line::Record(bytes(words.next()?)?),
            "entries" => {
                let map = words.next()?.parse().ok()?;
                let entry = |word: &str| {
                    let (key, value) = word.split_once('=')?;
                    Some(Entry {
                        key: bytes(key)?,
                        value: bytes(value)?,
                    })
                };
                Line::Entries(map, words.by_ref().map(entry).collect::<Option<_>>()?)
            }
            _ => return None,
        };
        words.next().is_none().then_some(line)
    }
}

#[cfg(test)]
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.map(byte).collect()
}
