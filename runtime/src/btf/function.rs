//! Functions and raw tracepoints that this kernel's BTF describes, modules included: found by name or wildcard, and where their
//! arguments are in the context of a program.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::rc::Rc;

use bt_abi::arch;
use bt_abi::attach::{is_pattern, matches};
use bt_abi::manifest::{Attach, FieldOwner, Manifest, Program};
use bt_abi::names::{FunctionKind, function_struct};

use super::declaration::declare;
use super::format::{Field, FieldKind};
use super::reader::{Btf, Header, kind};
use super::relocations::Wanted;
use super::tracepoint::{self, Event, Layout};
use crate::environment::{BTF_FOLDER, KERNEL_BTF, release};
use crate::error::Failure;
use crate::targets::Site;

/// What fexit gives besides the arguments.
const RETURNED: &str = "retval";

const WORD: u32 = 8;

/// What the kernel itself is called among its modules.
pub const VMLINUX: &str = "vmlinux";

/// What calls the programs of a raw tracepoint: it has its arguments, behind one of its own.
const CALLER: &str = "__traceiter_";
/// The type of a raw tracepoint's handlers.
const HANDLER: &str = "btf_trace_";

/// What is looked for. Names may have wildcards.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub raw: bool,
    /// None: the kernel's own, or else of any module; with a wildcard of all.
    pub module: Option<&'a str>,
    pub name: &'a str,
}

/// A function or raw tracepoint of this kernel.
#[derive(Debug, Clone)]
pub struct Function {
    pub module: String,
    /// In the BTF of the module; 0 where only the name is known.
    pub id: u32,
    pub name: String,
    /// `None` where only the name is known.
    pub prototype: Option<Rc<Prototype>>,
    /// Only where it was asked for.
    pub declaration: Option<Declaration>,
}

/// Types as text.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// Type and name.
    pub params: Vec<(String, String)>,
    /// `None` for void.
    pub result: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Prototype {
    /// How each lies in words; the offsets are those of a list of words.
    words: Vec<Word>,
    result: Option<Field>,
}

#[derive(Debug, PartialEq, Eq)]
struct Word {
    /// `None` for a type that cannot be read.
    field: Option<Field>,
    size: u32,
}

impl Request<'_> {
    /// The name of a type of BTF that stands for it.
    fn answers(&self, name: &str) -> bool {
        let own = match self.raw {
            false => Some(name),
            true => name.strip_prefix(CALLER).or(name.strip_prefix(HANDLER)),
        };
        own.is_some_and(|own| matches(self.name, own))
    }

    fn wants_modules(&self, found: bool) -> bool {
        match self.module {
            None => is_pattern(self.name) || !found,
            Some(module) => module != VMLINUX,
        }
    }

    fn wants_module(&self, name: &str) -> bool {
        self.module.is_none_or(|pattern| matches(pattern, name))
    }
}

/// Finds what is asked for, in the order of the requests, and how it is `declared` in C. `None` if the kernel has no BTF.
pub fn find(requests: &[Request], declared: bool) -> io::Result<Option<Vec<Vec<Function>>>> {
    let Ok(file) = File::open(KERNEL_BTF) else {
        return Ok(None);
    };
    let mut found = vec![Vec::new(); requests.len()];
    let mut search = Search {
        btf: Btf::of_file(file)?,
        names: HashMap::new(),
        requests,
        declared,
        known: HashMap::new(),
    };
    search.newest(VMLINUX, &mut found)?;
    let modules = requests.iter().zip(&found);
    if modules
        .into_iter()
        .any(|(r, found)| r.wants_modules(!found.is_empty()))
    {
        search.modules(Path::new(BTF_FOLDER), &mut found)?;
    }
    Ok(Some(found))
}

struct Search<'a> {
    btf: Btf,
    /// Strings that answer a request, by their offset.
    names: HashMap<u32, String>,
    requests: &'a [Request<'a>],
    declared: bool,
    /// Where a function is in what was found, by request, module and name.
    known: HashMap<(usize, String, String), usize>,
}

