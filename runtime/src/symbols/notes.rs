//! Static user probes: the notes that `<sys/sdt.h>` leaves in programs and libraries (section `.note.stapsdt`).

use std::fs::File;
use std::io;
use std::path::Path;

use bt_abi::usdt::Argument;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{NativeEndian, ReadCache, ReadRef};

use super::binary::in_file;
use super::usdt_argument;
use crate::error::Failure;

/// A place of a static probe; a probe that was inlined has several.
#[derive(Debug)]
pub struct Note {
    pub provider: String,
    pub name: String,
    /// Where in the file its instruction is.
    pub offset: u64,
    /// Where in the file the counter is that tells the program to go that way; 0 if there is none.
    pub semaphore: u64,
    /// In order; the error says why one cannot be read.
    pub arguments: Vec<Result<Argument, String>>,
}

const SECTION: &[u8] = b".note.stapsdt";
/// Its address was the same when the notes were written; prelink moves it.
const BASE: &[u8] = b".stapsdt.base";
const OWNER: &[u8] = b"stapsdt\0";
const KIND: u32 = 3;

/// The probes of a file whose provider and name are wanted; none if it is no 64-bit ELF file.
pub fn read(path: &Path, wanted: &dyn Fn(&str, &str) -> bool) -> Result<Vec<Note>, Failure> {
    let cannot = |e: io::Error| Failure::system(&e, format!("cannot read `{}`", path.display()));
    let cache = ReadCache::new(File::open(path).map_err(cannot)?);
    let damaged = |_| {
        let name = path.display();
        Failure::kernel(format!("`{name}` is not a 64-bit ELF program or library"))
    };
    let header = FileHeader64::<NativeEndian>::parse(&cache).map_err(damaged)?;
    notes(header, &cache, wanted).map_err(damaged)
}

fn notes<'a, R: ReadRef<'a>>(
    header: &FileHeader64<NativeEndian>,
    data: R,
    wanted: &dyn Fn(&str, &str) -> bool,
) -> object::Result<Vec<Note>> {
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let Some((_, section)) = sections.section_by_name(endian, SECTION) else {
        return Ok(Vec::new());
    };
    let base = sections.section_by_name(endian, BASE);
    let base = base.map(|(_, section)| section.sh_addr(endian));
    let symbols = |wanted: &str| address(header, data, wanted).ok().flatten();
    let mut found = Vec::new();
    for raw in entries(section.data(endian, data)?) {
        let Some(raw) = raw.filter(|raw| wanted(&raw.provider, &raw.name)) else {
            continue;
        };
        let moved = base.map_or(0, |base| base.wrapping_sub(raw.base));
        let pc = raw.pc.wrapping_add(moved);
        let Some(offset) = in_file(header, data, pc)? else {
            continue;
        };
        let semaphore = match raw.semaphore {
            0 => None,
            address => in_file(header, data, address.wrapping_add(moved))?,
        };
        found.push(Note {
            offset,
            semaphore: semaphore.unwrap_or(0),
            arguments: usdt_argument::parse_all(&raw.arguments, pc, &symbols),
            provider: raw.provider,
            name: raw.name,
        });
    }
    Ok(found)
}

/// A note as it is written.
struct Raw {
    pc: u64,
    base: u64,
    semaphore: u64,
    provider: String,
    name: String,
    arguments: String,
}

/// All notes of a section; `None` for those of others.
fn entries(mut section: &[u8]) -> impl Iterator<Item = Option<Raw>> {
    std::iter::from_fn(move || {
        let word = |at: usize| {
            let bytes = section.get(at..at + 4)?;
            Some(u32::from_ne_bytes(bytes.try_into().ok()?) as usize)
        };
        let (owner, size, kind) = (word(0)?, word(4)?, word(8)?);
        let start = owner.checked_next_multiple_of(4)?.checked_add(12)?;
        let end = start.checked_add(size)?;
        let note = section.get(start..end)?;
        let is_ours = kind == KIND as usize && section.get(12..12 + owner)? == OWNER;
        let next = end.checked_next_multiple_of(4)?;
        section = section.get(next..).unwrap_or_default();
        Some(if is_ours { raw(note) } else { None })
    })
}

fn raw(note: &[u8]) -> Option<Raw> {
    let word = |index: usize| {
        let bytes = note.get(8 * index..8 * index + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let mut texts = note.get(24..)?.split(|b| *b == 0);
    let mut text = || Some(String::from_utf8_lossy(texts.next()?).into_owned());
    Some(Raw {
        pc: word(0)?,
        base: word(1)?,
        semaphore: word(2)?,
        provider: text()?,
        name: text()?,
        arguments: text()?,
    })
}

/// The address of a variable, by either symbol table.
fn address<'a, R: ReadRef<'a>>(
    header: &FileHeader64<NativeEndian>,
    data: R,
    wanted: &str,
) -> object::Result<Option<u64>> {
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    for kind in [elf::SHT_SYMTAB, elf::SHT_DYNSYM] {
        let table = sections.symbols(endian, data, kind)?;
        for symbol in table.iter() {
            if symbol.st_shndx(endian) != elf::SHN_UNDEF
                && table.symbol_name(endian, symbol)? == wanted.as_bytes()
            {
                return Ok(Some(symbol.st_value(endian)));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(owner: &[u8], texts: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let words = [owner.len() as u32, 24 + texts.len() as u32, KIND];
        words.iter().for_each(|w| bytes.extend(w.to_ne_bytes()));
        bytes.extend(owner);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        for word in [1u64, 2, 3] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(texts);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn notes_of_others_are_passed_over() {
        let ours = note(OWNER, b"p\0name\0-4@%edi\0");
        let bytes = [note(b"GNU\0", b"x"), ours.clone(), ours].concat();
        let found: Vec<_> = entries(&bytes).collect();
        assert_eq!(found.len(), 3);
        assert!(found[0].is_none());
        let second = found[2].as_ref().expect("a note");
        assert_eq!((second.pc, second.base, second.semaphore), (1, 2, 3));
        assert_eq!(
            (second.provider.as_str(), second.name.as_str()),
            ("p", "name")
        );
        assert_eq!(second.arguments, "-4@%edi");
    }

    #[test]
    fn what_is_cut_ends_quietly() {
        let bytes = note(OWNER, b"p\0name\0\0");
        for end in 0..bytes.len() {
            assert!(entries(&bytes[..end]).flatten().count() <= 1);
        }
        assert_eq!(entries(&[0xff; 40]).count(), 0);
    }
}
