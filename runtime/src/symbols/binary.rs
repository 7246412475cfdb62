//! The symbols of a program or library, by name: where in the file is a function?

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bt_abi::manifest::UserTarget;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{NativeEndian, ReadCache, ReadRef};

use super::archive::Window;
use super::lines::{self, Line};
use super::{debug_file, instructions};
use crate::error::Failure;
use crate::suggest::Nearest;

/// A function as a symbol table has it.
#[derive(Clone, Copy)]
struct Function {
    address: u64,
    size: u64,
}

/// Where in the file a probe goes: the kernel counts from the start of the file, symbol tables count addresses. `anywhere`: in the middle of
/// an instruction too.
pub fn file_offset(path: &Path, target: &UserTarget, anywhere: bool) -> Result<u64, Failure> {
    let name = path.display();
    let window = Window::open(path)?;
    let start = window.start;
    let cache = ReadCache::new(window);
    let damaged = |_| Failure::kernel(format!("`{name}` is not a 64-bit ELF program or library"));
    let header = Header::parse(&cache).map_err(damaged)?;
    let (address, from) = match target {
        UserTarget::Address(address) => (*address, format!("{address:#x}")),
        UserTarget::Function {
            name: function,
            offset,
        } => {
            let found = find(header, &cache, function).map_err(damaged)?;
            let found = found.or_else(|| in_debug_file(path, function));
            let found = found.ok_or_else(|| missing(header, &cache, function, &name))?;
            if *offset > 0 && *offset >= found.size {
                return Err(Failure::kernel(format!(
                    "`{function}+{offset}` lies behind the function: `{function}` of `{name}` has {} bytes",
                    found.size
                )));
            }
            if *offset > 0 && !anywhere {
                let start = in_file(header, &cache, found.address).map_err(damaged)?;
                let code = start.and_then(|at| cache.read_bytes_at(at, found.size).ok());
                check_offset(code.unwrap_or_default(), function, *offset)?;
            }
            (found.address + offset, format!("`{function}`"))
        }
        // a wildcard, which `functions` finds
        UserTarget::Demangled(name) => return Err(missing(header, &cache, name, &path.display())),
        UserTarget::Line { file, line, column } => {
            let wanted = Line {
                file,
                line: *line,
                column: *column,
            };
            (
                lines::address(path, &wanted)?,
                format!("line {line} of `{file}`"),
            )
        }
    };
    match in_file(header, &cache, address).map_err(damaged)? {
        // Symbols are code; what is no symbol may be anything.
        Some(_)
            if matches!(target, UserTarget::Address(_))
                && !is_code(header, &cache, address).map_err(damaged)? =>
        {
            Err(Failure::kernel(format!("no code of `{name}` is at {from}"))
                .help("addresses are those of the file's symbol table, as `nm` prints them"))
        }
        Some(offset) => Ok(start + offset),
        None => Err(Failure::kernel(format!(
            "{from} of `{name}` is not in the file's loaded part"
        ))),
    }
}

/// A probe within an instruction would make another program of the function.
fn check_offset(code: &[u8], function: &str, offset: u64) -> Result<(), Failure> {
    let begins = |at: u64| instructions::begins_at(code, usize::try_from(at).ok()?);
    let what = match begins(offset) {
        Some(true) => return Ok(()),
        Some(false) => "is in the middle of an instruction",
        None => "cannot be told from the middle of an instruction",
    };
    let failure = Failure::kernel(format!("`{function}+{offset}` {what}"));
    let is_start = |at: &u64| begins(*at) == Some(true);
    let before = (0..offset).rev().find(is_start);
    let behind = (offset + 1..code.len() as u64).take(15).find(is_start);
    Err(match (before, behind) {
        (Some(before), Some(behind)) => failure.help(format!(
            "instructions begin at {function}+{before} and {function}+{behind}; `btrun --unsafe` takes any offset, and may break the program"
        )),
        _ => failure.help("`btrun --unsafe` takes any offset, and may break the program"),
    })
}

/// What was stripped from the binary is in another file.
fn in_debug_file(path: &Path, function: &str) -> Option<Function> {
    let cache = ReadCache::new(Window::open(&debug_file::of(path)?).ok()?);
    find(Header::parse(&cache).ok()?, &cache, function).ok()?
}

