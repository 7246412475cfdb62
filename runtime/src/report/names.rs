//! Names that this machine gives to numbers: users, cgroups.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The name in /etc/passwd, or the number.
pub fn user(id: u64) -> Vec<u8> {
    let id = id.to_string();
    let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_string())
    });
    found.unwrap_or(id).into_bytes()
}

/// `unified:/path` for cgroup2, `NAME:/path` for the hierarchies of version 1, separated by commas.
pub fn cgroup(id: u64, filter: &str) -> Vec<u8> {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mut found: Vec<(bool, String)> = Vec::new();
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(root), Some(kind)) = (words.next(), words.next()) else {
            continue;
        };
        let name = match kind {
            "cgroup2" => "unified",
            "cgroup" => root.rsplit('/').next().unwrap_or_default(),
            _ => continue,
        };
        if !filter.is_empty() && !matches(filter.as_bytes(), name.as_bytes()) {
            continue;
        }
        if let Some(path) = search(Path::new(root), id) {
            let path = path.strip_prefix(root).unwrap_or_default();
            let path = if path.is_empty() { "/" } else { path };
            let text = (kind == "cgroup", format!("{name}:{path}"));
            let at = found.iter().position(|f| *f > text);
            found.insert(at.unwrap_or(found.len()), text);
        }
    }
    let texts: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    texts.join(",").into_bytes()
}

/// The folder with this inode.
fn search(folder: &Path, id: u64) -> Option<String> {
    if fs::metadata(folder).ok()?.ino() == id {
        return Some(folder.to_str()?.to_string());
    }
    let inner = fs::read_dir(folder).ok()?.flatten();
    inner
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
        .find_map(|entry| search(&entry.path(), id))
}

/// `*` stands for any text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        [first, rest @ ..] => text.first() == Some(first) && matches(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_wildcards() {
        assert_eq!(user(0), b"root");
        assert_eq!(user(4_000_000_001), b"4000000001");
        assert!(
            matches(b"uni*", b"unified") && matches(b"*", b"") && matches(b"*fied", b"unified")
        );
        assert!(!matches(b"uni", b"unified"));
    }
}
