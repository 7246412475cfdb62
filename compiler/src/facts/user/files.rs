//! The files of binaries and of their debug information.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bt_abi::names::answers_to;
use gimli::{EndianRcSlice, LittleEndian, SectionId};
use object::{File, Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::die::Dwarf;

const LIBRARY_FOLDERS: [&str; 6] = [
    "/lib64",
    "/usr/lib64",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib",
    "/usr/lib",
];

const DEBUG_FOLDER: &str = "/usr/lib/debug";

fn below(sysroot: Option<&Path>, path: &Path) -> PathBuf {
    match (sysroot, path.strip_prefix("/")) {
        (Some(root), Ok(inside)) => root.join(inside),
        _ => path.to_path_buf(),
    }
}

/// As btrun looks for it, without a process to look at.
pub fn find(binary: &str, sysroot: Option<&Path>) -> Result<PathBuf, String> {
    if binary.contains('/') {
        let path = below(sysroot, Path::new(binary));
        return match path.is_file() {
            true => Ok(path),
            false => Err(format!("`{}` does not exist here", path.display())),
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let programs = env::split_paths(&path).map(|folder| below(sysroot, &folder.join(binary)));
    let library = |folder: &&str| {
        let entries = fs::read_dir(below(sysroot, Path::new(folder))).ok()?;
        let named = entries.flatten().filter(|e| {
            e.file_name()
                .to_str()
                .is_some_and(|f| answers_to(f, binary))
        });
        named.map(|e| e.path()).filter(|p| p.is_file()).min()
    };
    programs
        .into_iter()
        .find(|path| path.is_file())
        .or_else(|| LIBRARY_FOLDERS.iter().find_map(library))
        .ok_or_else(|| format!("no program and no library here has the name `{binary}`"))
}

/// The debug information of a binary: its own, or that of a file beside it, as debuggers look for it.
pub fn open(path: &Path, sysroot: Option<&Path>) -> Result<Dwarf, String> {
    let cannot = |e: &dyn std::fmt::Display| format!("`{}` cannot be read: {e}", path.display());
    let bytes = fs::read(path).map_err(|e| cannot(&e))?;
    let file = File::parse(&*bytes).map_err(|e| cannot(&e))?;
    let functions = file.symbols().chain(file.dynamic_symbols());
    let functions = functions.filter(|s| s.kind() == SymbolKind::Text && !s.is_undefined());
    let addresses = functions.filter_map(|s| Some((s.name().ok()?.to_string(), s.address())));
    let addresses = addresses.collect();
    let build_id = file.build_id().ok().flatten().map(hex);
    let has_dwarf = |file: &File| file.section_by_name(".debug_info").is_some();
    if has_dwarf(&file) {
        return Dwarf::new(|id| section(&file, id), addresses, build_id);
    }
    for candidate in debug_files(&file, path, sysroot) {
        let Ok(bytes) = fs::read(&candidate) else {
            continue;
        };
        let Ok(debug) = File::parse(&*bytes) else {
            continue;
        };
        let same = debug.build_id().ok().flatten().map(hex) == build_id;
        if has_dwarf(&debug) && same {
            let more = debug
                .symbols()
                .filter(|s| s.kind() == SymbolKind::Text && !s.is_undefined());
            let more = more.filter_map(|s| Some((s.name().ok()?.to_string(), s.address())));
            let mut all: std::collections::HashMap<String, u64> = addresses;
            all.extend(more);
            return Dwarf::new(|id| section(&debug, id), all, build_id);
        }
    }
    Err(format!("`{}` has no debug information", path.display()))
}

fn section(file: &File, id: SectionId) -> Result<EndianRcSlice<LittleEndian>, String> {
    let data = match file.section_by_name(id.name()) {
        Some(section) => section
            .uncompressed_data()
            .map_err(|e| format!("section {} cannot be read: {e}", id.name()))?,
        None => Default::default(),
    };
    Ok(EndianRcSlice::new(Rc::from(&*data), LittleEndian))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// By build id, and by the name that the binary gives.
fn debug_files(file: &File, path: &Path, sysroot: Option<&Path>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let debug = below(sysroot, Path::new(DEBUG_FOLDER));
    if let Some(id) = file.build_id().ok().flatten().map(hex)
        && id.len() > 2
    {
        let name = format!("{}/{}.debug", &id[..2], &id[2..]);
        found.push(debug.join(".build-id").join(name));
    }
    if let Ok(Some((name, _))) = file.gnu_debuglink()
        && let (Ok(name), Some(folder)) = (std::str::from_utf8(name), path.parent())
    {
        let absolute = std::path::absolute(folder).unwrap_or(folder.to_path_buf());
        found.push(folder.join(name));
        found.push(folder.join(".debug").join(name));
        found.push(
            debug
                .join(absolute.strip_prefix("/").unwrap_or(&absolute))
                .join(name),
        );
    }
    found
}
