//! Wildcards of functions of programs and libraries, and of their paths.

use std::path::{Path, PathBuf};

use bt_abi::attach::{is_pattern, matches};
use bt_abi::manifest::{Program, UserTarget};

use super::{Place, Site, no_match};
use crate::error::Failure;
use crate::symbols::{binary, search};

/// What the builtin `func` gives.
pub fn name(target: &UserTarget) -> &str {
    match target {
        UserTarget::Function { name, .. } => name,
        UserTarget::Address(_) => "",
    }
}

/// The places of a wildcard. Files that match and are no programs, or have no such function, are passed over.
pub fn sites(
    program: &Program,
    binary: &str,
    target: &UserTarget,
    at_return: bool,
) -> Result<Vec<Site>, Failure> {
    let provider = match at_return {
        false => "uprobe",
        true => "uretprobe",
    };
    let paths = match is_pattern(binary) {
        true => paths(binary),
        false => vec![search::find(binary)?],
    };
    if paths.is_empty() {
        return Err(no_match(program, "file"));
    }
    let mut sites = Vec::new();
    for path in &paths {
        let found = match target {
            UserTarget::Function { name, .. } if is_pattern(name) => {
                binary::functions(path, &|function| matches(name, function))
            }
            _ => binary::file_offset(path, target).map(|at| vec![(name(target).to_string(), at)]),
        };
        let found = match found {
            Ok(found) => found,
            Err(_) if is_pattern(binary) => continue,
            Err(failure) => return Err(failure),
        };
        for (function, offset) in found {
            sites.push(Site {
                probe: format!("{provider}:{}:{function}", path.display()),
                func: function,
                place: Place::User {
                    path: path.clone(),
                    offset,
                    at_return,
                },
                id: 0,
                prototype: None,
            });
        }
    }
    match sites.is_empty() {
        true => Err(no_match(program, "function")),
        false => Ok(sites),
    }
}

/// The files that a path with wildcards stands for, sorted. A wildcard stays within its folder.
fn paths(pattern: &str) -> Vec<PathBuf> {
    let start = match pattern.starts_with('/') {
        true => "/",
        false => ".",
    };
    let mut found = vec![PathBuf::from(start)];
    for part in pattern.split('/').filter(|p| !p.is_empty()) {
        found = found.iter().flat_map(|at| step(at, part)).collect();
    }
    found.retain(|path| path.is_file());
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let mut found: Vec<PathBuf> = found.into_iter().map(absolute).collect();
    found.sort_unstable();
    found
}

fn step(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !is_pattern(part) {
        return vec![folder.join(part)];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|e| e.file_name());
    // as in a shell, hidden files are named only by a dot
    let shown = |name: &str| part.starts_with('.') || !name.starts_with('.');
    names
        .filter(|n| n.to_str().is_some_and(|n| shown(n) && matches(part, n)))
        .map(|n| folder.join(n))
        .collect()
}
