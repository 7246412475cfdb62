//! Types of the kernel as values are printed by them: structs and enums whose layout and constants the object leaves to the target.

use std::fs::File;
use std::io;
use std::path::Path;

use bt_abi::manifest::Manifest;
use bt_abi::types::{NamedField, Type, Variant};

use super::MODULE_HELP;
use super::kernel::Kernel;
use super::reader::{Btf, Header, Member, kind};
use super::tracepoint::unreadable;
use crate::environment::{BTF_FOLDER, KERNEL_BTF, release};
use crate::error::Failure;

/// Structs do not lie in each other deeper than this.
const MAX_DEPTH: u32 = 32;

/// Replaces each `kernel_struct` of the manifest by the struct that it is here, and the constants of the kernel's enums by those that
/// they have here.
pub fn describe(manifest: &mut Manifest) -> Result<(), Failure> {
    let mut names = Vec::new();
    each_type(manifest, &mut |ty| {
        if let Type::KernelStruct { name, .. }
        | Type::Enum {
            name, kernel: true, ..
        } = ty
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    });
    if names.is_empty() {
        return Ok(());
    }
    let kernel = match File::open(KERNEL_BTF) {
        Ok(file) => {
            let unreadable = |e| unreadable("the kernel's BTF", &e);
            let mut kernel = Kernel::read(file, names).map_err(unreadable)?;
            let folder = Path::new(BTF_FOLDER);
            kernel.search_modules(folder).map_err(unreadable)?;
            Some(kernel)
        }
        Err(_) => None,
    };
    let mut kernel = kernel;
    let mut missing = None;
    each_type(manifest, &mut |ty| {
        if let Err(name) = replace(ty, kernel.as_mut()) {
            missing = Some(name);
        }
    });
    match missing {
        None => Ok(()),
        Some(name) if kernel.is_none() => Err(Failure::kernel(format!(
            "`{name}` cannot be printed: this kernel ({}) does not describe its types, {KERNEL_BTF} is missing",
            release()
        ))
        .help("print its fields one by one, or use a kernel with CONFIG_DEBUG_INFO_BTF")),
        Some(name) => Err(Failure::kernel(format!(
            "`{name}` does not exist on this kernel ({})",
            release()
        ))
        .help(MODULE_HELP)),
    }
}

