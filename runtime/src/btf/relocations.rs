//! What an object's CO-RE relocations ask for: from `.BTF.ext` and the object's own `.BTF` to names, without any kernel.

use std::io;

use bt_abi::names::is_synthetic;

use super::reader::{Btf, Header, kind, read_u32};

/// All that the target must offer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub kernel: Vec<KernelAccess>,
    pub tracepoints: Vec<TracepointAccess>,
    /// A relocation needs real type ids: a small BTF cannot serve.
    pub full: bool,
}

/// A tracepoint or function by the name of its synthetic struct, and the fields that are read.
#[derive(Debug, PartialEq, Eq)]
pub struct TracepointAccess {
    pub name: String,
    pub fields: Vec<(String, Shape)>,
}

/// A kernel type, and a member that is read from it.
#[derive(Debug, PartialEq, Eq)]
pub struct KernelAccess {
    pub name: String,
    pub kind: u8,
    /// Empty for relocations that are about the type alone.
    pub path: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member, or an enumerator.
    Member(String),
    Element,
}

/// How the programs read a field of a tracepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Int {
        size: u32,
        signed: bool,
    },
    Pointer,
    /// Elements of so many bytes.
    Array {
        element: u32,
        signed: bool,
    },
}

// relocation kinds of <linux/bpf.h>, enum bpf_core_relo_kind
const TYPE_ID_LOCAL: u32 = 6;
const TYPE_ID_TARGET: u32 = 7;
const ENUM_VALUE_EXISTS: u32 = 10;
const ENUM_VALUE: u32 = 11;
const TYPE_MATCHES: u32 = 12;

/// Reads the relocations. No section, no relocations.
pub fn read(btf: &[u8], ext: &[u8]) -> io::Result<Wanted> {
    let mut wanted = Wanted::default();
    if ext.len() < 32 {
        return Ok(wanted);
    }
    let start = (read_u32(ext, 4)? + read_u32(ext, 24)?) as usize;
    let end = start + read_u32(ext, 28)? as usize;
    if start == end {
        return Ok(wanted);
    }
    let mut local = Btf::in_memory(btf.to_vec())?;
    let section = ext.get(start..end).ok_or(io::ErrorKind::InvalidData)?;
    let record = (read_u32(section, 0)? as usize).max(16);
    let mut at = 4;
    while at < section.len() {
        let count = read_u32(section, at + 4)?;
        at += 8;
        for _ in 0..count {
            let word = |i: usize| read_u32(section, at + 4 * i);
            let (ty, path, kind) = (word(1)?, word(2)?, word(3)?);
            collect(&mut local, &mut wanted, ty, path, kind)?;
            at += record;
        }
    }
    Ok(wanted)
}

fn collect(
    local: &mut Btf,
    wanted: &mut Wanted,
    ty: u32,
    path: u32,
    relocation: u32,
) -> io::Result<()> {
    match relocation {
        TYPE_ID_LOCAL => return Ok(()),
        TYPE_ID_TARGET | TYPE_MATCHES => wanted.full = true,
        _ => {}
    }
    let Some(root) = local.get(ty)? else {
        return Ok(());
    };
    // a typedef is a root of its own where only its existence is asked for
    let (root_id, root) = match root.kind {
        kind::TYPEDEF if relocation > TYPE_ID_LOCAL => (ty, root),
        _ => match local.resolve(ty)? {
            Some(found) => found,
            None => return Ok(()),
        },
    };
    let mut name = local.string(root.name)?;
    let mut root_kind = root.kind;
    // `typedef struct { ... } atomic_t`: known by the name of the typedef
    if name.is_empty()
        && let Some(typedef) = local.get(ty)?
        && typedef.kind == kind::TYPEDEF
    {
        name = local.string(typedef.name)?;
        root_kind = kind::TYPEDEF;
    }
    if !is_synthetic(&name) {
        name = essential(&name).to_string();
    }
    if name.is_empty() {
        return Ok(());
    }
    let steps = match relocation {
        0..TYPE_ID_LOCAL => steps(local, root_id, &root, path)?,
        ENUM_VALUE_EXISTS | ENUM_VALUE => (enumerator(local, &root, path)?, None),
        _ => (Vec::new(), None),
    };
    if is_synthetic(&name) {
        let known = wanted.tracepoints.iter().position(|t| t.name == name);
        let at = known.unwrap_or(wanted.tracepoints.len());
        if known.is_none() {
            let fields = Vec::new();
            wanted.tracepoints.push(TracepointAccess { name, fields });
        }
        let fields = &mut wanted.tracepoints[at].fields;
        if let ([Step::Member(field), ..], Some(shape)) = (&steps.0[..], steps.1)
            && !fields.iter().any(|(f, _)| f == field)
        {
            fields.push((field.clone(), shape));
        }
        return Ok(());
    }
    let access = KernelAccess {
        name,
        kind: root_kind,
        path: steps.0,
    };
    if !wanted.kernel.contains(&access) {
        wanted.kernel.push(access);
    }
    Ok(())
}

