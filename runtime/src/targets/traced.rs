//! Functions and raw tracepoints that BTF describes, of the kernel and of modules, and those of BPF programs.

use std::collections::HashSet;

use bt_abi::attach::is_pattern;
use bt_abi::manifest::{Attach, Manifest, Program};

use super::alternatives::Choice;
use super::{Place, Site, kernel_functions, no_match};
use crate::attach::feature;
use crate::btf::function::{self, Function, Request, VMLINUX};
use crate::environment::kallsyms::{self, Lookup};
use crate::environment::{KERNEL_BTF, release};
use crate::error::{Failure, describe};
use crate::suggest;

mod programs;

pub use programs::sites as program_sites;

/// What BTF has for the programs that are loaded for one function, by their index.
#[derive(Default)]
pub struct Described {
    /// `None` if the kernel has no BTF.
    found: Option<Vec<Vec<Function>>>,
    /// What programs with alternatives have become.
    pub choices: Vec<Choice>,
    /// Functions that the kernel refuses are left out of wildcards.
    tried: bool,
}

impl Described {
    /// Reads BTF once for all programs.
    pub fn read(manifest: &Manifest) -> Result<Described, Failure> {
        let mut described = Described::listed(&manifest.programs)?;
        described.tried = true;
        Ok(described)
    }

    /// The same, for a look alone: nothing is tried out.
    pub fn listed(programs: &[Program]) -> Result<Described, Failure> {
        let nothing = Request {
            raw: true,
            module: Some(VMLINUX),
            name: "",
        };
        let request = |program| request(program).unwrap_or(nothing);
        let requests: Vec<Request> = programs.iter().map(request).collect();
        if requests.iter().all(|r| r.name.is_empty()) {
            return Ok(Described::default());
        }
        let found = function::find(&requests, false).map_err(|e| {
            Failure::kernel(format!("cannot read the kernel's BTF: {}", describe(&e)))
        })?;
        Ok(Described {
            found,
            choices: Vec::new(),
            tried: false,
        })
    }

    /// The functions of a program. `None` if the kernel has no BTF.
    pub fn of(&self, index: usize) -> Option<&[Function]> {
        Some(self.found.as_ref()?.get(index)?)
    }

    /// Completes the places of a kprobe that stands for fentry: its name and prototype are those of fentry.
    pub fn complete(&self, index: usize, program: &Program, sites: &mut [Site]) {
        let Some(provider @ ("fentry" | "fexit")) = program.probe.split(':').next() else {
            return;
        };
        for site in sites {
            let Place::Kernel { module: home, .. } = &site.place else {
                continue;
            };
            let same = |f: &&Function| {
                f.name == site.func && home.as_ref().is_none_or(|home| *home == f.module)
            };
            let function = self.of(index).into_iter().flatten().find(same);
            let module = function.map(|f| f.module.clone()).or(home.clone());
            let module = module.unwrap_or_else(|| VMLINUX.to_string());
            site.probe = format!("{provider}:{module}:{}", site.func);
            site.prototype = function.and_then(|f| f.prototype.clone());
        }
    }

