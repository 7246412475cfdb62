//! The object file: an ELF of the BPF machine with a manifest. Everything that can be wrong with a file is found here, by name,
//! before libbpf sees it.

mod pretty;
mod validate;

use std::ops::Range;
use std::path::Path;

use bt_abi::Manifest;
use bt_abi::names::{MANIFEST_SECTION, SLOTS_SECTION};
use object::elf;

use crate::error::{Failure, describe};

/// An object whose manifest has been read and agrees with itself and the file.
pub struct ObjectFile {
    /// As the user named it, for messages.
    pub name: String,
    pub bytes: Vec<u8>,
    pub manifest: Manifest,
    /// The manifest as it stands in the file.
    json: Vec<u8>,
    pub btf: Vec<u8>,
    /// `.BTF.ext`; empty if the programs need no relocation.
    pub btf_ext: Vec<u8>,
}

const REBUILD: &str = "compile the script again with `btc`, or copy the object again";

impl ObjectFile {
    pub fn read(path: &Path) -> Result<ObjectFile, Failure> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|e| Failure::unusable(format!("cannot read `{name}`: {}", describe(&e))))?;
        ObjectFile::parse(name, bytes)
    }

    pub fn parse(name: String, bytes: Vec<u8>) -> Result<ObjectFile, Failure> {
        let sections = Sections::of(&name, &bytes)?;
        let Some(json) = sections.find(MANIFEST_SECTION) else {
            return Err(Failure::unusable(format!(
                "`{name}` is a BPF object, but has no manifest"
            ))
            .help("btrun runs objects made by `btc`; for others use bpftool or their own loader"));
        };
        let manifest = Manifest::from_json(json).map_err(|e| {
            use bt_abi::manifest::ManifestError::{Malformed, Newer, Unknown};
            let failure = Failure::unusable(format!("`{name}` cannot be used: {e}"));
            match e {
                Malformed(_) => failure.help(REBUILD),
                Newer(_) | Unknown(_) => failure.help("use a newer btrun"),
            }
        })?;
        let machine = machine();
        if manifest.arch != machine {
            return Err(Failure::unusable(format!(
                "`{name}` was compiled for {}, this machine is {machine}",
                manifest.arch
            ))
            .help("compile the script for this architecture"));
        }
        let slots = sections.find(SLOTS_SECTION).map_or(0, <[u8]>::len);
        validate::check(&manifest, slots).map_err(|what| {
            Failure::unusable(format!(
                "`{name}` is damaged: its manifest does not agree with itself: {what}"
            ))
            .help(REBUILD)
        })?;
        Ok(ObjectFile {
            btf: sections.find(".BTF").unwrap_or_default().to_vec(),
            btf_ext: sections.find(".BTF.ext").unwrap_or_default().to_vec(),
            json: json.to_vec(),
            name,
            bytes,
            manifest,
        })
    }

    /// Prints the manifest as it is, with fields that only newer readers know; for `btrun inspect`.
    pub fn inspect(&self) -> Result<u8, Failure> {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        match out
            .write_all(&pretty::indent(&self.json))
            .and_then(|()| out.flush())
        {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::unusable(
                format!("cannot write the manifest: {}", describe(&e)),
            )),
            _ => Ok(0),
        }
    }
}

/// The sections of a BPF object, by name.
struct Sections<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Sections<'a> {
    fn of(name: &str, bytes: &'a [u8]) -> Result<Sections<'a>, Failure> {
        let table = check_header(name, bytes)?;
        let all = || {
            let headers: Vec<Header> = table
                .map(|at| Header::read(bytes, at))
                .collect::<Option<_>>()?;
            let names = headers.get(word(bytes, 62, 2)? as usize)?;
            let names = names.data(bytes)?;
            let section = |h: &Header| {
                let name = names.get(h.name..)?;
                let end = name.iter().position(|b| *b == 0)?;
                Some((&name[..end], h.data(bytes)?))
            };
            headers.iter().map(section).collect()
        };
        match all() {
            Some(sections) => Ok(Sections(sections)),
            None => Err(Failure::unusable(format!(
                "`{name}` is damaged: its ELF structure is broken"
            ))
            .help(REBUILD)),
        }
    }

    fn find(&self, name: &str) -> Option<&'a [u8]> {
        let (_, data) = self.0.iter().find(|(n, _)| *n == name.as_bytes())?;
        Some(data)
    }
}

