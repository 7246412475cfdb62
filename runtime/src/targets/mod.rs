//! What the attach points of an object stand for on this machine: names, wildcards and paths to places.
//!
//! Only what is a fact of the machine is decided here; which programs and attachments that takes is [`variants`]' business.

pub mod alternatives;
mod builds;
mod events;
pub mod iterators;
pub mod kernel_functions;
pub mod sessions;
mod static_probes;
mod traced;
mod user_functions;
pub mod variants;

use std::path::PathBuf;
use std::rc::Rc;

use bt_abi::manifest::{Attach, Manifest, Program, SlotValue};
use bt_abi::usdt::Argument;

use crate::btf::function::Prototype;
use crate::cli::Mode;
use crate::environment::{Environment, kallsyms};
use crate::error::{Failure, Kind};
use crate::process::Process;
use crate::say;
use crate::symbols::{archive, binary, search};
use alternatives::Choice;
pub use traced::Described;

/// As in bpftrace.
const MAX_PROBES: u64 = 1024;

/// A place that a program is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What the builtins `probe` and `func` give there.
    pub probe: String,
    pub func: String,
    pub place: Place,
    /// Index of its names, for programs that ask for them: never 0.
    pub id: u32,
    /// In a session the id of the return.
    pub return_id: u32,
    /// What the kernel's BTF says of the function.
    pub prototype: Option<Rc<Prototype>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `begin`, `end`, timers: as the manifest says.
    Plain,
    Kernel {
        module: Option<String>,
        function: String,
        offset: u64,
        at_return: bool,
    },
    /// An instruction of the kernel.
    Address {
        address: u64,
        at_return: bool,
    },
    Event {
        category: String,
        event: String,
    },
    /// A function or raw tracepoint that BTF describes.
    Traced {
        module: String,
        name: String,
    },
    /// An iterator of the kernel.
    Iterator {
        name: String,
        pin: Option<PathBuf>,
    },
    /// A function of a BPF program.
    Program {
        id: u32,
        function: String,
    },
    /// `offset`: in the file.
    User {
        path: PathBuf,
        offset: u64,
        at_return: bool,
    },
    /// A static probe. `offset`, `semaphore` (0: none): in the file. The arguments, by number: once places are resolved, those alone
    /// that the program reads. The error says why one cannot be read.
    Static {
        path: PathBuf,
        offset: u64,
        semaphore: u64,
        arguments: Vec<(u32, Result<Argument, String>)>,
    },
}

/// What happens to attach points that this machine does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Error,
    Warn,
    Ignore,
}

/// The places of each program, by its index.
#[derive(Debug)]
pub struct Targets {
    pub sites: Vec<Vec<Site>>,
    pub missing: Missing,
    /// What programs with alternatives have become.
    pub choices: Vec<Choice>,
}

impl Targets {
    /// All places, those of `begin` and `end` too.
    pub fn count(&self) -> usize {
        self.sites.iter().map(Vec::len).sum()
    }
}

impl Missing {
    fn of(manifest: &Manifest) -> Missing {
        let setting = manifest.config.settings.get("missing_probes");
        match setting.map(String::as_str) {
            Some("warn") => Missing::Warn,
            Some("ignore") => Missing::Ignore,
            _ => Missing::Error,
        }
    }

    /// Goes on without a place, if the script allows that and the failure is about it.
    pub fn pass(self, failure: Failure) -> Result<(), Failure> {
        match self {
            _ if failure.kind != Kind::Kernel => Err(failure),
            Missing::Error => Err(failure),
            Missing::Warn => {
                say::err(&format!("WARNING: {}; left out\n", failure.message));
                Ok(())
            }
            Missing::Ignore => Ok(()),
        }
    }
}

/// The places of programs, by their index, or why there are none.
pub fn places(
    programs: &[Program],
    described: &Described,
    environment: &Environment,
    process: Option<&Process>,
) -> Result<Vec<Result<Vec<Site>, Failure>>, Failure> {
    let functions = kernel_functions::matching(programs, environment)?;
    let indexed = programs.iter().zip(functions).enumerate();
    let of = |(index, (program, functions)): (usize, (&Program, Vec<_>))| {
        if request_of_btf(&program.attach) {
            return described.sites(index, program, &functions);
        }
        let mut sites = find(program, environment, process, &functions)?;
        described.complete(index, program, &mut sites);
        Ok(sites)
    };
    Ok(indexed.map(of).collect())
}

