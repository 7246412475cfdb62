//! Libraries inside of ZIP archives, as Android's loader maps them: `base.apk!/lib/x86_64/libx.so`. Only what is stored as it is can be mapped.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::Failure;

/// Behind the last file of an archive: at most a comment of 64 KiB and the record itself.
const TAIL: u64 = (1 << 16) + 22;

/// The archive and the name in it, if the path is one of a file in an archive.
pub fn split(path: &Path) -> Option<(PathBuf, &str)> {
    let (archive, name) = path.to_str()?.split_once("!/")?;
    let archive = PathBuf::from(archive);
    archive.is_file().then_some((archive, name))
}

/// The file in which the bytes are: the archive, or the path itself.
pub fn outer(path: &Path) -> PathBuf {
    split(path).map_or_else(|| path.to_path_buf(), |(archive, _)| archive)
}

/// A file, or a part of one.
pub struct Window {
    file: File,
    /// Where it begins in the file.
    pub start: u64,
    length: u64,
    at: u64,
}

impl Window {
    pub fn open(path: &Path) -> Result<Window, Failure> {
        let cannot =
            |e: io::Error| Failure::system(&e, format!("cannot read `{}`", path.display()));
        let Some((archive, name)) = split(path) else {
            let file = File::open(path).map_err(cannot)?;
            let length = file.metadata().map_err(cannot)?.len();
            return Ok(Window {
                file,
                start: 0,
                length,
                at: 0,
            });
        };
        let mut file = File::open(&archive).map_err(cannot)?;
        match entry(&mut file, name).map_err(cannot)? {
            Entry::Stored { start, length } => Ok(Window {
                file,
                start,
                length,
                at: 0,
            }),
            Entry::Compressed => Err(Failure::kernel(format!(
                "`{name}` in `{}` is compressed: no process can run it from there",
                archive.display()
            ))),
            Entry::Missing => Err(Failure::kernel(format!(
                "`{}` has no file `{name}`",
                archive.display()
            ))),
        }
    }
}

impl Read for Window {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at).min(to.len() as u64) as usize;
        self.file.seek(SeekFrom::Start(self.start + self.at))?;
        let count = self.file.read(&mut to[..left])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Stored { start: u64, length: u64 },
    Compressed,
    Missing,
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    found.map_or(0, |b| u64::from(u32::from_le_bytes(b)))
}

fn half(bytes: &[u8], at: usize) -> usize {
    let found = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    found.map_or(0, |b| usize::from(u16::from_le_bytes(b)))
}

/// Looks a name up in the directory at the end (APPNOTE.TXT 4.3).
fn entry(file: &mut (impl Read + Seek), wanted: &str) -> io::Result<Entry> {
    let no_archive = || io::Error::from(io::ErrorKind::InvalidData);
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let end = tail
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .ok_or_else(no_archive)?;
    let (length, start) = (word(&tail, end + 12), word(&tail, end + 16));
    if start.saturating_add(length) > size {
        return Err(no_archive());
    }
    file.seek(SeekFrom::Start(start))?;
    let mut directory = Vec::new();
    file.take(length).read_to_end(&mut directory)?;
    let mut rest = &directory[..];
    while rest.starts_with(b"PK\x01\x02") {
        let [name, extra, comment] = [28, 30, 32].map(|at| half(rest, at));
        let next = 46 + name + extra + comment;
        if rest.get(46..46 + name) == Some(wanted.as_bytes()) {
            if half(rest, 10) != 0 {
                return Ok(Entry::Compressed);
            }
            let header = word(rest, 42);
            let mut local = [0; 30];
            file.seek(SeekFrom::Start(header))?;
            file.read_exact(&mut local)?;
            let start = header + 30 + half(&local, 26) as u64 + half(&local, 28) as u64;
            return Ok(Entry::Stored {
                start,
                length: word(rest, 24),
            });
        }
        rest = rest.get(next..).unwrap_or_default();
    }
    Ok(Entry::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// An archive of one file, with `method` of compression.
    fn zip(name: &str, content: &[u8], method: u8) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(30, 0);
        bytes[26] = name.len() as u8;
        bytes[28] = 3;
        bytes.extend(name.as_bytes());
        bytes.extend([0; 3]);
        bytes.extend(content);
        let start = bytes.len() as u32;
        let mut entry = b"PK\x01\x02".to_vec();
        entry.resize(46, 0);
        entry[10] = method;
        entry[24] = content.len() as u8;
        entry[28] = name.len() as u8;
        entry.extend(name.as_bytes());
        bytes.extend(&entry);
        let mut end = b"PK\x05\x06".to_vec();
        end.resize(22, 0);
        end[12] = entry.len() as u8;
        end[16..20].copy_from_slice(&start.to_le_bytes());
        bytes.extend(end);
        bytes
    }

    #[test]
    fn finds_what_is_stored() {
        let find = |bytes: Vec<u8>| entry(&mut Cursor::new(bytes), "lib/x.so").ok();
        let start = 30 + 8 + 3;
        assert_eq!(
            find(zip("lib/x.so", b"content", 0)),
            Some(Entry::Stored { start, length: 7 })
        );
        assert_eq!(
            find(zip("lib/x.so", b"content", 8)),
            Some(Entry::Compressed)
        );
        assert_eq!(find(zip("lib/y.so", b"content", 0)), Some(Entry::Missing));
        assert_eq!(find(b"no archive".to_vec()), None);
        assert_eq!(find(Vec::new()), None);
    }
}
