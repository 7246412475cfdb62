//! Calls of the kernel's functions. The object declares them as libbpf wants it, but libbpf would read the whole BTF of the kernel and of its modules
//! to find them (30 MB and a doubled start on kernels whose BTF cannot be mapped), also for functions that the kernel has not. So they are looked up here, in one
//! scan, and what the object says of them is taken out before libbpf sees it: the declarations, their relocations, their BTF.
//!
//! A call of what is not there gets a number that no helper has: the verifier passes over it in dead code, and else names it.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;

use bt_abi::manifest::Manifest;
use bt_abi::names::SESSION_KFUNC;

use crate::btf::kernel_functions::{self, Found};
use crate::environment::KERNEL_BTF;
use crate::error::Failure;
use crate::object::{ObjectFile, Section, sections, word};

/// In calls of functions that are not there, plus the index in the manifest.
const ABSENT: u32 = 2_100_000_000;

const SHT_SYMTAB: u32 = 2;
const SHT_REL: u32 = 9;
const SHF_EXECINSTR: u64 = 4;
const SYMBOL_SIZE: usize = 24;
const RELOCATION_SIZE: usize = 16;
/// Bytes of an instruction: `BPF_LD | BPF_IMM | BPF_DW`, and the source register of a call that says "a function of the kernel", by its BTF id.
const LOAD_64: u8 = 0x18;
const PSEUDO_KFUNC_CALL: u8 = 2 << 4;

/// The object as libbpf shall see it. `sessions`: are there any, who ask by a function of their own?
pub fn resolve(object: &ObjectFile, sessions: bool) -> Result<Cow<'_, [u8]>, Failure> {
    let whole = Cow::Borrowed(object.bytes.as_slice());
    if object.manifest.kfuncs.is_empty() {
        return Ok(whole);
    }
    let damaged = || {
        Failure::unusable(format!(
            "`{}` is damaged: its ELF structure is broken",
            object.name
        ))
    };
    let sections = sections(&object.bytes).ok_or_else(damaged)?;
    let Some(declared) = declared(object, &sections) else {
        return Ok(whole);
    };
    let found = look_up(object, &declared, sessions)
        .map_err(|e| Failure::system(&e, "cannot read the kernel's BTF"))?;
    let mut bytes = object.bytes.clone();
    let done = settle(&mut bytes, &sections, &declared, &found);
    done.ok_or_else(damaged)?;
    Ok(Cow::Owned(bytes))
}

/// The function of the manifest that the verifier met a call of, and that is not there.
pub fn absent<'m>(manifest: &'m Manifest, log: &str) -> Option<&'m str> {
    let number = log.lines().rev().find_map(|line| {
        let (_, number) = line.split_once("invalid func unknown#")?;
        number.trim().parse::<u32>().ok()
    })?;
    let kfunc = manifest.kfuncs.get(number.checked_sub(ABSENT)? as usize)?;
    Some(&kfunc.name)
}

/// A symbol that the object does not define.
struct Declared {
    symbol: String,
    /// In the manifest.
    kfunc: u32,
    /// In the table of symbols.
    index: u64,
    /// Where in the file.
    at: usize,
}

/// `None` if there are declarations of others, which are libbpf's business.
fn declared(object: &ObjectFile, sections: &[Section]) -> Option<Vec<Declared>> {
    let bytes = &object.bytes;
    let table = sections.iter().find(|s| s.kind == SHT_SYMTAB)?;
    let names = sections.get(table.link as usize)?;
    let mut declared = Vec::new();
    for (index, at) in table.range.clone().step_by(SYMBOL_SIZE).enumerate() {
        let (name, info, section) = (
            word(bytes, at, 4)? as usize,
            word(bytes, at + 4, 1)?,
            word(bytes, at + 6, 2)?,
        );
        let local = info >> 4 == 0;
        if local || section != 0 {
            continue;
        }
        let name = bytes.get(names.range.start + name..names.range.end)?;
        let end = name.iter().position(|b| *b == 0)?;
        let symbol = std::str::from_utf8(&name[..end]).ok()?.to_string();
        let mut kfuncs = object.manifest.kfuncs.iter();
        let kfunc = kfuncs.position(|k| k.name == kernel_functions::name(&symbol))?;
        declared.push(Declared {
            symbol,
            kfunc: kfunc as u32,
            index: index as u64,
            at,
        });
    }
    Some(declared)
}

/// The ids of the functions; none without BTF.
fn look_up(object: &ObjectFile, declared: &[Declared], sessions: bool) -> io::Result<Vec<Found>> {
    let wanted = |d: &Declared| sessions || kernel_functions::name(&d.symbol) != SESSION_KFUNC;
    let names: Vec<String> = declared.iter().map(|d| d.symbol.clone()).collect();
    if !declared.iter().any(wanted) {
        return Ok(vec![None; names.len()]);
    }
    match File::open(KERNEL_BTF) {
        Ok(file) => kernel_functions::find(file, &object.btf, &names),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(vec![None; names.len()]),
        Err(e) => Err(e),
    }
}

/// `None`: the file is not what it should be.
fn settle(
    bytes: &mut [u8],
    sections: &[Section],
    declared: &[Declared],
    found: &[Found],
) -> Option<()> {
    for section in sections.iter().filter(|s| s.kind == SHT_REL) {
        let code = sections.get(section.info as usize)?;
        if code.flags & SHF_EXECINSTR == 0 {
            continue;
        }
        let mut kept = section.range.start;
        for at in section.range.clone().step_by(RELOCATION_SIZE) {
            let symbol = word(bytes, at + 8, 8)? >> 32;
            match declared.iter().position(|d| d.index == symbol) {
                Some(which) => {
                    let place = code.range.start.checked_add(word(bytes, at, 8)? as usize)?;
                    patch(bytes, place, declared[which].kfunc, found[which])?;
                }
                None => {
                    bytes.copy_within(at..at + RELOCATION_SIZE, kept);
                    kept += RELOCATION_SIZE;
                }
            }
        }
        let size = (kept - section.range.start) as u64;
        put(bytes, section.header + 32, &size.to_le_bytes())?;
    }
    for symbol in declared {
        // local ones are no declarations
        let info = bytes.get_mut(symbol.at + 4)?;
        *info &= 0xf;
    }
    let btf = sections.iter().find(|s| s.name == b".BTF")?;
    kernel_functions::undeclare(bytes.get_mut(btf.range.clone())?)
}

/// A call, or the address of the function, of which programs ask no more than whether it is 0.
fn patch(bytes: &mut [u8], at: usize, kfunc: u32, found: Found) -> Option<()> {
    let instruction = bytes.get_mut(at..at + 8)?;
    let (source, value) = match (instruction[0], found) {
        (LOAD_64, found) => (0, u32::from(found.is_some())),
        (_, Some(id)) => (PSEUDO_KFUNC_CALL, id),
        (_, None) => (0, ABSENT + kfunc),
    };
    instruction[1] = instruction[1] & 0xf | source;
    instruction[2..4].fill(0);
    instruction[4..].copy_from_slice(&value.to_le_bytes());
    Some(())
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) -> Option<()> {
    let range: Range<usize> = at..at + what.len();
    bytes.get_mut(range)?.copy_from_slice(what);
    Some(())
}