/// Finds the places of all programs. What is missing is refused by name, or left out, as the script's `missing_probes` says.
pub fn resolve(
    manifest: &Manifest,
    described: Described,
    environment: &Environment,
    process: Option<&Process>,
    mode: Mode,
) -> Result<Targets, Failure> {
    let missing = Missing::of(manifest);
    let programs = &manifest.programs;
    let found = places(programs, &described, environment, process)?;
    let mut sites = Vec::new();
    for (index, (program, found)) in programs.iter().zip(found).enumerate() {
        if !is_run(&program.attach, mode) {
            sites.push(Vec::new());
            continue;
        }
        let found = found.and_then(|sites| {
            let arguments = static_probes::arguments(manifest, index);
            static_probes::with_arguments(program, sites, &arguments, missing)
        });
        let found = found.map_err(|f| match f.span {
            Some(_) => f,
            None => f.at(program.span),
        });
        sites.push(match found {
            Ok(found) => found,
            Err(failure) => {
                missing.pass(failure)?;
                Vec::new()
            }
        });
    }
    builds::compare(manifest, &sites);
    number(manifest, &mut sites);
    let targets = Targets {
        sites,
        missing,
        choices: described.choices,
    };
    check_count(manifest, &targets, mode)?;
    Ok(targets)
}

/// Tests and benchmarks are run alone, save for `begin` and `end`; else they are not there.
pub fn is_run(attach: &Attach, mode: Mode) -> bool {
    match attach {
        Attach::Test { .. } => mode == Mode::Test,
        Attach::Bench { .. } => mode == Mode::Bench,
        Attach::Begin | Attach::End => true,
        _ => mode == Mode::Trace,
    }
}

/// Places whose programs ask for names get a number.
fn number(manifest: &Manifest, sites: &mut [Vec<Site>]) {
    let mut next = 1;
    for slot in &manifest.slots {
        let SlotValue::ProbeId { program } = slot.value else {
            continue;
        };
        for site in sites.get_mut(program as usize).into_iter().flatten() {
            site.id = next;
            next += 1;
        }
    }
}

fn check_count(manifest: &Manifest, targets: &Targets, mode: Mode) -> Result<(), Failure> {
    let count = targets.count() as u64;
    let has = |mode| {
        let called = |a: &Attach| matches!(a, Attach::Test { .. } | Attach::Bench { .. });
        let mut all = manifest.programs.iter().map(|p| &p.attach);
        all.any(|a| called(a) && is_run(a, mode))
    };
    let lacks = |what| {
        Err(Failure::unusable(format!(
            "the script has no `{what}` probes"
        )))
    };
    match mode {
        Mode::Test if !has(Mode::Test) => return lacks("test"),
        Mode::Bench if !has(Mode::Bench) => return lacks("bench"),
        Mode::Trace if count == 0 && has(Mode::Test) => {
            return Err(Failure::unusable("the script has only `test` probes")
                .help("run them with `btrun --test`"));
        }
        Mode::Trace if count == 0 && has(Mode::Bench) => {
            return Err(Failure::unusable("the script has only `bench` probes")
                .help("run them with `btrun --bench`"));
        }
        _ => {}
    }
    if count == 0 {
        return Err(nothing());
    }
    let limit = limit(manifest, "max_probes", MAX_PROBES);
    if count <= limit {
        return Ok(());
    }
    let largest = targets.sites.iter().zip(&manifest.programs);
    let largest = largest.max_by_key(|(sites, _)| sites.len());
    let failure = Failure::unusable(format!(
        "{count} probes on this machine, and max_probes is {limit}"
    ))
    .help("a narrower wildcard is kinder to the machine; else raise `max_probes` in the script's config block");
    Err(match largest {
        Some((_, program)) => failure.at(program.span),
        None => failure,
    })
}

pub fn nothing() -> Failure {
    Failure::kernel("there is nothing to attach to: this machine has none of the script's probes")
}

