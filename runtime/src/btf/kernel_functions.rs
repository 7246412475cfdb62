//! Functions of the kernel that programs call, by name and prototype.

use std::fs::File;
use std::io;

use super::reader::{self, Btf, Header, kind};

/// The id of a function in the kernel's BTF.
pub type Found = Option<u32>;

/// Of several declarations of one function the later ones have a suffix, as libbpf has it.
pub fn name(symbol: &str) -> &str {
    symbol.split_once("___").map_or(symbol, |(name, _)| name)
}

/// Looks for the functions that the object's BTF declares.
pub fn find(kernel: File, object: &[u8], symbols: &[String]) -> io::Result<Vec<Found>> {
    let mut kernel = Btf::of_file(kernel)?;
    let names: Vec<String> = symbols.iter().map(|s| name(s).to_string()).collect();
    let theirs = functions(&mut kernel, &names)?;
    let mut object = Btf::in_memory(object.to_vec())?;
    let ours = functions(&mut object, symbols)?;
    let mut found = Vec::new();
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        found.push(match (ours, theirs) {
            (Some((_, wanted)), Some((id, proto))) => {
                let wanted = shape(&mut object, wanted)?;
                (wanted.is_some() && wanted == shape(&mut kernel, proto)?).then_some(id)
            }
            _ => None,
        });
    }
    Ok(found)
}

/// For each name the id of the function and that of its prototype.
fn functions(btf: &mut Btf, names: &[String]) -> io::Result<Vec<Option<(u32, u32)>>> {
    let mut distinct = names.to_vec();
    distinct.sort();
    distinct.dedup();
    let offsets = btf.find_strings(&distinct)?;
    let mut found: Vec<(u32, u32, u32)> = Vec::new();
    btf.scan(|id, header| {
        if header.kind == kind::FUNC && header.name != 0 && offsets.contains(&header.name) {
            found.push((header.name, id, header.size_or_type));
        }
    })?;
    let mut named = Vec::new();
    for (offset, id, proto) in found {
        named.push((btf.string(offset)?, id, proto));
    }
    let of = |name: &String| {
        let first = named.iter().find(|(n, _, _)| n == name)?;
        Some((first.1, first.2))
    };
    Ok(names.iter().map(of).collect())
}

/// The kinds of the result and the parameters, and of what pointers point to: what libbpf compares, but for what lies deeper.
fn shape(btf: &mut Btf, proto: u32) -> io::Result<Option<Vec<(u8, u8)>>> {
    let Some(header) = btf.get(proto)?.filter(|h| h.kind == kind::FUNC_PROTO) else {
        return Ok(None);
    };
    let mut types = vec![header.size_or_type];
    types.extend(btf.params(&header)?.into_iter().map(|(_, ty)| ty));
    let mut shape = Vec::new();
    for ty in types {
        let header = btf.resolve(ty)?.map(|(_, header)| header);
        let target = match header {
            Some(h) if h.kind == kind::PTR => btf.resolve(h.size_or_type)?.map(|(_, to)| to),
            _ => None,
        };
        shape.push((kind_of(header), kind_of(target)));
    }
    Ok(Some(shape))
}

/// 0 is `void`.
fn kind_of(header: Option<Header>) -> u8 {
    match header.map_or(0, |h| h.kind) {
        kind::ENUM64 => kind::ENUM,
        other => other,
    }
}

/// Takes declarations of functions out of an object's BTF, which the kernel does not take, and libbpf looks for: each becomes a pointer to
/// its prototype, and the section a struct of them. Ids stay what they are. `None`: it is damaged.
pub fn undeclare(btf: &mut [u8]) -> Option<()> {
    const EXTERN: u32 = 2;
    let number = |btf: &[u8], at| reader::read_u32(btf, at).ok();
    let put = |btf: &mut [u8], at: usize, value: u32| -> Option<()> {
        btf.get_mut(at..at + 4)?
            .copy_from_slice(&value.to_le_bytes());
        Some(())
    };
    let base = number(btf, 4)? as usize;
    let start = base + number(btf, 8)? as usize;
    let end = start + number(btf, 12)? as usize;
    let strings = base + number(btf, 16)? as usize;
    let mut at = start;
    while at < end {
        let (name, info) = (number(btf, at)? as usize, number(btf, at + 4)?);
        let (kind, count) = ((info >> 24 & 0x1f) as u8, info & 0xffff);
        let body = at + 12;
        match kind {
            kind::FUNC if count == EXTERN => {
                put(btf, at, 0)?;
                put(btf, at + 4, u32::from(kind::PTR) << 24)?;
            }
            kind::DATASEC if btf.get(strings + name..)?.starts_with(b".ksyms\0") => {
                put(btf, at, 0)?;
                put(btf, at + 4, u32::from(kind::STRUCT) << 24 | count)?;
                put(btf, at + 8, 8 * count)?;
                for member in 0..count {
                    let entry = body + 12 * member as usize;
                    let ty = number(btf, entry)?;
                    put(btf, entry, 0)?;
                    put(btf, entry + 4, ty)?;
                    put(btf, entry + 8, 64 * member)?;
                }
            }
            _ => {}
        }
        at = body + reader::body_len(kind, count);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, an int, a prototype `int (int)`, a function of it that is declared, its section.
    fn declaring() -> Vec<u8> {
        let strings = b"\0int\0f\0.ksyms\0";
        let types: &[u32] = &[
            1,
            u32::from(kind::INT) << 24,
            4,
            32,
            0,
            u32::from(kind::FUNC_PROTO) << 24 | 1,
            1,
            0,
            1,
            5,
            u32::from(kind::FUNC) << 24 | 2,
            2,
            7,
            u32::from(kind::DATASEC) << 24 | 1,
            0,
            3,
            0,
            0,
        ];
        let length = 4 * types.len() as u32;
        let header = [0x1_eb9f, 24, 0, length, length, strings.len() as u32];
        let words = header.iter().chain(types).flat_map(|w| w.to_le_bytes());
        words.chain(strings.iter().copied()).collect()
    }

    #[test]
    fn declarations_become_pointers() {
        let mut bytes = declaring();
        undeclare(&mut bytes).expect("well-formed");
        let mut btf = Btf::in_memory(bytes).expect("well-formed");
        let pointer = btf.get(3).expect("well-formed").expect("well-formed");
        assert_eq!(
            (pointer.kind, pointer.name, pointer.size_or_type),
            (kind::PTR, 0, 2)
        );
        let section = btf.get(4).expect("well-formed").expect("well-formed");
        assert_eq!((section.kind, section.size_or_type), (kind::STRUCT, 8));
        assert_eq!(btf.members(&section).expect("well-formed")[0].ty, 3);
        assert!(undeclare(&mut declaring()[..40]).is_none());
    }

    #[test]
    fn prototypes_are_compared() {
        let mut btf = Btf::in_memory(declaring()).expect("well-formed");
        assert_eq!(
            functions(&mut btf, &["f".into(), "int".into()]).expect("well-formed"),
            [Some((3, 2)), None]
        );
        let int = (kind::INT, 0);
        assert_eq!(
            shape(&mut btf, 2).expect("well-formed"),
            Some(vec![int, int])
        );
        assert_eq!(shape(&mut btf, 1).expect("well-formed"), None);
        assert_eq!(name("bpf_f___1"), "bpf_f");
    }
}
