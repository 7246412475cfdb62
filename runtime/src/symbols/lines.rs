//! Lines of source files to addresses, by the line tables of DWARF.

use std::collections::BTreeSet;
use std::path::Path;

use gimli::{Dwarf, EndianSlice, LittleEndian, Unit};
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader};
use object::read::{ReadCache, ReadRef};

use super::archive::Window;
use super::debug_file;
use crate::error::Failure;
use crate::suggest::Nearest;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A place in a source file.
pub struct Line<'a> {
    pub file: &'a str,
    pub line: u64,
    pub column: Option<u64>,
}

/// What the tables say about the file.
#[derive(Default)]
struct Search {
    address: Option<u64>,
    /// Paths that end as the file does.
    files: BTreeSet<String>,
    /// The nearest line with code at or behind the one that is wanted, and before it.
    behind: Option<u64>,
    before: Option<u64>,
    columns: BTreeSet<u64>,
}

/// The address of the first instruction of a line.
pub fn address(path: &Path, wanted: &Line<'_>) -> Result<u64, Failure> {
    let shown = path.display();
    let Some(file) = debug_file::with_section(path, ".debug_line")? else {
        return Err(Failure::kernel(format!("`{shown}` has no debug information, which probes at lines need"))
            .help("build it with -g, or install its debug package (it is looked for by build id and debug link in /usr/lib/debug)"));
    };
    let damaged = || {
        Failure::kernel(format!(
            "the line tables of `{}` cannot be read",
            file.display()
        ))
    };
    let cache = ReadCache::new(Window::open(&file)?);
    let dwarf = load(&cache).ok_or_else(|| {
        damaged().help("compressed ones are not understood: `objcopy --decompress-debug-sections`")
    })?;
    let mut search = Search::default();
    let mut names = BTreeSet::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next().map_err(|_| damaged())? {
        let unit = dwarf.unit(header).map_err(|_| damaged())?;
        // a table that is damaged is passed over
        let _ = look(&dwarf, &unit, wanted, &mut search, &mut names);
    }
    answer(search, &names, wanted, &shown.to_string())
}

fn answer(
    search: Search,
    names: &BTreeSet<String>,
    wanted: &Line<'_>,
    binary: &str,
) -> Result<u64, Failure> {
    let Line { file, line, column } = wanted;
    let mut files = search.files.iter();
    if let (Some(first), Some(second)) = (files.next(), files.next()) {
        return Err(
            Failure::kernel(format!("`{file}` is more than one file of `{binary}`"))
                .help(format!("write more of its path: {first}, {second}")),
        );
    }
    if let Some(address) = search.address {
        return Ok(address);
    }
    if search.files.is_empty() {
        let mut nearest = Nearest::new(file);
        names.iter().for_each(|name| nearest.consider(name));
        return Err(
            Failure::kernel(format!("no code of `{binary}` comes from `{file}`"))
                .suggest(nearest.found()),
        );
    }
    if let Some(column) = column
        && !search.columns.is_empty()
    {
        let columns: Vec<String> = search.columns.iter().map(u64::to_string).collect();
        return Err(Failure::kernel(format!(
            "line {line} of `{file}` has no statement at column {column}"
        ))
        .help(format!("statements are at {}", columns.join(", "))));
    }
    let failure = Failure::kernel(format!("line {line} of `{file}` has no code in `{binary}`"));
    Err(match search.behind.or(search.before) {
        Some(near) => failure.help(format!("the nearest line with code is {near}")),
        None => failure,
    })
}

fn look(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    wanted: &Line<'_>,
    search: &mut Search,
    names: &mut BTreeSet<String>,
) -> gimli::Result<()> {
    let Some(program) = unit.line_program.clone() else {
        return Ok(());
    };
    let header = program.header();
    let mut matching = Vec::new();
    let first = u64::from(header.version() < 5);
    for (index, file) in header.file_names().iter().enumerate() {
        let text = |value| {
            Some(
                dwarf
                    .attr_string(unit, value)
                    .ok()?
                    .to_string_lossy()
                    .into_owned(),
            )
        };
        let mut path = text(file.path_name()).unwrap_or_default();
        names.insert(path.rsplit('/').next().unwrap_or_default().to_string());
        if !path.starts_with('/') {
            if let Some(folder) = file.directory(header).and_then(text) {
                path = format!("{folder}/{path}");
            }
            if let Some(folder) = unit.comp_dir
                && !path.starts_with('/')
            {
                path = format!("{}/{path}", folder.to_string_lossy());
            }
        }
        if ends_with(&path, wanted.file) {
            matching.push((index as u64 + first, path));
        }
    }
    if matching.is_empty() {
        return Ok(());
    }
    let mut rows = program.rows();
    while let Some((_, row)) = rows.next_row()? {
        let Some((_, path)) = matching
            .iter()
            .find(|(index, _)| *index == row.file_index())
        else {
            continue;
        };
        let (Some(line), true) = (
            row.line(),
            row.is_stmt() && !row.end_sequence() && row.address() != 0,
        ) else {
            continue;
        };
        let line = line.get();
        search.files.insert(normal(path));
        if line < wanted.line {
            search.before = search.before.max(Some(line));
            continue;
        }
        search.behind = Some(search.behind.map_or(line, |b| b.min(line)));
        if line != wanted.line {
            continue;
        }
        let column = match row.column() {
            gimli::ColumnType::LeftEdge => 0,
            gimli::ColumnType::Column(column) => column.get(),
        };
        search.columns.insert(column);
        if wanted.column.is_none_or(|c| c == column) {
            search.address.get_or_insert(row.address());
        }
    }
    Ok(())
}

/// Without `.` and `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The last parts of the path are those of `end`.
fn ends_with(path: &str, end: &str) -> bool {
    let (path, end) = (normal(path), end.trim_start_matches("./"));
    match end.strip_prefix('/') {
        Some(_) => path == normal(end),
        None => path
            .strip_suffix(end)
            .is_some_and(|rest| rest.ends_with('/')),
    }
}

pub(super) fn load<'a, R: ReadRef<'a>>(data: R) -> Option<Dwarf<Slice<'a>>> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    Dwarf::load(|id| {
        let found = sections.section_by_name(endian, id.name().as_bytes());
        let bytes = match found {
            Some((_, section)) if section.sh_flags(endian).0 & elf::SHF_COMPRESSED.0 != 0 => {
                return Err(());
            }
            Some((_, section)) => section.data(endian, data).map_err(|_| ())?,
            None => &[],
        };
        Ok(EndianSlice::new(bytes, LittleEndian))
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_paths() {
        for end in ["c.c", "b/c.c", "a/b/c.c", "/src/a/b/c.c", "./c.c"] {
            assert!(ends_with("/src/./x/../a/b/c.c", end), "{end}");
        }
        for end in ["xc.c", ".c", "a/c.c", "/b/c.c", "/src/a/b"] {
            assert!(!ends_with("/src/a/b/c.c", end), "{end}");
        }
    }
}