/// A section, and where in the file it is.
pub struct Section<'a> {
    pub name: &'a [u8],
    pub kind: u32,
    pub flags: u64,
    pub link: u32,
    pub info: u32,
    /// Of the header.
    pub header: usize,
    /// Of the content.
    pub range: Range<usize>,
}

/// All sections of an object whose header was checked, by their index.
pub fn sections(bytes: &[u8]) -> Option<Vec<Section<'_>>> {
    let (table, entry, count) = (
        word(bytes, 40, 8)? as usize,
        word(bytes, 58, 2)? as usize,
        word(bytes, 60, 2)? as usize,
    );
    let at = |index: usize| table + index * entry;
    let names = Header::read(bytes, at(word(bytes, 62, 2)? as usize))?.data(bytes)?;
    let section = |index: usize| {
        let header = Header::read(bytes, at(index))?;
        let name = names.get(header.name..)?;
        let end = name.iter().position(|b| *b == 0)?;
        let start = header.offset as usize;
        Some(Section {
            name: &name[..end],
            kind: header.kind,
            flags: word(bytes, at(index) + 8, 8)?,
            link: word(bytes, at(index) + 40, 4)? as u32,
            info: word(bytes, at(index) + 44, 4)? as u32,
            header: at(index),
            range: start..start.checked_add(header.size as usize)?,
        })
    };
    (0..count).map(section).collect()
}

/// A section header, as far as it matters.
struct Header {
    name: usize,
    kind: u32,
    offset: u64,
    size: u64,
}

impl Header {
    fn read(bytes: &[u8], at: usize) -> Option<Header> {
        Some(Header {
            name: word(bytes, at, 4)? as usize,
            kind: word(bytes, at + 4, 4)? as u32,
            offset: word(bytes, at + 24, 8)?,
            size: word(bytes, at + 32, 8)?,
        })
    }

    /// The section's bytes; none for those that take no place in the file.
    fn data<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if self.kind == elf::SHT_NOBITS.0 {
            return Some(&[]);
        }
        let end = self.offset.checked_add(self.size)?;
        bytes.get(self.offset as usize..end as usize)
    }
}

/// A little-endian number of so many bytes.
pub fn word(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
}

/// Is it an ELF, whole, 64-bit, little-endian, for BPF? One message for each "no". Gives where the section headers are.
fn check_header(name: &str, bytes: &[u8]) -> Result<impl Iterator<Item = usize>, Failure> {
    let unusable = |what: String| Err(Failure::unusable(format!("`{name}` {what}")));
    let truncated = || {
        Err(
            Failure::unusable(format!("`{name}` is truncated: the file ends too early"))
                .help(REBUILD),
        )
    };
    if bytes.is_empty() {
        return unusable("is empty".into());
    }
    if !bytes.starts_with(b"\x7fELF") {
        if b"\x7fELF".starts_with(bytes) {
            return truncated();
        }
        let failure = Failure::unusable(format!("`{name}` is not a BPF object (not an ELF file)"));
        return Err(match name.ends_with(".bt") {
            true => failure.help(format!(
                "this looks like a script: `btc {name} -o OBJECT` compiles it"
            )),
            false => failure,
        });
    }
    if bytes.len() < 64 {
        return truncated();
    }
    let number = |at, length| word(bytes, at, length).unwrap_or(0);
    if bytes[5] == elf::ELFDATA2MSB.0 {
        return unusable("was compiled for a big-endian machine".into());
    }
    let machine = number(18, 2) as u16;
    if machine != elf::EM_BPF.0 {
        let other = match elf::Machine(machine) {
            elf::EM_X86_64 => "a program or library of x86-64".to_string(),
            elf::EM_AARCH64 => "a program or library of arm64".to_string(),
            _ => format!("for ELF machine {machine}"),
        };
        return unusable(format!("is not a BPF object, but {other}"));
    }
    if bytes[4] != elf::ELFCLASS64.0 {
        return unusable("is damaged: not a 64-bit ELF file".into());
    }
    let (table, entry, count) = (number(40, 8), number(58, 2), number(60, 2));
    let table_end = table.saturating_add(entry * count);
    let headers = move || (0..count).map(move |i| table.saturating_add(i * entry) as usize);
    let ends_late = |at| match Header::read(bytes, at) {
        Some(h) => {
            h.kind != elf::SHT_NOBITS.0 && h.offset.saturating_add(h.size) > bytes.len() as u64
        }
        None => true,
    };
    if table_end > bytes.len() as u64 || headers().any(ends_late) {
        return truncated();
    }
    Ok(headers())
}

/// The architecture as `uname -m` says it.
fn machine() -> &'static str {
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests;