/// A number of the script's config block.
pub fn limit(manifest: &Manifest, name: &str, default: u64) -> u64 {
    let setting = manifest.config.settings.get(name);
    setting.and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn find(
    program: &Program,
    environment: &Environment,
    process: Option<&Process>,
    functions: &[kernel_functions::Function],
) -> Result<Vec<Site>, Failure> {
    let at_return = matches!(
        program.attach,
        Attach::Kretprobe { .. } | Attach::Uretprobe { .. }
    );
    match &program.attach {
        Attach::Kprobe {
            module, function, ..
        }
        | Attach::Kretprobe { module, function } => {
            let offset = match program.attach {
                Attach::Kprobe { offset, .. } => offset,
                _ => 0,
            };
            if !program.attach.is_pattern() {
                within(module.as_deref(), function, offset)?;
                let place = Place::Kernel {
                    module: module.clone(),
                    function: function.clone(),
                    offset,
                    at_return,
                };
                return Ok(vec![one(program, function, place)]);
            }
            kernel_functions::sites(program, module.as_deref(), function, at_return, functions)
        }
        Attach::KprobeAddress { address, at_return } => {
            let place = Place::Address {
                address: *address,
                at_return: *at_return,
            };
            Ok(vec![one(program, "", place)])
        }
        Attach::Tracepoint { category, event } => {
            events::sites(program, environment, category, event)
        }
        Attach::Uprobe { binary, target } | Attach::Uretprobe { binary, target } => {
            if program.attach.is_pattern() {
                return user_functions::sites(program, binary, target, at_return, process);
            }
            let path = search::find(binary, process)?.path;
            let offset = binary::file_offset(&path, target, environment.allow_unsafe)?;
            let place = Place::User {
                path: archive::outer(&path),
                offset,
                at_return,
            };
            Ok(vec![one(program, user_functions::name(target), place)])
        }
        Attach::FentryProgram { id, function } | Attach::FexitProgram { id, function } => {
            traced::program_sites(program, *id, function)
        }
        Attach::Usdt {
            binary,
            namespace,
            name,
        } => static_probes::sites(program, binary, namespace.as_deref(), name, process),
        Attach::Iter { name, pin } => iterators::sites(program, name, pin.as_deref()),
        Attach::Deferred { .. } => Err(Failure::unusable(
            "the object is damaged: a probe's parameters were not replaced",
        )),
        Attach::Fentry { .. }
        | Attach::Fexit { .. }
        | Attach::RawTracepoint { .. }
        | Attach::Begin
        | Attach::End
        | Attach::Signal { .. }
        | Attach::Test { .. }
        | Attach::Bench { .. }
        | Attach::Software { .. }
        | Attach::Hardware { .. }
        | Attach::Watchpoint { .. }
        | Attach::Interval { .. }
        | Attach::Profile { .. } => Ok(vec![one(program, "", Place::Plain)]),
    }
}

/// Does an instruction lie in its function? The kernel would take it for one of the next function.
fn within(module: Option<&str>, function: &str, offset: u64) -> Result<(), Failure> {
    if offset == 0 {
        return Ok(());
    }
    match kallsyms::room(function, module) {
        Some(room) if offset >= room => Err(Failure::kernel(format!(
            "`{function}+{offset}` is beyond the function, which has {room} bytes on this kernel"
        ))
        .help("offsets are those of one build of the kernel: `kprobe:FUNCTION` and `fentry` go without")),
        _ => Ok(()),
    }
}

/// Is its place looked up in BTF?
fn request_of_btf(attach: &Attach) -> bool {
    matches!(
        attach,
        Attach::Fentry { .. } | Attach::Fexit { .. } | Attach::RawTracepoint { .. }
    )
}

/// The only place of a program.
fn one(program: &Program, func: &str, place: Place) -> Site {
    Site {
        probe: program.probe.clone(),
        func: func.to_string(),
        place,
        id: 0,
        return_id: 0,
        prototype: None,
    }
}

/// A wildcard that stands for nothing.
fn no_match(program: &Program, what: &str) -> Failure {
    Failure::kernel(format!("no {what} matches `{}`", program.probe))
}