    /// The places of a program. `traceable`: the functions that the kernel lists, for a wildcard.
    pub fn sites(
        &self,
        index: usize,
        program: &Program,
        traceable: &[kernel_functions::Function],
    ) -> Result<Vec<Site>, Failure> {
        let Some(request) = request(program) else {
            return Ok(Vec::new());
        };
        let Some(found) = self.found.as_ref().and_then(|found| found.get(index)) else {
            return Err(no_btf());
        };
        let provider = program.probe.split(':').next().unwrap_or_default();
        let late = program.attach.is_pattern();
        let site = |f: &Function| Site {
            probe: format!("{provider}:{}:{}", f.module, f.name),
            func: match request.raw {
                false => f.name.clone(),
                true => String::new(),
            },
            place: Place::Traced {
                module: f.module.clone(),
                name: f.name.clone(),
            },
            id: 0,
            return_id: 0,
            prototype: f.prototype.clone(),
        };
        if late {
            let listed: HashSet<(&str, &str)> = traceable
                .iter()
                .map(|f| (f.module.as_str(), f.name.as_str()))
                .collect();
            let is_listed = |f: &&Function| {
                request.raw || listed.contains(&(f.module.as_str(), f.name.as_str()))
            };
            // no list says which of them the kernel refuses
            let at_return = matches!(program.attach, Attach::Fexit { .. });
            let loads = |f: &&Function| {
                request.raw
                    || !self.tried
                    || feature::load_fentry(at_return, &f.module, f.id).is_ok()
            };
            let listed = found.iter().filter(is_listed);
            let mut sites: Vec<Site> = listed.filter(loads).map(site).collect();
            sites.sort_by(|a, b| a.probe.cmp(&b.probe));
            return match sites.is_empty() {
                true => Err(no_match(program, what(request))),
                false => Ok(sites),
            };
        }
        match found.as_slice() {
            [] => Err(missing(request)),
            [one] => Ok(vec![site(one)]),
            [one, ..] if one.module == VMLINUX => Ok(vec![site(one)]),
            several => {
                let modules: Vec<&str> = several.iter().map(|f| f.module.as_str()).collect();
                let (name, modules) = (request.name, modules.join(", "));
                Err(
                    Failure::kernel(format!("several modules have `{name}`: {modules}")).help(
                        format!("say which: `{provider}:{}:{name}`", several[0].module),
                    ),
                )
            }
        }
    }
}

fn request(program: &Program) -> Option<Request<'_>> {
    let (raw, module, name) = match &program.attach {
        Attach::Fentry { module, function } | Attach::Fexit { module, function } => {
            (false, module, function)
        }
        Attach::RawTracepoint { module, event } => (true, module, event),
        _ => return None,
    };
    Some(Request {
        raw,
        module: module.as_deref(),
        name,
    })
}

fn what(request: Request) -> &'static str {
    match request.raw {
        false => "traceable kernel function with BTF",
        true => "raw tracepoint of this kernel",
    }
}

pub fn no_btf() -> Failure {
    Failure::kernel(format!(
        "this kernel ({}) does not describe its functions: {KERNEL_BTF} is missing",
        release()
    ))
    .help("a kernel with CONFIG_DEBUG_INFO_BTF is needed; kprobes and tracepoints work without")
}

/// The raw tracepoint whose name is like this.
fn near_event(request: Request) -> Option<String> {
    let all = Request {
        name: "*",
        ..request
    };
    let found = function::find(&[all], false).ok()??;
    let names = found.iter().flatten().map(|f| f.name.as_str());
    suggest::nearest(request.name, names)
}

/// There is no such name.
fn missing(request: Request) -> Failure {
    let name = request.name;
    let of_module = match request.module {
        None | Some(VMLINUX) => String::new(),
        Some(module) if is_pattern(module) => format!(" of a module `{module}`"),
        Some(module) => format!(" of module `{module}`"),
    };
    if let Some(module) = request.module
        && !is_pattern(module)
        && module != VMLINUX
        && !kernel_functions::is_loaded(module)
    {
        return Failure::kernel(format!("kernel module `{module}` is not loaded"));
    }
    if request.raw {
        let failure = Failure::kernel(format!(
            "raw tracepoint `{name}`{of_module} does not exist on this kernel"
        ));
        return match near_event(request) {
            None => {
                failure.help("the events of tracefs have the same names, without their categories")
            }
            near => failure.suggest(near),
        };
    }
    match kallsyms::look_up(name, request.module.filter(|m| !is_pattern(m))) {
        Some(Lookup::Missing { near }) => Failure::kernel(format!(
            "kernel function `{name}`{of_module} does not exist on this kernel"
        ))
        .suggest(near),
        _ => Failure::kernel(format!(
            "the BTF of this kernel ({}) does not have the function `{name}`{of_module}",
            release()
        ))
        .help("functions that cannot be traced, or have no definite prototype, are not in BTF; a kprobe may do"),
    }
}
