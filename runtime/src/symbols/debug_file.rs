//! Files that hold what was stripped from a binary: found as debuggers find them, by build id and by debug link.

use std::path::{Path, PathBuf};

use object::Endianness;
use object::elf::FileHeader64;
use object::read::ReadCache;
use object::read::elf::{FileHeader, SectionHeader};

use super::archive::Window;
use super::binary;
use crate::error::Failure;

const FOLDER: &str = "/usr/lib/debug";

/// The binary itself, or its debug file: the first that has the section.
pub fn with_section(path: &Path, section: &str) -> Result<Option<PathBuf>, Failure> {
    if has_section(path, section)? {
        return Ok(Some(path.to_path_buf()));
    }
    Ok(of(path).filter(|file| has_section(file, section).unwrap_or(false)))
}

/// The debug file, if there is one of the same build.
pub fn of(path: &Path) -> Option<PathBuf> {
    let id = binary::build_id(path);
    let mut candidates = Vec::new();
    if let Some(id) = &id
        && id.len() > 2
    {
        let name = format!(".build-id/{}/{}.debug", &id[..2], &id[2..]);
        candidates.push(Path::new(FOLDER).join(name));
    }
    if let (Some(name), Some(folder)) = (link(path), path.parent()) {
        candidates.push(folder.join(&name));
        candidates.push(folder.join(".debug").join(&name));
        let inside = folder.strip_prefix("/").unwrap_or(folder);
        candidates.push(Path::new(FOLDER).join(inside).join(&name));
    }
    candidates.retain(|file| file != path && file.is_file());
    candidates
        .into_iter()
        .find(|file| binary::build_id(file) == id)
}

fn has_section(path: &Path, name: &str) -> Result<bool, Failure> {
    let cache = ReadCache::new(Window::open(path)?);
    let found = || {
        let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, &cache).ok()?;
        sections.section_by_name(endian, name.as_bytes())
    };
    Ok(found().is_some())
}

/// The name in `.gnu_debuglink`: a file name, without folders.
fn link(path: &Path) -> Option<String> {
    let cache = ReadCache::new(Window::open(path).ok()?);
    let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, &cache).ok()?;
    let (_, section) = sections.section_by_name(endian, b".gnu_debuglink")?;
    let bytes = section.data(endian, &cache).ok()?;
    let name = std::str::from_utf8(bytes.split(|b| *b == 0).next()?).ok()?;
    (!name.is_empty() && !name.contains('/')).then(|| name.to_string())
}