/// The error is the name of what is not there.
fn replace(ty: &mut Type, kernel: Option<&mut Kernel>) -> Result<(), String> {
    match ty {
        Type::KernelStruct { name, union, size } => {
            let kind = if *union { kind::UNION } else { kind::STRUCT };
            // A struct without a name of its own goes by that of its typedef.
            let found = kernel.and_then(|k| {
                let found = k.describe(name, kind);
                found.or_else(|| k.describe(name, kind::TYPEDEF))
            });
            let Some(Type::Struct { fields, .. }) = found else {
                let keyword = if *union { "union" } else { "struct" };
                return Err(format!("{keyword} {name}"));
            };
            let inside = |f: &NamedField| f.offset.saturating_add(f.ty.size()) <= *size;
            *ty = Type::Struct {
                name: std::mem::take(name),
                size: *size,
                fields: fields.into_iter().filter(inside).collect(),
            };
        }
        Type::Enum {
            name,
            kernel: true,
            variants,
            ..
        } => {
            // Where the target does not know it, the recorded names are the best guess.
            if let Some(Type::Enum { variants: here, .. }) =
                kernel.and_then(|k| k.describe(name, kind::ENUM))
            {
                *variants = here;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Shows `visit` every type of a value, also those inside others.
fn each_type(manifest: &mut Manifest, visit: &mut dyn FnMut(&mut Type)) {
    for map in &mut manifest.maps {
        map.key.iter_mut().for_each(|key| inner(key, visit));
        inner(&mut map.value, visit);
    }
    let args = manifest.events.iter_mut().flat_map(|e| e.kind.args_mut());
    args.for_each(|arg| inner(&mut arg.ty, visit));
}

fn inner(ty: &mut Type, visit: &mut dyn FnMut(&mut Type)) {
    match ty {
        Type::Array { element, .. } => inner(element, visit),
        Type::Tuple { fields, .. } => fields.iter_mut().for_each(|f| inner(&mut f.ty, visit)),
        Type::Struct { fields, .. } => fields.iter_mut().for_each(|f| inner(&mut f.ty, visit)),
        _ => visit(ty),
    }
}

/// A type as values of it are printed; `None` for what has no print.
pub fn printed(btf: &mut Btf, id: u32, depth: u32) -> io::Result<Option<Type>> {
    let Some((_, header)) = btf.resolve(id)? else {
        return Ok(None);
    };
    let size = header.size_or_type;
    Ok(match header.kind {
        kind::INT if matches!(size, 1 | 2 | 4 | 8) => {
            let encoding = btf.int_encoding(&header)?;
            Some(match encoding & 4 {
                0 => Type::Int {
                    size,
                    signed: encoding & 1 == 1,
                },
                _ => Type::Bool,
            })
        }
        kind::PTR => Some(Type::Pointer),
        kind::ARRAY => {
            let array = btf.array(&header)?;
            let count = array.count;
            match printed(btf, array.element, depth)? {
                _ if count == 0 => None,
                Some(_) if is_char(btf, array.element)? => Some(Type::Chars { size: count }),
                Some(element) => Some(Type::Array {
                    element: Box::new(element),
                    count,
                }),
                None => None,
            }
        }
        kind::ENUM | kind::ENUM64 => {
            let mut variants = Vec::new();
            for (name, value) in btf.enumerators(&header)? {
                variants.push(Variant {
                    name: btf.string(name)?,
                    value: value as i64,
                });
            }
            Some(Type::Enum {
                name: btf.string(header.name)?,
                size,
                signed: header.kflag,
                kernel: false,
                variants,
            })
        }
        kind::STRUCT | kind::UNION if depth < MAX_DEPTH => {
            let mut fields = Vec::new();
            members(btf, &header, 0, depth, &mut fields)?;
            Some(Type::Struct {
                name: btf.string(header.name)?,
                size,
                fields,
            })
        }
        _ => None,
    })
}

/// The members from byte `base` on; those of anonymous members count as the struct's own.
fn members(
    btf: &mut Btf,
    header: &Header,
    base: u32,
    depth: u32,
    out: &mut Vec<NamedField>,
) -> io::Result<()> {
    for member in btf.members(header)? {
        let offset = base.saturating_add(member.bit_offset / 8);
        if member.name == 0 {
            if let Some((_, inner)) = btf.resolve(member.ty)?
                && inner.is_composite()
                && depth < MAX_DEPTH
            {
                members(btf, &inner, offset, depth + 1, out)?;
            }
            continue;
        }
        let found = match member.bit_size {
            0 => printed(btf, member.ty, depth + 1)?.map(|ty| (offset, ty)),
            _ => bit_field(btf, &member, header.size_or_type)?
                .map(|(at, ty)| (base.saturating_add(at), ty)),
        };
        if let Some((offset, ty)) = found {
            out.push(NamedField {
                name: btf.string(member.name)?,
                offset,
                ty,
            });
        }
    }
    Ok(())
}

/// A bit-field of a struct of `room` bytes, and the offset of the integer that covers it.
fn bit_field(btf: &mut Btf, member: &Member, room: u32) -> io::Result<Option<(u32, Type)>> {
    let signed = match printed(btf, member.ty, MAX_DEPTH)? {
        Some(Type::Int { signed, .. } | Type::Enum { signed, .. }) => signed,
        Some(Type::Bool) => false,
        _ => return Ok(None),
    };
    let (start, bits) = (member.bit_offset, member.bit_size);
    Ok(bt_abi::types::bit_field(start, bits, signed, room))
}

fn is_char(btf: &mut Btf, id: u32) -> io::Result<bool> {
    let Some((_, header)) = btf.resolve(id)? else {
        return Ok(false);
    };
    Ok(header.kind == kind::INT
        && header.size_or_type == 1
        && (btf.int_encoding(&header)? & 2 != 0 || btf.string(header.name)? == "char"))
}
