//! Static user probes (usdt), by the notes of the binaries that have them.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bt_abi::attach::{is_pattern, matches};
use bt_abi::manifest::{Manifest, Program, SlotValue, Span};
use bt_abi::usdt::Argument;

use super::{Missing, Place, Site, no_match, user_functions};
use crate::error::Failure;
use crate::process::Process;
use crate::process::files::View;
use crate::suggest::Nearest;
use crate::symbols::notes::{self, Note};
use crate::symbols::search::{self, Found};

/// Arguments that a program reads: number, and where the script says so.
pub fn arguments(manifest: &Manifest, program: usize) -> Vec<(u32, Span)> {
    let used = manifest.slots.iter().filter_map(|slot| match slot.value {
        SlotValue::UsdtPlace(a) if a.program as usize == program => Some((a.argument, slot.span)),
        _ => None,
    });
    used.collect()
}

/// All places of the probe, with all of its arguments.
pub fn sites(
    program: &Program,
    binary: &str,
    namespace: Option<&str>,
    name: &str,
    process: Option<&Process>,
) -> Result<Vec<Site>, Failure> {
    let wanted =
        |p: &str, n: &str| namespace.is_none_or(|wanted| matches(wanted, p)) && matches(name, n);
    let files = files(binary, program, process)?;
    let several = is_pattern(binary) || binary.is_empty();
    let mut sites = Vec::new();
    for file in &files {
        let found = match notes::read(&file.path, &wanted) {
            Ok(found) => found,
            Err(_) if several => continue,
            Err(failure) => return Err(failure),
        };
        sites.extend(found.into_iter().map(|note| {
            let probe = match program.attach.is_late() {
                true if several || !binary.contains('/') => {
                    let path = file.name.display();
                    format!("usdt:{path}:{}:{}", note.provider, note.name)
                }
                true => format!("usdt:{binary}:{}:{}", note.provider, note.name),
                false => program.probe.clone(),
            };
            site(&file.path, note, probe)
        }));
    }
    match (sites.is_empty(), files.as_slice()) {
        (false, _) => Ok(sites),
        (true, [file]) if !several && !program.attach.is_pattern() => {
            Err(absent(file, namespace, name))
        }
        _ => Err(no_match(program, "static probe")),
    }
}

fn site(file: &Path, note: Note, probe: String) -> Site {
    Site {
        probe,
        func: String::new(),
        place: Place::Static {
            path: file.to_path_buf(),
            offset: note.offset,
            semaphore: note.semaphore,
            arguments: (0..).zip(note.arguments).collect(),
        },
        id: 0,
        return_id: 0,
        prototype: None,
    }
}

/// Keeps the arguments that the program reads. Of the places of a wildcard those that lack one are missing.
pub fn with_arguments(
    program: &Program,
    sites: Vec<Site>,
    wanted: &[(u32, Span)],
    missing: Missing,
) -> Result<Vec<Site>, Failure> {
    let mut kept = Vec::new();
    for mut site in sites {
        if let Place::Static { arguments, .. } = &mut site.place {
            let lacking = wanted
                .iter()
                .find_map(|(n, span)| Some(lacks(arguments, *n, &site.probe)?.at(*span)));
            match lacking {
                Some(failure) if program.attach.is_pattern() => {
                    missing.pass(failure)?;
                    continue;
                }
                Some(failure) => return Err(failure),
                None => arguments.retain(|(n, _)| wanted.iter().any(|(w, _)| w == n)),
            }
        }
        kept.push(site);
    }
    Ok(kept)
}

/// Why an argument cannot be read.
fn lacks(
    arguments: &[(u32, Result<Argument, String>)],
    number: u32,
    probe: &str,
) -> Option<Failure> {
    let message = match arguments.iter().find(|(n, _)| *n == number) {
        Some((_, Ok(_))) => return None,
        Some((_, Err(why))) => format!("`arg{number}` of `{probe}` cannot be read: {why}"),
        None => {
            let count = match arguments.len() {
                0 => "no arguments".into(),
                1 => "one argument, `arg0`".into(),
                n => format!("{n} arguments, up to `arg{}`", n - 1),
            };
            format!("there is no `arg{number}`: `{probe}` has {count}")
        }
    };
    Some(Failure::kernel(message))
}

/// The file has no such probe.
fn absent(file: &Found, namespace: Option<&str>, name: &str) -> Failure {
    let path = file.name.display();
    let full = match namespace {
        Some(namespace) => format!("{namespace}:{name}"),
        None => name.to_string(),
    };
    let failure = Failure::kernel(format!("static probe `{full}` does not exist in `{path}`"));
    let all = notes::read(&file.path, &|_, _| true).unwrap_or_default();
    if all.is_empty() {
        return failure.help("the file has none at all: it was built without `<sys/sdt.h>`, or its section `.note.stapsdt` was stripped");
    }
    let mut nearest = Nearest::new(&full);
    let mut by_name = None;
    for note in &all {
        let known = format!("{}:{}", note.provider, note.name);
        match namespace {
            Some(_) => nearest.consider(&known),
            None => nearest.consider(&note.name),
        }
        if note.name == name {
            by_name = Some(known);
        }
    }
    let near = nearest.found().or(by_name);
    if near.is_some() {
        return failure.suggest(near);
    }
    let mut names: Vec<String> = all
        .iter()
        .map(|n| format!("{}:{}", n.provider, n.name))
        .collect();
    names.sort_unstable();
    names.dedup();
    let more = if names.len() > 10 { ", ..." } else { "" };
    names.truncate(10);
    failure.help(format!("it has {}{more}", names.join(", ")))
}

/// The files to look in. Without a process, `*` are those of all processes.
fn files(
    binary: &str,
    program: &Program,
    process: Option<&Process>,
) -> Result<Vec<Found>, Failure> {
    let found = match (binary, process) {
        ("" | "*", Some(process)) => search::mapped(process)?,
        ("", None) => {
            return Err(Failure::unusable(format!(
                "`{}` names no binary, and there is no process to look in",
                program.probe
            ))
            .help("give one with `-p` or `-c`, or write `usdt:*:PROBE` for all processes"));
        }
        ("*", None) => mapped_by_all(),
        (pattern, _) if is_pattern(pattern) => user_functions::paths(pattern, process),
        _ => vec![search::find(binary, process)?],
    };
    match found.is_empty() {
        true => Err(no_match(program, "file")),
        false => Ok(found),
    }
}

/// The programs and libraries that processes have mapped, each once.
fn mapped_by_all() -> Vec<Found> {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        if let Some(pid) = name.to_str().and_then(|n| n.parse().ok()) {
            mapped_by(pid, &mut seen, &mut files);
        }
    }
    files.sort_unstable();
    files
}

/// Adds what a process has mapped as code and is not `seen` (device and inode) yet.
fn mapped_by(pid: u32, seen: &mut HashSet<(u64, u64)>, files: &mut Vec<Found>) {
    for file in View::of(pid).mapped(pid).unwrap_or_default() {
        let is_new = |found: fs::Metadata| seen.insert((found.dev(), found.ino()));
        if fs::metadata(&file.path).is_ok_and(is_new) {
            files.push(Found {
                name: file.name,
                path: file.path,
            });
        }
    }
}