/// The access string `0:2:1` as names, and the shape of the first member.
fn steps(
    local: &mut Btf,
    id: u32,
    root: &Header,
    path: u32,
) -> io::Result<(Vec<Step>, Option<Shape>)> {
    let text = local.string(path)?;
    let mut steps = Vec::new();
    let mut shape = None;
    let mut current = Some((id, *root));
    for index in text.split(':').skip(1) {
        let index: usize = index.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        let Some((_, header)) = current else { break };
        if header.is_composite() {
            let members = local.members(&header)?;
            let member = members.get(index).ok_or(io::ErrorKind::InvalidData)?;
            let name = local.string(member.name)?;
            if !name.is_empty() {
                steps.push(Step::Member(name));
                if shape.is_none() {
                    shape = shape_of(local, member.ty)?;
                }
            }
            current = local.resolve(member.ty)?;
        } else if header.kind == kind::ARRAY {
            let array = local.array(&header)?;
            steps.push(Step::Element);
            current = local.resolve(array.element)?;
        } else {
            break;
        }
    }
    Ok((steps, shape))
}

/// The access string of an enumerator is its index.
fn enumerator(local: &mut Btf, root: &Header, path: u32) -> io::Result<Vec<Step>> {
    let index = local.string(path)?.parse::<usize>();
    let index = index.map_err(|_| io::ErrorKind::InvalidData)?;
    let all = local.enumerators(root)?;
    let (name, _) = all.get(index).ok_or(io::ErrorKind::InvalidData)?;
    Ok(vec![Step::Member(local.string(*name)?)])
}

fn shape_of(local: &mut Btf, ty: u32) -> io::Result<Option<Shape>> {
    let Some((_, header)) = local.resolve(ty)? else {
        return Ok(None);
    };
    Ok(match header.kind {
        kind::INT => Some(Shape::Int {
            size: header.size_or_type,
            signed: local.int_encoding(&header)? & 1 == 1,
        }),
        kind::PTR => Some(Shape::Pointer),
        kind::ARRAY => {
            let array = local.array(&header)?;
            match shape_of(local, array.element)? {
                Some(Shape::Int { size, signed }) => Some(Shape::Array {
                    element: size,
                    signed,
                }),
                _ => None,
            }
        }
        _ => None,
    })
}

/// A name without its flavour: libbpf takes `task_struct___old` for `task_struct`.
fn essential(name: &str) -> &str {
    let bytes = name.as_bytes();
    for i in (0..bytes.len().saturating_sub(4)).rev() {
        let marks = &bytes[i + 1..i + 4] == b"___";
        if marks && bytes[i] != b'_' && bytes[i + 4] != b'_' {
            return &name[..=i];
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::essential;

    #[test]
    fn flavours_are_dropped() {
        assert_eq!(essential("task_struct___x"), "task_struct");
        assert_eq!(essential("task_struct"), "task_struct");
        assert_eq!(essential("a__b"), "a__b");
        assert_eq!(essential("___"), "___");
    }
}
