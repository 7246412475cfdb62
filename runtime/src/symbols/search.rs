//! Which file is meant by the name of a program or a library?

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bt_abi::names::answers_to;

use super::{archive, binary};
use crate::error::Failure;
use crate::process::Process;
use crate::process::files::{Mapped, View};

/// Where libraries are if the loader's cache does not know them.
const LIBRARY_FOLDERS: [&str; 6] = [
    "/lib64",
    "/usr/lib64",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib",
    "/usr/lib",
];

const LOADER_CACHE: &str = "/etc/ld.so.cache";

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// As people know it.
    pub name: PathBuf,
    /// As it can be opened here.
    pub path: PathBuf,
}

impl Found {
    fn here(path: PathBuf) -> Found {
        let path = std::path::absolute(&path).unwrap_or(path);
        Found {
            name: path.clone(),
            path,
        }
    }

    fn mapped(file: Mapped) -> Found {
        Found {
            name: file.name,
            path: file.path,
        }
    }
}

/// A path is taken as it is (from the working directory, if it is relative); a bare name is looked for among the files that the process
/// has mapped, if the run is about one, in `$PATH`, then among the libraries (`libc` finds `libc.so.6`), then in the working directory.
pub fn find(name: &str, process: Option<&Process>) -> Result<Found, Failure> {
    if let Some(process) = process {
        return of_process(name, process);
    }
    if name.contains('/') {
        return at_path(name, PathBuf::from(name)).map(Found::here);
    }
    by_name(name, &View::default(), env::var_os("PATH"))
        .or_else(|| Some(PathBuf::from(name)).filter(|p| p.is_file()))
        .map(Found::here)
        .ok_or_else(|| nameless(name))
}

/// The program, its loader and the libraries that they ask for: what a process that is about to run it will map. (Not what it opens by
/// itself later.)
pub fn with_libraries(program: PathBuf) -> Vec<PathBuf> {
    let view = View::default();
    let loader = binary::loader(&program);
    let mut found = vec![program];
    found.extend(loader);
    let mut next = 0;
    while let Some(file) = found.get(next) {
        for name in binary::needed(file) {
            let path = cached_library(&name, &view).or_else(|| library_in_folders(&name, &view));
            let path = path.map(|p| p.canonicalize().unwrap_or(p));
            found.extend(path.filter(|p| !found.contains(p)));
        }
        next += 1;
    }
    found
}

/// All files whose code the process runs.
pub fn mapped(process: &Process) -> Result<Vec<Found>, Failure> {
    Ok(process.files()?.into_iter().map(Found::mapped).collect())
}

/// As the process sees its files. A name, or a path whose file was deleted or replaced since, is that of a file that it has mapped.
fn of_process(name: &str, process: &Process) -> Result<Found, Failure> {
    let view = &process.view;
    let is_path = name.contains('/');
    // a process whose mappings may not be read may still have files
    let mut mapped = process.files().unwrap_or_default().into_iter();
    let is_meant = |file: &Mapped| match is_path {
        true => file.deleted && file.name == Path::new(name),
        false => file
            .name
            .file_name()
            .and_then(|f| f.to_str())
            .is_some_and(|f| answers_to(f, name)),
    };
    if let Some(file) = mapped.find(is_meant) {
        return Ok(Found::mapped(file));
    }
    if !is_path {
        let found = by_name(name, view, process.path()).map(|path| view.found(path));
        return found.transpose()?.ok_or_else(|| nameless(name));
    }
    let path = match Path::new(name) {
        relative if relative.is_relative() && !view.is_ours() => {
            fs::read_link(format!("/proc/{}/cwd", process.pid))
                .unwrap_or_default()
                .join(relative)
        }
        path => path.to_path_buf(),
    };
    let mut found = view.found(path)?;
    found.path = at_path(name, found.path).map_err(|failure| match view.is_ours() {
        true => failure,
        false => failure.help(format!("paths count as process {} sees them", process.pid)),
    })?;
    Ok(found)
}

impl View {
    pub fn found(&self, path: PathBuf) -> Result<Found, Failure> {
        if self.is_ours() {
            return Ok(Found::here(path));
        }
        let opened = self.resolve(&path).map_err(|e| {
            Failure::system(&e, format!("cannot follow the path `{}`", path.display()))
        })?;
        Ok(Found {
            name: path,
            path: opened,
        })
    }
}

