//! The object file: an ELF of the BPF machine with a manifest. Everything that can be wrong with a file is found here, by name,
//! before libbpf sees it.

mod pretty;
mod validate;

use std::path::Path;

use bt_abi::Manifest;
use bt_abi::names::{MANIFEST_SECTION, SLOTS_SECTION};
use object::elf;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, LittleEndian};

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
        check_header(name, bytes)?;
        let damaged = |_| {
            Failure::unusable(format!("`{name}` is damaged: its ELF structure is broken"))
                .help(REBUILD)
        };
        let header = elf::FileHeader64::<LittleEndian>::parse(bytes).map_err(damaged)?;
        let endian = header.endian().map_err(damaged)?;
        let table = header.sections(endian, bytes).map_err(damaged)?;
        let mut sections = Vec::new();
        for section in table.iter() {
            sections.push((
                table.section_name(endian, section).map_err(damaged)?,
                section.data(endian, bytes).map_err(damaged)?,
            ));
        }
        Ok(Sections(sections))
    }

    fn find(&self, name: &str) -> Option<&'a [u8]> {
        let (_, data) = self.0.iter().find(|(n, _)| *n == name.as_bytes())?;
        Some(data)
    }
}

/// Is it an ELF, whole, 64-bit, little-endian, relocatable, for BPF? One message for each "no".
fn check_header(name: &str, bytes: &[u8]) -> Result<(), Failure> {
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
        let script = std::path::Path::new(name)
            .extension()
            .is_some_and(|e| e == "bt");
        return Err(if script {
            failure.help(format!(
                "this looks like a script: `btc {name} -o OBJECT` compiles it"
            ))
        } else {
            failure
        });
    }
    if bytes.len() < 64 {
        return truncated();
    }
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let long = |at: usize| {
        let mut b = [0; 8];
        b.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(b)
    };
    if bytes[5] == elf::ELFDATA2MSB.0 {
        return unusable("was compiled for a big-endian machine".into());
    }
    let machine = half(18);
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
    let (table, entry, count) = (long(40), u64::from(half(58)), u64::from(half(60)));
    let end = table.saturating_add(entry * count);
    if end > bytes.len() as u64 {
        return truncated();
    }
    let header = |i: u64| (table + i * entry) as usize;
    for i in (0..count).filter(|_| entry >= 64).map(header) {
        let nobits = bytes[i + 4..i + 8] == elf::SHT_NOBITS.0.to_le_bytes();
        if !nobits && long(i + 24).saturating_add(long(i + 32)) > bytes.len() as u64 {
            return truncated();
        }
    }
    Ok(())
}

/// The architecture as `uname -m` says it.
fn machine() -> &'static str {
    std::env::consts::ARCH
}

/// ELF files are read through this: the byte order is only known at run time for user programs.
pub type AnyEndian = Endianness;

#[cfg(test)]
mod tests;
