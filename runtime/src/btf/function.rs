//! The synthetic structs of the arguments of functions (fentry, fexit) and raw tracepoints: a word each, in the order of the
//! prototype that this kernel's BTF has.

use std::fs::File;
use std::io;

use bt_abi::manifest::{Attach, FieldOwner, Manifest};
use bt_abi::names::{FunctionKind, function_struct};

use super::format::{Field, FieldKind};
use super::kernel::Kernel;
use super::reader::{Btf, kind};
use super::relocations::Wanted;
use super::tracepoint::{Event, unreadable};
use crate::environment::{KERNEL_BTF, release};
use crate::error::Failure;
use crate::targets::Place;

/// What fexit gives besides the arguments.
const RETURNED: &str = "retval";

const WORD: u32 = 8;

/// The prototypes of the programs that are to be loaded, as far as the object reads their arguments.
pub fn events(
    manifest: &Manifest,
    wanted: &Wanted,
    places: &[Option<&Place>],
) -> Result<Vec<Event>, Failure> {
    let mut events: Vec<Event> = Vec::new();
    for (program, place) in manifest.programs.iter().zip(places) {
        let (kind, name) = match (&program.attach, place) {
            (_, None) => continue,
            (Attach::Fentry { function, .. }, _) => (FunctionKind::Entry, function),
            (Attach::Fexit { function, .. }, _) => (FunctionKind::Exit, function),
            (Attach::RawTracepoint { event, .. }, _) => (FunctionKind::RawTracepoint, event),
            _ => continue,
        };
        let raw = kind == FunctionKind::RawTracepoint;
        let struct_name = function_struct(kind, name);
        let is_read = wanted.tracepoints.iter().any(|t| t.name == struct_name);
        if !is_read || events.iter().any(|e| e.struct_name == struct_name) {
            continue;
        }
        let actual = match raw {
            false => format!("function `{name}`"),
            true => format!("raw tracepoint `{name}`"),
        };
        let found = fields(raw, name).map_err(|e| unreadable("the kernel's BTF", &e))?;
        let Some(fields) = found else {
            return Err(Failure::kernel(format!(
                "the arguments of {actual} are not in the BTF of this kernel ({})",
                release()
            ))
            .at(program.span)
            .help("arguments of functions of modules cannot be read yet; those of the kernel need CONFIG_DEBUG_INFO_BTF"));
        };
        events.push(Event {
            struct_name,
            owner: FieldOwner::Function {
                raw,
                name: name.clone(),
            },
            actual,
            span: program.span,
            fields,
        });
    }
    Ok(events)
}

/// Is there such a function, or raw tracepoint, in the kernel's BTF? `None` if there is no BTF.
pub fn exists(raw: bool, name: &str) -> Option<bool> {
    let (name, wanted) = match raw {
        false => (name.to_string(), kind::FUNC),
        true => (format!("btf_trace_{name}"), kind::TYPEDEF),
    };
    let mut kernel = Kernel::read(File::open(KERNEL_BTF).ok()?, vec![name.clone()]).ok()?;
    Some(kernel.first(&name, wanted).is_some())
}

fn fields(raw: bool, name: &str) -> io::Result<Option<Vec<Field>>> {
    // what calls the programs of a raw tracepoint has its names; an argument of its own comes first
    let name = match raw {
        false => name.to_string(),
        true => format!("__traceiter_{name}"),
    };
    let Ok(file) = File::open(KERNEL_BTF) else {
        return Ok(None);
    };
    let mut kernel = Kernel::read(file, vec![name.clone()])?;
    let Some(id) = kernel.first(&name, kind::FUNC) else {
        return Ok(None);
    };
    prototype(kernel.btf(), id, raw)
}

/// The words of the context.
fn prototype(btf: &mut Btf, function: u32, raw: bool) -> io::Result<Option<Vec<Field>>> {
    let Some(function) = btf.get(function)? else {
        return Ok(None);
    };
    let Some(proto) = btf.get(function.size_or_type)? else {
        return Ok(None);
    };
    let mut fields = Vec::new();
    let mut offset = 0;
    for (at, ty) in btf.params(&proto)?.into_iter().skip(usize::from(raw)) {
        let name = btf.string(at)?;
        let size = match argument(btf, &name, ty, offset)? {
            Some(field) => {
                let size = field.size;
                fields.push(field);
                size
            }
            None => WORD,
        };
        offset += size.next_multiple_of(WORD);
    }
    if !raw {
        fields.extend(argument(btf, RETURNED, proto.size_or_type, offset)?);
    }
    Ok(Some(fields))
}

fn argument(btf: &mut Btf, name: &str, ty: u32, offset: u32) -> io::Result<Option<Field>> {
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
        offset,
        size,
        signed,
        kind,
    }))
}