fn nameless(name: &str) -> Failure {
    Failure::kernel(format!(
        "no program in $PATH and no library has the name `{name}`"
    ))
    .help("a path also works, such as `./name` or `/usr/lib/libname.so.1`")
}

/// The file of a path, if it is one.
fn at_path(name: &str, path: PathBuf) -> Result<PathBuf, Failure> {
    match fs::metadata(&path) {
        Ok(file) if file.is_dir() => Err(Failure::kernel(format!(
            "`{name}` is a folder, not a program"
        ))),
        Ok(_) => Ok(path),
        // what is in it, is seen when it is read
        Err(_) if archive::split(&path).is_some() => Ok(path),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let failure = Failure::kernel(format!("the program `{name}` does not exist here"));
            Err(match (path.is_relative(), env::current_dir()) {
                (true, Ok(folder)) => failure.help(format!(
                    "the path counts from the working directory, `{}`",
                    folder.display()
                )),
                _ => failure,
            })
        }
        Err(e) => Err(Failure::system(
            &e,
            format!("cannot read the program `{name}`"),
        )),
    }
}

/// A program of the PATH, or a library: the path as the view has it.
fn by_name(name: &str, view: &View, path: Option<OsString>) -> Option<PathBuf> {
    let path = path.unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| view.resolve(file).is_ok_and(|f| is_program(&f)))
        .or_else(|| cached_library(name, view))
        .or_else(|| library_in_folders(name, view))
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn cached_library(name: &str, view: &View) -> Option<PathBuf> {
    let cache = fs::read(view.resolve(Path::new(LOADER_CACHE)).ok()?).ok()?;
    let is_there = |path: &str| view.resolve(Path::new(path)).is_ok_and(|p| p.is_file());
    let found = cache_entries(&cache).find(|(file, path)| answers_to(file, name) && is_there(path));
    found.map(|(_, path)| PathBuf::from(path))
}

/// File name and path of each 64-bit library in a loader cache of the format that glibc has written since 2.1.
fn cache_entries(cache: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    // older versions put another table in front
    let start = cache.windows(MAGIC.len()).position(|w| w == MAGIC);
    let table = start.map_or(&[][..], |at| &cache[at..]);
    let word = move |at: usize| {
        let bytes = table.get(at..at + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let text = move |at: u32| {
        let bytes = table.get(at as usize..)?;
        let end = bytes.iter().position(|b| *b == 0)?;
        std::str::from_utf8(&bytes[..end]).ok()
    };
    let count = word(MAGIC.len()).unwrap_or(0) as usize;
    let most = table.len() / ENTRY;
    (0..count.min(most)).filter_map(move |i| {
        let at = HEADER + i * ENTRY;
        // 0x3..: x86-64, arm64 and the other 64-bit machines; 0 in the high byte: 32-bit
        if word(at)? & 0xff00 == 0 {
            return None;
        }
        Some((text(word(at + 4)?)?, text(word(at + 8)?)?))
    })
}

fn library_in_folders(name: &str, view: &View) -> Option<PathBuf> {
    LIBRARY_FOLDERS.iter().find_map(|folder| {
        let entries = fs::read_dir(view.resolve(Path::new(folder)).ok()?).ok()?;
        let is_there = |path: &PathBuf| view.resolve(path).is_ok_and(|p| p.is_file());
        entries
            .flatten()
            .filter(|e| e.file_name().to_str().is_some_and(|f| answers_to(f, name)))
            .map(|e| Path::new(folder).join(e.file_name()))
            .filter(is_there)
            .min()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_loaders_cache() {
        let mut cache = b"glibc-ld.so.cache1.1".to_vec();
        cache.extend(2u32.to_le_bytes());
        cache.resize(48, 0);
        let strings = 48 + 2 * 24;
        for (flags, key, value) in [(0x803u32, 0u32, 10u32), (0x303, 0, 24)] {
            cache.extend(flags.to_le_bytes());
            cache.extend((strings + key).to_le_bytes());
            cache.extend((strings + value).to_le_bytes());
            cache.extend([0; 12]);
        }
        cache.extend(b"libx.so.1\0/lib32/libx.1\0/lib64/libx.1\0");
        let all: Vec<_> = cache_entries(&cache).collect();
        assert_eq!(all[1], ("libx.so.1", "/lib64/libx.1"));
        assert_eq!(cache_entries(b"nonsense").count(), 0);
        assert_eq!(cache_entries(&cache[..60]).count(), 0);
    }
}