impl Search<'_> {
    fn modules(&mut self, folder: &Path, found: &mut [Vec<Function>]) -> io::Result<()> {
        let mut files: Vec<_> = fs::read_dir(folder)?.flatten().map(|f| f.path()).collect();
        files.sort();
        // what the kernel itself has, is not looked for elsewhere
        let done: Vec<bool> = self
            .requests
            .iter()
            .zip(&*found)
            .map(|(r, found)| !r.wants_modules(!found.is_empty()))
            .collect();
        for path in files.iter().filter(|p| !p.ends_with(VMLINUX)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut wanted = self.requests.iter().zip(&done);
            if !wanted.any(|(r, done)| !done && r.wants_module(&name)) {
                continue;
            }
            // a module that has gone meanwhile is no error
            if let Ok(module) = File::open(path).and_then(Btf::of_file) {
                self.btf.add(module);
                let mut here = vec![Vec::new(); found.len()];
                self.newest(&name, &mut here)?;
                for ((all, new), done) in found.iter_mut().zip(here).zip(&done) {
                    if !done {
                        all.extend(new);
                    }
                }
                self.btf.remove();
            }
        }
        Ok(())
    }

    /// Looks through the newest part, which is that of a module.
    fn newest(&mut self, module: &str, found: &mut [Vec<Function>]) -> io::Result<()> {
        let requests = self.requests;
        let own = self.btf.strings_where(|text| {
            std::str::from_utf8(text).is_ok_and(|name| requests.iter().any(|r| r.answers(name)))
        })?;
        let added: Vec<u32> = own.iter().map(|(offset, _)| *offset).collect();
        self.names.extend(own);
        let mut types = Vec::new();
        let names = &self.names;
        self.btf.scan(|id, header| {
            if matches!(header.kind, kind::FUNC | kind::TYPEDEF) && names.contains_key(&header.name)
            {
                types.push((id, *header));
            }
        })?;
        for (id, header) in types {
            self.note(id, &header, module, found)?;
        }
        if module != VMLINUX {
            for offset in added {
                self.names.remove(&offset);
            }
        }
        Ok(())
    }

    fn note(
        &mut self,
        id: u32,
        header: &Header,
        module: &str,
        found: &mut [Vec<Function>],
    ) -> io::Result<()> {
        let Some(text) = self.names.get(&header.name).cloned() else {
            return Ok(());
        };
        let is_function = header.kind == kind::FUNC;
        for (index, (request, found)) in self.requests.iter().zip(found).enumerate() {
            let fits = request.wants_module(module) && request.answers(&text);
            if !fits || (!request.raw && !is_function) {
                continue;
            }
            let name = match request.raw {
                false => text.as_str(),
                true if is_function => text.strip_prefix(CALLER).unwrap_or_default(),
                true => text.strip_prefix(HANDLER).unwrap_or_default(),
            };
            if name.is_empty() {
                continue;
            }
            let (id, prototype) = match is_function {
                true => (
                    id,
                    prototype(&mut self.btf, header, request.raw)?.map(Rc::new),
                ),
                false => (0, None),
            };
            let declaration = match is_function && self.declared {
                true => declaration(&mut self.btf, header, request.raw)?,
                false => None,
            };
            let key = (index, module.to_string(), name.to_string());
            match self.known.get(&key).and_then(|at| found.get_mut(*at)) {
                Some(known) if known.prototype.is_none() => {
                    known.prototype = prototype;
                    known.declaration = declaration;
                }
                Some(_) => {}
                None => {
                    found.push(Function {
                        module: module.to_string(),
                        id,
                        name: name.to_string(),
                        prototype,
                        declaration,
                    });
                    self.known.insert(key, found.len() - 1);
                }
            }
        }
        Ok(())
    }
}

fn declaration(btf: &mut Btf, function: &Header, raw: bool) -> io::Result<Option<Declaration>> {
    let Some(proto) = btf.get(function.size_or_type)? else {
        return Ok(None);
    };
    let mut params = Vec::new();
    for (name, ty) in btf.params(&proto)?.into_iter().skip(usize::from(raw)) {
        params.push((declare(btf, ty, "")?, btf.string(name)?));
    }
    let result = match proto.size_or_type {
        0 => None,
        ty => Some(declare(btf, ty, "")?),
    };
    Ok(Some(Declaration { params, result }))
}

fn prototype(btf: &mut Btf, function: &Header, raw: bool) -> io::Result<Option<Prototype>> {
    let Some(proto) = btf.get(function.size_or_type)? else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for (at, ty) in btf.params(&proto)?.into_iter().skip(usize::from(raw)) {
        let name = btf.string(at)?;
        let field = argument(btf, &name, ty)?;
        let size = field.as_ref().map_or(WORD, |f| f.size);
        words.push(Word { field, size });
    }
    let result = match raw {
        false => argument(btf, RETURNED, proto.size_or_type)?,
        true => None,
    };
    Ok(Some(Prototype { words, result }))
}

fn argument(btf: &mut Btf, name: &str, ty: u32) -> io::Result<Option<Field>> {
    let Some((_, header)) = btf.resolve(ty)? else {
        return Ok(None);
    };
    let (size, signed, kind) = match header.kind {
        kind::PTR => (WORD, false, FieldKind::Scalar),
        kind::INT => {
            let signed = btf.int_encoding(&header)? & 1 == 1;
            (header.size_or_type, signed, FieldKind::Scalar)
        }
        kind::ENUM | kind::ENUM64 => (header.size_or_type, header.kflag, FieldKind::Scalar),
        // passed in as many words as it has
        kind::STRUCT | kind::UNION => {
            (header.size_or_type, false, FieldKind::Array { count: None })
        }
        _ => return Ok(None),
    };
    Ok(Some(Field {
        name: name.to_string(),
        offset: 0,
        size,
        signed,
        kind,
    }))
}