/// Address and size of a variable, and the address of a place in the file, both as the symbol table counts them.
pub fn variable(path: &Path, name: &str, place: u64) -> Result<(u64, u64, u64), Failure> {
    let shown = path.display();
    let window = Window::open(path)?;
    let place = place.saturating_sub(window.start);
    let cache = ReadCache::new(window);
    let damaged = |_| Failure::kernel(format!("`{shown}` is not a 64-bit ELF program or library"));
    let header = Header::parse(&cache).map_err(damaged)?;
    let rank = |kind: elf::SymbolType| match kind {
        elf::STT_OBJECT => Some(0),
        elf::STT_NOTYPE | elf::STT_FUNC => Some(1),
        _ => None,
    };
    let mut best: Option<(u32, Function)> = None;
    each_of(header, &cache, rank, |found, symbol, rank| {
        if found == name.as_bytes() && best.is_none_or(|(r, _)| rank < r) {
            best = Some((rank, symbol));
        }
    })
    .map_err(damaged)?;
    let Some((_, symbol)) = best else {
        return Err(Failure::kernel(format!(
            "there is no variable `{name}` in `{shown}`"
        ))
        .help("the file's symbol tables are searched; a stripped file has those that it exports alone"));
    };
    let endian = header.endian().map_err(damaged)?;
    let segments = header.program_headers(endian, &cache).map_err(damaged)?;
    let loaded = segments.iter().find(|s| {
        let start = s.p_offset(endian);
        s.p_type(endian) == elf::PT_LOAD && place >= start && place - start < s.p_filesz(endian)
    });
    let place = loaded.map(|s| place - s.p_offset(endian) + s.p_vaddr(endian));
    Ok((symbol.address, symbol.size, place.unwrap_or(0)))
}

/// The program that loads the libraries of a program, if it has some.
pub fn loader(path: &Path) -> Option<PathBuf> {
    let cache = ReadCache::new(Window::open(path).ok()?);
    let header = Header::parse(&cache).ok()?;
    let endian = header.endian().ok()?;
    let mut segments = header.program_headers(endian, &cache).ok()?.iter();
    let name = segments.find_map(|s| s.interpreter(endian, &cache).ok()?)?;
    Some(PathBuf::from(OsStr::from_bytes(name)))
}

/// The names of the libraries that a program or library asks for.
pub fn needed(path: &Path) -> Vec<String> {
    let names = || {
        let cache = ReadCache::new(Window::open(path).ok()?);
        let header = Header::parse(&cache).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, &cache).ok()?;
        let (entries, link) = sections.dynamic(endian, &cache).ok()??;
        let strings = sections.strings(endian, &cache, link).ok()?;
        let needed = entries.iter().filter(|e| e.tag(endian) == elf::DT_NEEDED);
        let name = needed.filter_map(|e| e.string(endian, strings).ok());
        Some(
            name.map(|n| String::from_utf8_lossy(n).into_owned())
                .collect(),
        )
    };
    names().unwrap_or_default()
}

/// What the linker noted of the build, in hexadecimal.
pub fn build_id(path: &Path) -> Option<String> {
    let cache = ReadCache::new(Window::open(path).ok()?);
    let header = Header::parse(&cache).ok()?;
    let endian = header.endian().ok()?;
    for segment in header.program_headers(endian, &cache).ok()? {
        let Ok(Some(mut notes)) = segment.notes(endian, &cache) else {
            continue;
        };
        while let Ok(Some(note)) = notes.next() {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
                return Some(note.desc().iter().map(|b| format!("{b:02x}")).collect());
            }
        }
    }
    None
}

/// Where an address lies in the file, if it is a part that is loaded from there.
pub fn in_file<'a, R: ReadRef<'a>>(
    header: &Header,
    data: R,
    address: u64,
) -> object::Result<Option<u64>> {
    let endian = header.endian()?;
    let found = segment(header, data, address)?;
    Ok(found.map(|s| address - s.p_vaddr(endian) + s.p_offset(endian)))
}

/// Whether programs run what is at an address.
fn is_code<'a, R: ReadRef<'a>>(header: &Header, data: R, address: u64) -> object::Result<bool> {
    let endian = header.endian()?;
    let found = segment(header, data, address)?;
    Ok(found.is_some_and(|s| s.p_flags(endian).contains(elf::PF_X)))
}

fn segment<'a, R: ReadRef<'a>>(
    header: &Header,
    data: R,
    address: u64,
) -> object::Result<Option<&'a Segment>> {
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    Ok(segments.iter().find(|s| {
        let start = s.p_vaddr(endian);
        s.p_type(endian) == elf::PT_LOAD && address >= start && address - start < s.p_filesz(endian)
    }))
}

