//! What a probe's arguments are, with their types, as C declares them.

use std::collections::HashMap;

use bt_abi::manifest::{Attach, Program};

use crate::btf::function::{self, Declaration, Function, Request, VMLINUX};
use crate::environment::Environment;
use crate::error::{Failure, describe};
use crate::targets::{Place, Site};

/// The declarations of the functions that programs could be attached to, by the program's index.
pub struct Arguments(Vec<HashMap<String, Vec<Function>>>);

impl Arguments {
    pub fn read(programs: &[Program]) -> Result<Arguments, Failure> {
        let requests: Vec<Request> = programs.iter().map(request).collect();
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
        Ok(Arguments(found.collect()))
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
            _ => return Vec::new(),
        };
        let same = |f: &&Function| module.is_none_or(|m| *m == f.module);
        let named = self.0.get(index).and_then(|all| all.get(name));
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
            _ => declared.params.iter().map(named).collect(),
        }
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

fn request(program: &Program) -> Request<'_> {
    let (raw, module, name) = match &program.attach {
        Attach::Fentry { module, function }
        | Attach::Fexit { module, function }
        | Attach::Kretprobe { module, function }
        | Attach::Kprobe {
            module, function, ..
        } => (false, module, function),
        Attach::RawTracepoint { module, event } => (true, module, event),
        _ => {
            return Request {
                raw: true,
                module: Some(VMLINUX),
                name: "",
            };
        }
    };
    Request {
        raw,
        module: module.as_deref(),
        name,
    }
}
