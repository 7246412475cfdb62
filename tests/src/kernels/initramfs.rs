//! Writes an initramfs: a cpio archive in the `newc` format (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const DIRECTORY: u32 = 0o040_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
const FILE: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;

#[derive(Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<String>,
}

impl Initramfs {
    /// The folders and devices that every guest needs. Without /dev/console, init would have no standard streams.
    pub fn new() -> Initramfs {
        let mut archive = Initramfs::default();
        for folder in ["proc", "sys", "dev", "tmp", "run", "bin", "etc", "root"] {
            archive.folder(folder);
        }
        archive.entry("dev/console", CHARACTER_DEVICE, (5, 1), &[]);
        archive.entry("dev/null", CHARACTER_DEVICE, (1, 3), &[]);
        archive
    }

    /// Adds a file of the host under an absolute path, with its execute bit.
    pub fn copy(&mut self, from: &Path, to: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let say = || format!("reading {}", from.display());
        let executable = fs::metadata(from).with_context(say)?.permissions().mode() & 0o111 != 0;
        let content = fs::read(from).with_context(say)?;
        self.add(to, if executable { EXECUTABLE } else { FILE }, &content);
        Ok(())
    }

    /// Adds a file with this content under an absolute path.
    pub fn file(&mut self, to: &str, content: &[u8]) {
        self.add(to, FILE, content);
    }

    fn add(&mut self, to: &str, mode: u32, content: &[u8]) {
        let to = to.trim_start_matches('/');
        if let Some((folder, _)) = to.rsplit_once('/') {
            self.folder(folder);
        }
        self.entry(to, mode, (0, 0), content);
    }

    /// Adds a folder and those above it; a path without the leading slash.
    pub fn folder(&mut self, path: &str) {
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends {
            if self.folders.insert(path[..end].to_string()) {
                self.entry(&path[..end], DIRECTORY, (0, 0), &[]);
            }
        }
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        let fields = [
            self.entries,
            mode,
            0, // uid
            0, // gid
            1, // links
            0, // modification time
            content.len() as u32,
            0, // device, major and minor
            0,
            device.0,
            device.1,
            name.len() as u32 + 1,
            0, // checksum
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// The archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_cpio_reads() {
        let mut archive = Initramfs::new();
        archive.file("/a/b/c", b"hello");
        let bytes = archive.finish();
        assert!(bytes.starts_with(b"070701"));
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let place = |name: &str| text.find(name).expect("an entry");
        assert!(place("a\0") < place("a/b\0") && place("a/b\0") < place("a/b/c\0"));
    }
}
