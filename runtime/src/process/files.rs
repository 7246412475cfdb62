//! The files of a process: what its code was mapped from, and paths as it sees them, which may be in another mount namespace, or behind
//! another root folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::maps::Code;

/// A file whose code a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// As the process knows it.
    pub name: PathBuf,
    /// Where it can be opened here. One that was deleted, or replaced, is there still.
    pub path: PathBuf,
    pub deleted: bool,
}

/// How paths of a process are reached from here.
#[derive(Debug, Default)]
pub struct View {
    /// Its root folder; empty if it is our own.
    root: PathBuf,
    /// Its mounts are others than ours.
    foreign: bool,
}

impl View {
    /// Asked before this process takes a mount namespace of its own.
    pub fn of(pid: u32) -> View {
        let mounts = |of: &str| {
            fs::metadata(format!("/proc/{of}/ns/mnt"))
                .ok()
                .map(|m| m.ino())
        };
        let folder = PathBuf::from(format!("/proc/{pid}/root"));
        let id = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        let other = mounts(&pid.to_string());
        let foreign = other.is_some() && other != mounts("self");
        let moved = id(&folder).is_some_and(|root| Some(root) != id(Path::new("/")));
        match foreign || moved {
            true => View {
                root: folder,
                foreign,
            },
            false => View::default(),
        }
    }

    pub fn is_ours(&self) -> bool {
        self.root.as_os_str().is_empty()
    }

    /// Where a path of the process leads. An absolute symbolic link counts from its root, and not from ours.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        if self.is_ours() {
            return Ok(path.to_path_buf());
        }
        let mut left: Vec<PathBuf> = vec![path.to_path_buf()];
        let mut inside = PathBuf::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            let mut components = part.components();
            let Some(first) = components.next() else {
                continue;
            };
            let rest = components.as_path();
            if !rest.as_os_str().is_empty() {
                left.push(rest.to_path_buf());
            }
            let name = match first {
                Component::RootDir => {
                    inside = PathBuf::new();
                    continue;
                }
                Component::ParentDir => {
                    inside.pop();
                    continue;
                }
                Component::Normal(name) => name,
                Component::CurDir | Component::Prefix(_) => continue,
            };
            let at = self.root.join(&inside).join(name);
            match fs::read_link(&at) {
                Ok(_) if links == 40 => return Err(io::Error::from_raw_os_error(libc::ELOOP)),
                Ok(target) => {
                    links += 1;
                    left.push(target);
                }
                // what is no link, or is not there
                Err(_) => inside.push(name),
            }
        }
        Ok(self.root.join(inside))
    }

    /// The files that are mapped to be run, by address. Each once.
    pub fn mapped(&self, pid: u32) -> io::Result<Vec<Mapped>> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let mut found: Vec<Mapped> = Vec::new();
        for code in maps.lines().filter_map(Code::parse) {
            let (name, deleted) = match code.path.strip_suffix(" (deleted)") {
                Some(name) => (name, true),
                None => (code.path, false),
            };
            let path = match deleted {
                true => {
                    // without the zeroes in front that the list has
                    let ends: Vec<&str> = code
                        .range
                        .split('-')
                        .map(|e| e.trim_start_matches('0'))
                        .collect();
                    PathBuf::from(format!("/proc/{pid}/map_files/{}", ends.join("-")))
                }
                false if self.foreign => self.root.join(name.trim_start_matches('/')),
                false => PathBuf::from(name),
            };
            let name = PathBuf::from(name);
            if !found.iter().any(|f| f.name == name && f.deleted == deleted) {
                found.push(Mapped {
                    name,
                    path,
                    deleted,
                });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().to_path_buf();
        fs::create_dir_all(root.join("usr/lib"))?;
        fs::write(root.join("usr/lib/x.so.1"), "")?;
        symlink("/usr/lib", root.join("lib"))?;
        symlink("../../../usr/lib/x.so.1", root.join("usr/lib/x.so"))?;
        symlink("loop", root.join("loop"))?;
        let view = View {
            root: root.clone(),
            foreign: true,
        };
        for path in ["/lib/x.so", "lib/x.so.1", "/../lib/./x.so"] {
            assert_eq!(
                view.resolve(Path::new(path))?,
                root.join("usr/lib/x.so.1"),
                "{path}"
            );
        }
        assert!(view.resolve(Path::new("/loop")).is_err());
        assert_eq!(view.resolve(Path::new("/no/thing"))?, root.join("no/thing"));
        Ok(())
    }

    #[test]
    fn our_own_files() -> io::Result<()> {
        let pid = std::process::id();
        let view = View::of(pid);
        assert!(view.is_ours());
        let own = std::env::current_exe()?;
        assert!(
            view.mapped(pid)?
                .iter()
                .any(|m| m.name == own && m.path == own && !m.deleted)
        );
        Ok(())
    }
}
