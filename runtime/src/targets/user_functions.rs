//! Wildcards of functions of programs and libraries, and of their paths.

use std::path::{Path, PathBuf};

use bt_abi::attach::{is_pattern, matches};
use bt_abi::manifest::{Program, UserTarget};

use super::{Place, Site, no_match};
use crate::error::Failure;
use crate::process::Process;
use crate::process::files::View;
use crate::symbols::search::{self, Found};
use crate::symbols::{archive, binary, demangle};

/// What the builtin `func` gives.
pub fn name(target: &UserTarget) -> &str {
    match target {
        UserTarget::Function { name, .. } => name,
        UserTarget::Demangled(name) => name,
        UserTarget::Address(_) | UserTarget::Line { .. } => "",
    }
}

/// The places of a wildcard. Files that match and are no programs, or have no such function, are passed over.
pub fn sites(
    program: &Program,
    binary: &str,
    target: &UserTarget,
    at_return: bool,
    process: Option<&Process>,
) -> Result<Vec<Site>, Failure> {
    let provider = match at_return {
        false => "uprobe",
        true => "uretprobe",
    };
    let paths = match (is_pattern(binary), process) {
        (false, _) => vec![search::find(binary, process)?],
        // all that it runs
        (true, Some(process)) if binary == "*" => search::mapped(process)?,
        (true, _) => paths(binary, process),
    };
    if paths.is_empty() {
        return Err(no_match(program, "file"));
    }
    let mut sites = Vec::new();
    for Found { name: shown, path } in &paths {
        let found = match target {
            UserTarget::Function { name, .. } if is_pattern(name) => {
                binary::functions(path, &|function| matches(name, function))
            }
            UserTarget::Demangled(name) => {
                binary::functions(path, &|function| demangle::answers(name, function))
            }
            _ => binary::file_offset(path, target, false)
                .map(|at| vec![(name(target).to_string(), at)]),
        };
        let found = match found {
            Ok(found) => found,
            Err(_) if is_pattern(binary) => continue,
            Err(failure) => return Err(failure),
        };
        for (function, offset) in found {
            sites.push(Site {
                probe: format!("{provider}:{}:{function}", shown.display()),
                func: function,
                place: Place::User {
                    path: archive::outer(path),
                    offset,
                    at_return,
                },
                id: 0,
                return_id: 0,
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
pub fn paths(pattern: &str, process: Option<&Process>) -> Vec<Found> {
    let ours = View::default();
    let view = process.map_or(&ours, |p| &p.view);
    let start = match pattern.starts_with('/') || !view.is_ours() {
        true => "/",
        false => ".",
    };
    let mut found = vec![PathBuf::from(start)];
    for part in pattern.split('/').filter(|p| !p.is_empty()) {
        found = found.iter().flat_map(|at| step(at, part, view)).collect();
    }
    let found = found.into_iter().filter_map(|path| view.found(path).ok());
    let mut found: Vec<Found> = found.filter(|f| f.path.is_file()).collect();
    found.sort_unstable();
    found
}

fn step(folder: &Path, part: &str, view: &View) -> Vec<PathBuf> {
    if !is_pattern(part) {
        return vec![folder.join(part)];
    }
    let entries = view.resolve(folder).and_then(std::fs::read_dir);
    let entries = entries.into_iter().flatten().flatten();
    let names = entries.map(|e| e.file_name());
    // as in a shell, hidden files are named only by a dot
    let shown = |name: &str| part.starts_with('.') || !name.starts_with('.');
    names
        .filter(|n| n.to_str().is_some_and(|n| shown(n) && matches(part, n)))
        .map(|n| folder.join(n))
        .collect()
}