impl Prototype {
    /// The context of programs that are loaded for the function: its arguments one behind the other, then the result.
    fn in_words(&self) -> Vec<Field> {
        let mut offset = 0;
        let mut fields = Vec::new();
        for word in &self.words {
            fields.extend(word.field.clone().map(|f| Field { offset, ..f }));
            offset += word.size.next_multiple_of(WORD);
        }
        fields.extend(self.result.clone().map(|f| Field { offset, ..f }));
        fields
    }

    /// The registers of a kprobe. What is larger than two of them, or comes when all are used, is not there.
    fn in_registers(&self) -> Vec<Field> {
        let mut free = arch::X86_64.arguments.as_slice();
        let mut fields = Vec::new();
        for word in &self.words {
            let registers = word.size.div_ceil(WORD) as usize;
            if registers > 2 || registers > free.len() {
                continue;
            }
            let offset = free.first().copied().unwrap_or_default();
            free = &free[registers..];
            // a struct is not in one piece
            let scalar = word.field.clone().filter(|f| f.kind == FieldKind::Scalar);
            fields.extend(scalar.map(|f| Field { offset, ..f }));
        }
        fields
    }

    /// The register of a kretprobe.
    fn returned(&self) -> Vec<Field> {
        let offset = arch::X86_64.return_value;
        let scalar = self.result.clone().filter(|f| f.kind == FieldKind::Scalar);
        scalar.map(|f| Field { offset, ..f }).into_iter().collect()
    }

    fn fields(&self, kind: FunctionKind) -> Vec<Field> {
        match kind {
            FunctionKind::Registers => self.in_registers(),
            FunctionKind::Returned => self.returned(),
            _ => self.in_words(),
        }
    }
}

/// Is the kprobe an fentry or fexit of the script? Others have nothing to do with BTF, also beside one at the same function.
fn stands_in(program: &Program) -> bool {
    !program.probe.starts_with('k')
}

/// The synthetic struct of the arguments of a program, and whose they are.
fn arguments(program: &Program) -> Option<(FunctionKind, Option<&str>, &str)> {
    let (kind, module, name) = match &program.attach {
        Attach::Fentry { module, function } => (FunctionKind::Entry, module, function),
        Attach::Fexit { module, function } => (FunctionKind::Exit, module, function),
        Attach::RawTracepoint { module, event } => (FunctionKind::RawTracepoint, module, event),
        Attach::Kprobe {
            module, function, ..
        } if stands_in(program) => (FunctionKind::Registers, module, function),
        Attach::Kretprobe { module, function } if stands_in(program) => {
            (FunctionKind::Returned, module, function)
        }
        _ => return None,
    };
    Some((kind, module.as_deref(), name))
}

/// Where the arguments that a program reads lie at one of its places. `None` if it reads none.
pub fn layout(program: &Program, wanted: &Wanted, site: &Site) -> Option<Result<Layout, Failure>> {
    let (kind, module, name) = arguments(program)?;
    let struct_name = function_struct(kind, module, name);
    let access = wanted.tracepoints.iter().find(|t| t.name == struct_name)?;
    let fields = site.prototype.as_ref().map(|p| p.fields(kind));
    Some(tracepoint::pick(
        &format!("function `{}`", site.func),
        &fields.unwrap_or_default(),
        access,
    ))
}

/// The prototypes of the programs that are to be loaded, as far as the object reads their arguments.
pub fn events(
    manifest: &Manifest,
    wanted: &Wanted,
    sites: &[Option<&Site>],
) -> Result<Vec<Event>, Failure> {
    let mut events: Vec<Event> = Vec::new();
    for (program, site) in manifest.programs.iter().zip(sites) {
        let (Some(site), Some((kind, module, name))) = (site, arguments(program)) else {
            continue;
        };
        let raw = kind == FunctionKind::RawTracepoint;
        let struct_name = function_struct(kind, module, name);
        let is_read = wanted.tracepoints.iter().any(|t| t.name == struct_name);
        if !is_read || events.iter().any(|e| e.struct_name == struct_name) {
            continue;
        }
        let actual = match raw {
            false => format!("function `{}`", site.func),
            true => format!("`{}`", site.probe),
        };
        let Some(prototype) = &site.prototype else {
            return Err(Failure::kernel(format!(
                "the arguments of {actual} are not in the BTF of this kernel ({})",
                release()
            ))
            .at(program.span)
            .help("a kernel with CONFIG_DEBUG_INFO_BTF is needed, and for modules CONFIG_DEBUG_INFO_BTF_MODULES"));
        };
        events.push(Event {
            struct_name,
            owner: FieldOwner::Function {
                raw,
                name: match module {
                    Some(module) => format!("{module}:{name}"),
                    None => name.to_string(),
                },
            },
            actual,
            span: program.span,
            fields: prototype.fields(kind),
        });
    }
    Ok(events)
}
