//! What a probe's arguments are, with their types, as C declares them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bt_abi::manifest::{Attach, Program};
use bt_abi::usdt::Argument;

use crate::btf::function::{self, Declaration, Function, Request, VMLINUX};
use crate::environment::Environment;
use crate::error::{Failure, describe};
use crate::symbols::parameters;
use crate::targets::{Place, Site, iterators};

/// The declarations of the functions that programs could be attached to, by the program's index.
pub struct Arguments {
    kernel: Vec<HashMap<String, Vec<Function>>>,
    /// Of files of programs, when first asked for.
    files: RefCell<HashMap<PathBuf, HashMap<String, Vec<String>>>>,
}

impl Arguments {
    pub fn read(programs: &[Program]) -> Result<Arguments, Failure> {
        let wanted: Vec<Wanted> = programs.iter().map(wanted).collect();
        let requests: Vec<Request> = wanted.iter().map(Wanted::request).collect();
        let found = function::find(&requests, true).map_err(|e| {
            Failure::kernel(format!("cannot read the kernel's BTF: {}", describe(&e)))
        })?;
        let by_name = |functions: Vec<Function>| {
            let mut all: HashMap<String, Vec<Function>> = HashMap::new();
            for function in functions {
                all.entry(function.name.clone()).or_default().push(function);
            }
            all
        };
        let found = found.into_iter().flatten().map(by_name);
        Ok(Arguments {
            kernel: found.collect(),
            files: RefCell::default(),
        })
    }

    /// Lines of one place.
    pub fn of(
        &self,
        index: usize,
        program: &Program,
        site: &Site,
        environment: &Environment,
    ) -> Vec<String> {
        let (name, module) = match &site.place {
            Place::Event { category, event } => return fields(environment, category, event),
            Place::Kernel {
                function, module, ..
            } => (function, module.as_ref()),
            Place::Traced { module, name } => (name, Some(module)),
            Place::Iterator { name, .. } => (&iterators::function(name), None),
            Place::User {
                path,
                at_return: false,
                ..
            } => return self.of_file(path, &site.func),
            Place::Static { arguments, .. } => return arguments.iter().map(of_note).collect(),
            _ => return Vec::new(),
        };
        let same = |f: &&Function| module.is_none_or(|m| *m == f.module);
        let named = self.kernel.get(index).and_then(|all| all.get(name));
        let found = named.into_iter().flatten().find(same);
        let Some(declared) = found.and_then(|f| f.declaration.as_ref()) else {
            return Vec::new();
        };
        let named = |(ty, name): &(String, String)| format!("{ty} {name}");
        match &program.attach {
            Attach::Kprobe { .. } => numbered(declared),
            Attach::Kretprobe { .. } => match &declared.result {
                Some(ty) => vec![format!("{ty} retval")],
                None => vec!["void".to_string()],
            },
            Attach::Fexit { .. } => {
                let result = declared.result.iter().map(|ty| format!("{ty} retval"));
                declared.params.iter().map(named).chain(result).collect()
            }
            // the first is about the iteration
            Attach::Iter { .. } => declared.params.iter().skip(1).map(named).collect(),
            _ => declared.params.iter().map(named).collect(),
        }
    }

    /// By its debug information.
    fn of_file(&self, path: &Path, function: &str) -> Vec<String> {
        let mut files = self.files.borrow_mut();
        let known = files
            .entry(path.to_path_buf())
            .or_insert_with(|| parameters::of(path));
        known.get(function).cloned().unwrap_or_default()
    }
}

/// An argument of a static probe, as the script sees it.
fn of_note((number, argument): &(u32, Result<Argument, String>)) -> String {
    match argument {
        Ok(argument) => {
            let sign = if argument.signed { "" } else { "u" };
            let bits = u32::from(argument.size) * 8;
            format!("{sign}int{bits} arg{number}")
        }
        Err(why) => format!("arg{number}: {why}"),
    }
}

fn numbered(declared: &Declaration) -> Vec<String> {
    let params = declared.params.iter().enumerate();
    params.map(|(i, (ty, _))| format!("{ty} arg{i}")).collect()
}

/// The fields of a tracepoint, those that all have left out.
fn fields(environment: &Environment, category: &str, event: &str) -> Vec<String> {
    let file = environment.tracepoint(category, event).join("format");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let own = text.split_once("\n\n").map_or("", |(_, own)| own);
    let declared = own.lines().filter_map(|line| {
        let (declaration, _) = line.strip_prefix("\tfield:")?.split_once(';')?;
        Some(declaration.to_string())
    });
    declared.collect()
}

/// The functions of an attach point, as they are looked up in BTF.
struct Wanted {
    raw: bool,
    module: Option<String>,
    name: String,
}

impl Wanted {
    fn request(&self) -> Request<'_> {
        Request {
            raw: self.raw,
            module: self.module.as_deref(),
            name: &self.name,
        }
    }
}

fn wanted(program: &Program) -> Wanted {
    let (raw, module, name) = match &program.attach {
        Attach::Fentry { module, function }
        | Attach::Fexit { module, function }
        | Attach::Kretprobe { module, function }
        | Attach::Kprobe {
            module, function, ..
        } => (false, module, function),
        Attach::RawTracepoint { module, event } => (true, module, event),
        Attach::Iter { name, .. } => {
            return Wanted {
                raw: false,
                module: Some(VMLINUX.to_string()),
                name: iterators::function(name),
            };
        }
        _ => {
            return Wanted {
                raw: true,
                module: Some(VMLINUX.to_string()),
                name: String::new(),
            };
        }
    };
    Wanted {
        raw,
        module: module.clone(),
        name: name.clone(),
    }
}
