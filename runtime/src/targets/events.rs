//! Tracepoints, by name or wildcard: the folders of tracefs.

use std::io;
use std::path::PathBuf;

use bt_abi::attach::{is_pattern, matches};
use bt_abi::manifest::Program;

use super::{Place, Site, no_match, one};
use crate::environment::Environment;
use crate::error::Failure;
use crate::suggest;

/// ftrace's own: they are in tracefs, and nothing can be attached to them.
const OWN: &str = "ftrace";

pub fn sites(
    program: &Program,
    environment: &Environment,
    category: &str,
    event: &str,
) -> Result<Vec<Site>, Failure> {
    let place = |category: &str, event: &str| Place::Event {
        category: category.to_string(),
        event: event.to_string(),
    };
    let exists = |category: &str, event: &str| {
        environment
            .tracepoint(category, event)
            .join("format")
            .metadata()
    };
    if !program.attach.is_pattern() {
        exists(category, event).map_err(|e| missing(&e, environment, category, event))?;
        return Ok(vec![one(program, "", place(category, event))]);
    }
    let mut sites = Vec::new();
    for category in names(environment.tracepoint("", ""), category) {
        if category == OWN {
            continue;
        }
        for event in names(environment.tracepoint(&category, ""), event) {
            if exists(&category, &event).is_ok() {
                sites.push(Site {
                    probe: format!("tracepoint:{category}:{event}"),
                    func: String::new(),
                    place: place(&category, &event),
                    id: 0,
                    return_id: 0,
                    prototype: None,
                });
            }
        }
    }
    match sites.is_empty() {
        true => Err(no_match(program, "tracepoint of this kernel")),
        false => Ok(sites),
    }
}

/// The folders in a folder that match.
fn names(folder: PathBuf, pattern: &str) -> Vec<String> {
    if !is_pattern(pattern) {
        return vec![pattern.to_string()];
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if matches(pattern, &name) && entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.push(name);
        }
    }
    found.sort_unstable();
    found
}

fn missing(error: &io::Error, environment: &Environment, category: &str, event: &str) -> Failure {
    let name = format!("{category}:{event}");
    if error.kind() != io::ErrorKind::NotFound {
        return Failure::system(error, format!("cannot read the format of `{name}`"));
    }
    let folder = environment.tracepoint(category, "");
    if !folder.is_dir() {
        let near = nearest_entry(environment.tracepoint("", ""), category);
        return Failure::kernel(format!(
            "tracepoint category `{category}` does not exist on this kernel"
        ))
        .suggest(near);
    }
    let near = nearest_entry(folder, event).map(|e| format!("{category}:{e}"));
    Failure::kernel(format!("tracepoint `{name}` does not exist on this kernel")).suggest(near)
}

fn nearest_entry(folder: PathBuf, wanted: &str) -> Option<String> {
    let mut nearest = suggest::Nearest::new(wanted);
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            nearest.consider(&entry.file_name().to_string_lossy());
        }
    }
    nearest.found()
}
