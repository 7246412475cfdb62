//! `btrun list`: the probes that this machine has, and those of an object, as bpftrace's `-l` prints them.

mod arguments;

use std::ffi::OsStr;
use std::path::Path;

use bt_abi::attach::{self, Part, is_pattern, matches};
use bt_abi::events::{Event, HARDWARE, SOFTWARE};
use bt_abi::manifest::{Program, Span};

use crate::cli::Mode;
use crate::environment::kallsyms::{self, Lookup};
use crate::environment::{self, Environment, Tracefs};
use crate::error::Failure;
use crate::object::ObjectFile;
use crate::params;
use crate::say;
use crate::targets::{self, Described, Place, Site, iterators};
use arguments::Arguments;

/// A provider, its short names, and whether it is listed when none is named: what returns, and what is not of the kernel, is not.
struct Provider {
    name: &'static str,
    short: &'static [&'static str],
    of_kernel: bool,
}

const fn provider(name: &'static str, short: &'static [&'static str], of_kernel: bool) -> Provider {
    Provider {
        name,
        short,
        of_kernel,
    }
}

const PROVIDERS: &[Provider] = &[
    provider("fentry", &["f", "kfunc"], true),
    provider("fexit", &["fr", "kretfunc"], false),
    provider("hardware", &["h"], true),
    provider("interval", &["i"], false),
    provider("iter", &["it"], true),
    provider("kprobe", &["k"], true),
    provider("kretprobe", &["kr"], false),
    provider("profile", &["p"], false),
    provider("rawtracepoint", &["rt"], true),
    provider("self", &[], false),
    provider("software", &["s"], true),
    provider("tracepoint", &["t"], true),
    provider("uprobe", &["u"], false),
    provider("uretprobe", &["ur"], false),
    provider("usdt", &["U"], false),
];

const UNITS: &[&str] = &["hz:", "ms:", "s:", "us:"];

const SIGNALS: &[&str] = &["signal:SIGUSR1"];

/// Prints the probes that match a pattern, or those of an object; without either all of the kernel.
pub fn list(what: Option<&OsStr>, verbose: bool) -> Result<(), Failure> {
    let lines = match what {
        Some(path) if Path::new(path).is_file() => of_object(Path::new(path), verbose)?,
        Some(pattern) => {
            let pattern = pattern.to_string_lossy();
            let mut lines = Vec::new();
            for pattern in pattern.split(',') {
                lines.extend(of_pattern(pattern.trim(), verbose)?);
            }
            lines
        }
        None => of_pattern("*", verbose)?,
    };
    let mut text = lines.join("\n");
    text.push('\n');
    say::out(&text);
    Ok(())
}

fn of_pattern(pattern: &str, verbose: bool) -> Result<Vec<String>, Failure> {
    let (name, rest) = pattern.split_once(':').unwrap_or((pattern, ""));
    let named = |p: &&Provider| p.name == name || p.short.contains(&name);
    let environment = Environment {
        tracefs: Tracefs::find().ok(),
        allow_unsafe: false,
    };
    let mut lines = Vec::new();
    if is_pattern(name) {
        for provider in PROVIDERS
            .iter()
            .filter(|p| p.of_kernel && matches(name, p.name))
        {
            // what a kernel lacks has no probes
            lines.extend(of_provider(provider, rest, &environment, verbose).unwrap_or_default());
        }
    } else {
        let Some(provider) = PROVIDERS.iter().find(named) else {
            let names: Vec<&str> = PROVIDERS.iter().map(|p| p.name).collect();
            return Err(Failure::unusable(format!(
                "`{name}` is no probe type that can be listed, and no file"
            ))
            .help(format!("there are {}", names.join(", "))));
        };
        lines = of_provider(provider, rest, &environment, verbose)?;
    }
    match lines.is_empty() {
        true => Err(Failure::kernel(format!(
            "no probe of this machine matches `{pattern}`"
        ))),
        false => Ok(lines),
    }
}

fn of_provider(
    provider: &Provider,
    rest: &str,
    environment: &Environment,
    verbose: bool,
) -> Result<Vec<String>, Failure> {
    let name = provider.name;
    let all = if rest.is_empty() { "*" } else { rest };
    let chosen = |texts: Vec<String>| {
        let fits = |t: &String| matches(all, t) || matches(all, t.trim_end_matches(':'));
        let mut found: Vec<String> = texts.into_iter().filter(fits).collect();
        found.sort();
        found.iter().map(|t| format!("{name}:{t}")).collect()
    };
    let own = |texts: &[&str]| texts.iter().map(|t| t.to_string()).collect();
    Ok(match name {
        "software" => chosen(events(SOFTWARE)),
        "hardware" => chosen(events(HARDWARE)),
        "interval" | "profile" => chosen(own(UNITS)),
        "self" => chosen(own(SIGNALS)),
        "iter" if is_pattern(all) => {
            let mut lines = Vec::new();
            let known = iterators::known()?.unwrap_or_default();
            for iterator in known.iter().filter(|i| matches(all, i)) {
                lines.extend(listed(name, iterator, environment, verbose)?);
            }
            lines
        }
        _ => listed(name, rest, environment, verbose)?,
    })
}

fn listed(
    provider: &str,
    rest: &str,
    environment: &Environment,
    verbose: bool,
) -> Result<Vec<String>, Failure> {
    let program = program(provider, rest)?;
    let sites = sites(&program, environment)?;
    printed(&[program], &[sites], environment, verbose)
}

/// Each by its name, and by its short one.
fn events(events: &[Event]) -> Vec<String> {
    let names = events.iter().flat_map(|e| [e.name, e.short]);
    let names = names.filter(|n| !n.is_empty());
    names.map(|n| format!("{n}:")).collect()
}

/// A probe as a script would have it, with wildcards for what is not said.
fn program(provider: &str, rest: &str) -> Result<Program, Failure> {
    let mut parts: Vec<&str> = rest.split(':').collect();
    // names of C++ have colons
    if let [_, "cpp", _, ..] = parts.as_slice() {
        parts = rest.splitn(3, ':').collect();
    }
    if rest.is_empty() {
        parts = vec!["*"];
    }
    match (provider, parts.as_slice()) {
        ("tracepoint", [event]) => parts = vec!["*", event],
        ("uprobe" | "uretprobe" | "usdt", [binary]) if !rest.is_empty() => {
            parts = vec![binary, "*"]
        }
        ("uprobe" | "uretprobe" | "usdt", [_]) => {
            return Err(
                Failure::unusable(format!("which binary's `{provider}` probes?")).help(format!(
                    "`btrun list '{provider}:/bin/bash:*'` lists those of one"
                )),
            );
        }
        _ => {}
    }
    let parts: Vec<Part> = parts
        .iter()
        .map(|text| Part {
            text: text.to_string(),
            quoted: false,
        })
        .collect();
    let text = attach::text(provider, &parts);
    let attach = attach::parse(provider, &parts)
        .map_err(|why| Failure::unusable(format!("`{text}`: {why}")))?;
    Ok(Program {
        name: String::new(),
        probe: text,
        attach,
        alternatives: Vec::new(),
        span: Span {
            start: 0,
            end: 0,
            line: 0,
            column: 0,
        },
    })
}

fn sites(program: &Program, environment: &Environment) -> Result<Vec<Site>, Failure> {
    let programs = std::slice::from_ref(program);
    let described = Described::listed(programs)?;
    let found = targets::places(programs, &described, environment, None)?;
    let mut found: Vec<Site> = found
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map(|f| f.concat())?;
    // a plain name is not looked up where a probe is attached: the kernel does it then
    if let [one] = found.as_slice()
        && let Place::Kernel {
            module, function, ..
        } = &one.place
        && !program.attach.is_pattern()
        && let Some(Lookup::Missing { near }) = kallsyms::look_up(function, module.as_deref())
    {
        return Err(Failure::kernel(format!(
            "kernel function `{function}` does not exist on this kernel"
        ))
        .suggest(near));
    }
    found.sort_by(|a, b| a.probe.cmp(&b.probe));
    found.dedup_by(|a, b| a.probe == b.probe);
    Ok(found)
}

/// The names of places, with their arguments if these are asked for.
fn printed(
    programs: &[Program],
    sites: &[Vec<Site>],
    environment: &Environment,
    verbose: bool,
) -> Result<Vec<String>, Failure> {
    let arguments = match verbose {
        true => Some(Arguments::read(programs)?),
        false => None,
    };
    let mut lines = Vec::new();
    for (index, (program, sites)) in programs.iter().zip(sites).enumerate() {
        for site in sites {
            lines.push(site.probe.clone());
            if let Some(arguments) = &arguments {
                let all = arguments.of(index, program, site, environment);
                lines.extend(all.into_iter().map(|a| format!("    {a}")));
            }
        }
    }
    Ok(lines)
}

/// The probes of an object, as far as this machine has them.
fn of_object(path: &Path, verbose: bool) -> Result<Vec<String>, Failure> {
    let mut object = ObjectFile::read(path)?;
    let result = of_manifest(&mut object, verbose);
    if let Err(failure) = &result {
        say::err(&failure.render(Some(&object.manifest.source)));
        return Err(Failure::kernel(format!(
            "the probes of `{}` are not all known",
            path.display()
        )));
    }
    result
}

fn of_manifest(object: &mut ObjectFile, verbose: bool) -> Result<Vec<String>, Failure> {
    params::complete_probes(&mut object.manifest, &[])?;
    let manifest = &mut object.manifest;
    let environment = environment::check(manifest, Mode::Trace)?;
    manifest
        .programs
        .retain(|p| !crate::attach::special::is_called(&p.attach));
    let described = Described::listed(&manifest.programs)?;
    let found = targets::places(&manifest.programs, &described, &environment, None)?;
    let located = manifest.programs.iter().zip(found);
    let located = located.map(|(program, sites)| sites.map_err(|f| f.at(program.span)));
    let sites: Vec<Vec<Site>> = located.collect::<Result<_, _>>()?;
    printed(&manifest.programs, &sites, &environment, verbose)
}