/// Name and place in the file of each function whose name is wanted, sorted by name.
pub fn functions(
    path: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, u64)>, Failure> {
    let name = path.display();
    let window = Window::open(path)?;
    let start = window.start;
    let cache = ReadCache::new(window);
    let damaged = |_| Failure::kernel(format!("`{name}` is not a 64-bit ELF program or library"));
    let header = Header::parse(&cache).map_err(damaged)?;
    let mut found: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    let mut note = |function: &[u8], at: Function, rank: u32| {
        let function = String::from_utf8_lossy(function);
        // labels of assembly have no type, and are no functions
        if rank / 2 > 1 || !wanted(&function) {
            return;
        }
        let known = found
            .entry(function.into_owned())
            .or_insert((rank, at.address));
        if rank < known.0 {
            *known = (rank, at.address);
        }
    };
    each(header, &cache, &mut note).map_err(damaged)?;
    if let Some(debug) = debug_file::of(path)
        && let Ok(window) = Window::open(&debug)
    {
        let cache = ReadCache::new(window);
        if let Ok(header) = Header::parse(&cache) {
            // it adds names, where it can be read
            let _ = each(header, &cache, &mut note);
        }
    }
    let mut functions = Vec::new();
    for (function, (_, address)) in found {
        if let Some(offset) = in_file(header, &cache, address).map_err(damaged)? {
            functions.push((function, start + offset));
        }
    }
    Ok(functions)
}

type Header = FileHeader64<NativeEndian>;
type Segment = ProgramHeader64<NativeEndian>;

/// Calls `visit` with name, function and rank (0 is best) of each function, of the full table first.
fn each<'a, R: ReadRef<'a>>(
    header: &Header,
    data: R,
    visit: impl FnMut(&[u8], Function, u32),
) -> object::Result<()> {
    let rank = |kind: elf::SymbolType| match kind {
        elf::STT_FUNC => Some(0),
        elf::STT_GNU_IFUNC => Some(1),
        elf::STT_NOTYPE => Some(2),
        _ => None,
    };
    each_of(header, data, rank, visit)
}

/// The same of symbols of any types, each of which has a rank.
fn each_of<'a, R: ReadRef<'a>>(
    header: &Header,
    data: R,
    rank_of: impl Fn(elf::SymbolType) -> Option<u32>,
    mut visit: impl FnMut(&[u8], Function, u32),
) -> object::Result<()> {
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    for kind in [elf::SHT_SYMTAB, elf::SHT_DYNSYM] {
        for section in sections.iter().filter(|s| s.sh_type(endian) == kind) {
            let symbols: &[elf::Sym64<NativeEndian>] = section.data_as_array(endian, data)?;
            let strings = sections.section(section.link(endian))?.data(endian, data)?;
            for symbol in symbols {
                let Some(rank) = rank_of(symbol.st_type()) else {
                    continue;
                };
                let address = symbol.st_value(endian);
                if symbol.st_shndx(endian) == elf::SHN_UNDEF || address == 0 {
                    continue;
                }
                let at = symbol.st_name(endian) as usize;
                let rest = strings.get(at..).unwrap_or_default();
                let end = rest.iter().position(|b| matches!(b, 0 | b'@'));
                let local = u32::from(symbol.st_bind() == elf::STB_LOCAL);
                let function = Function {
                    address,
                    size: symbol.st_size(endian),
                };
                visit(&rest[..end.unwrap_or(0)], function, 2 * rank + local);
            }
        }
    }
    Ok(())
}

fn find<'a, R: ReadRef<'a>>(
    header: &Header,
    data: R,
    name: &str,
) -> object::Result<Option<Function>> {
    let mut best: Option<(u32, Function)> = None;
    each(header, data, |found, function, rank| {
        if found == name.as_bytes() && best.is_none_or(|(r, _)| rank < r) {
            best = Some((rank, function));
        }
    })?;
    Ok(best.map(|(_, function)| function))
}

fn missing<'a, R: ReadRef<'a>>(
    header: &Header,
    data: R,
    function: &str,
    file: &std::path::Display<'_>,
) -> Failure {
    let mut nearest = Nearest::new(function);
    let mut count = 0;
    let _ = each(header, data, |name, _, _| {
        count += 1;
        nearest.consider(&String::from_utf8_lossy(name));
    });
    let failure = Failure::kernel(format!("function `{function}` does not exist in `{file}`"));
    match (count, nearest.found()) {
        (0, _) => failure.help(
            "the file has no symbols (stripped); a probe can name an address: `uprobe:FILE:0x1234`, or its debug file can be put below /usr/lib/debug",
        ),
        (_, near) => failure.suggest(near),
    }
}
