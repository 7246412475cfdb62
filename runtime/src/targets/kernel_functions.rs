//! Wildcards of kernel functions: those that the kernel lists as traceable, less those that kprobes must not touch.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use bt_abi::attach::matches;
use bt_abi::manifest::{Attach, Program};

use super::{Place, Site, no_match};
use crate::environment::Environment;
use crate::error::Failure;

/// A traceable function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    pub name: String,
    /// `vmlinux` for the kernel itself.
    pub module: String,
}

/// Functions that bpftrace leaves out of wildcards, since probes there have made systems unstable.
const UNSTABLE: &[&str] = &["arch_cpu_idle", "default_idle", "bpf_dispatcher_xdp_func"];

/// Beginnings of such names; the first stands for functions that were optimised out.
const UNSTABLE_PREFIXES: &[&str] = &["__ftrace_invalid_address__", "rcu_"];

const BLACKLIST: &str = "/sys/kernel/debug/kprobes/blacklist";

/// For each program the functions that match it; empty for those without a wildcard. The list is long, and read once.
pub fn matching(
    programs: &[Program],
    environment: &Environment,
) -> Result<Vec<Vec<Function>>, Failure> {
    let mut found = vec![Vec::new(); programs.len()];
    let patterns: Vec<(usize, &str, Option<&str>)> = programs
        .iter()
        .enumerate()
        .filter_map(|(index, program)| {
            let (module, function) = pattern(&program.attach)?;
            Some((index, function, module))
        })
        .collect();
    if patterns.is_empty() {
        return Ok(found);
    }
    let list = open(environment)?;
    let blacklist = blacklist();
    let unreadable = |e| Failure::system(&e, "cannot read the list of traceable functions");
    each(list, &mut |name, module| {
        if is_unfit(name) || blacklist.contains(name) {
            return;
        }
        for (index, function, in_module) in &patterns {
            if matches(function, name) && in_module.is_none_or(|m| matches(m, module)) {
                found[*index].push(Function {
                    name: name.to_string(),
                    module: module.to_string(),
                });
            }
        }
    })
    .map_err(unreadable)?;
    Ok(found)
}

/// Also parts of functions, which have no prototype.
fn is_unfit(name: &str) -> bool {
    name.contains(".part.")
        || UNSTABLE.contains(&name)
        || UNSTABLE_PREFIXES.iter().any(|p| name.starts_with(p))
}

pub fn is_loaded(module: &str) -> bool {
    std::path::Path::new("/sys/module")
        .join(module.replace('-', "_"))
        .exists()
}

fn pattern(attach: &Attach) -> Option<(Option<&str>, &str)> {
    match attach {
        _ if !attach.is_pattern() => None,
        Attach::Kprobe {
            module, function, ..
        }
        | Attach::Kretprobe { module, function }
        | Attach::Fentry { module, function }
        | Attach::Fexit { module, function } => Some((module.as_deref(), function)),
        _ => None,
    }
}

/// The list of tracefs; where it cannot be read, all functions, of which the kernel will refuse some.
fn open(environment: &Environment) -> Result<Box<dyn BufRead>, Failure> {
    let traceable = environment
        .tracefs
        .as_ref()
        .and_then(|t| File::open(t.root().join("available_filter_functions")).ok());
    if let Some(mut list) = traceable {
        // some kernels let it be opened, and refuse to read it
        let mut first = [0; 1];
        if list.read(&mut first).is_ok() {
            let start = std::io::Cursor::new(first);
            return Ok(Box::new(BufReader::new(start.chain(list))));
        }
    }
    match File::open("/proc/kallsyms") {
        Ok(list) => Ok(Box::new(BufReader::new(list))),
        Err(e) => Err(Failure::system(
            &e,
            "cannot read the list of kernel functions",
        )),
    }
}

/// Lines of either file: `name [module]`, or `address kind name [module]`.
fn each(mut list: impl BufRead, visit: &mut dyn FnMut(&str, &str)) -> std::io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if list.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (name, module) = match words.as_slice() {
            [name] => (*name, None),
            [name, module] if module.starts_with('[') => (*name, Some(*module)),
            [_, "t" | "T" | "w" | "W", name] => (*name, None),
            [_, "t" | "T", name, module] => (*name, Some(*module)),
            _ => continue,
        };
        let module = module.map_or("vmlinux", |m| m.trim_matches(['[', ']']));
        visit(name, module);
    }
}

/// `0xffffffff81000000-0xffffffff81000010 name [module]`; empty where debugfs is not mounted.
fn blacklist() -> HashSet<String> {
    let text = std::fs::read_to_string(BLACKLIST).unwrap_or_default();
    let name = |line: &str| line.split_ascii_whitespace().nth(1).map(str::to_string);
    text.lines().filter_map(name).collect()
}

/// The places of a wildcard. Without a module each name counts once: the kernel chooses among functions of one name.
pub fn sites(
    program: &Program,
    module: Option<&str>,
    function: &str,
    at_return: bool,
    found: &[Function],
) -> Result<Vec<Site>, Failure> {
    let provider = match at_return {
        false => "kprobe",
        true => "kretprobe",
    };
    let mut seen = HashSet::new();
    let mut sites = Vec::new();
    for f in found {
        let home = module.map(|_| f.module.clone());
        if !seen.insert((home.clone(), &f.name)) {
            continue;
        }
        let probe = match &home {
            Some(module) => format!("{provider}:{module}:{}", f.name),
            None => format!("{provider}:{}", f.name),
        };
        sites.push(Site {
            probe,
            func: f.name.clone(),
            place: Place::Kernel {
                module: home,
                function: f.name.clone(),
                offset: 0,
                at_return,
            },
            id: 0,
            return_id: 0,
            prototype: None,
        });
    }
    if sites.is_empty() {
        let failure = no_match(program, "traceable kernel function");
        return Err(match module {
            Some(module) => failure.help(format!(
                "is a module that matches `{module}` loaded? /proc/modules lists them"
            )),
            None => failure.help(format!(
                "available_filter_functions in tracefs lists what `{function}` could match"
            )),
        });
    }
    Ok(sites)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists() {
        let text = "vfs_read\nnf_hook [nf_tables]\nffffffff81000000 T vfs_write\n\
            ffffffffc0000000 t nf_x\t[nf_tables]\nffffffff81000000 D data\n";
        let mut found = Vec::new();
        each(text.as_bytes(), &mut |name, module| {
            found.push(format!("{module}:{name}"));
        })
        .expect("a text");
        let expected = [
            "vmlinux:vfs_read",
            "nf_tables:nf_hook",
            "vmlinux:vfs_write",
            "nf_tables:nf_x",
        ];
        assert_eq!(found, expected);
    }
}
