//! Tracepoint formats: the files under `events/`, and the recorded list that the compiler carries.

use super::{RawType, Tracepoint, TracepointField};
use crate::types::{FieldDef, IntTy, Records, Space, Ty};

/// Parses a `format` file of tracefs. Lines that are no fields are passed over.
pub fn parse_format(text: &str) -> Tracepoint {
    let fields = text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("field:")?;
        let mut parts = rest.split(';').map(str::trim);
        let decl = parts.next()?;
        let mut number = |key: &str| {
            parts
                .next()
                .and_then(|p| p.strip_prefix(key)?.parse::<u32>().ok())
        };
        field(
            decl,
            number("offset:")?,
            number("size:")?,
            number("signed:").unwrap_or(0) != 0,
        )
    });
    Tracepoint {
        fields: fields.collect(),
    }
}

/// Parses one line of the recorded list, `category:event<TAB>declaration;offset;size;signed<TAB>...`.
pub fn parse_recorded(line: &str) -> Option<((&str, &str), Tracepoint)> {
    let mut columns = line.split('\t');
    let name = columns.next()?.split_once(':')?;
    let fields = columns.filter_map(|column| {
        let mut parts = column.split(';');
        let decl = parts.next()?;
        let mut number = || parts.next()?.trim().parse::<u32>().ok();
        field(decl, number()?, number()?, number().unwrap_or(0) != 0)
    });
    Some((
        name,
        Tracepoint {
            fields: fields.collect(),
        },
    ))
}

fn field(decl: &str, offset: u32, size: u32, signed: bool) -> Option<TracepointField> {
    // `char prev_comm[16]`: the dimension belongs to the type. `__data_loc char[] name`: it does already.
    let (declarator, dimension) = match decl.ends_with(']') {
        true => decl.split_at(decl.find('[')?),
        false => (decl, ""),
    };
    let at = declarator.rfind(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
    let (ty, name) = declarator.split_at(at);
    if name.is_empty() || name.starts_with("common_") {
        return None;
    }
    let decl = format!("{}{dimension}", ty.trim_end());
    Some(TracepointField {
        name: name.to_string(),
        decl,
        offset,
        size,
        signed,
    })
}

/// The members of the synthetic struct that stands for a tracepoint's arguments.
///
/// Sizes come from `size:`, not from the declaration: syscall arguments are declared with their C type, and lie in 8 bytes.
pub fn fields(tracepoint: &Tracepoint, is_syscall: bool, records: &Records) -> Vec<FieldDef> {
    let space = if is_syscall {
        Space::User
    } else {
        Space::Kernel
    };
    let field = |f: &TracepointField| {
        let data_loc = f.decl.starts_with("__data_loc") || f.decl.starts_with("__rel_loc");
        FieldDef {
            name: f.name.clone(),
            ty: field_type(f, data_loc, space, records),
            bit_offset: f.offset * 8,
            bits: None,
            data_loc,
        }
    };
    tracepoint.fields.iter().map(field).collect()
}

fn field_type(f: &TracepointField, data_loc: bool, space: Space, records: &Records) -> Ty {
    let decl = f.decl.trim_start_matches("const ").trim();
    if data_loc {
        return match f.decl.contains("char[]") {
            true => Ty::Ptr(Box::new(Ty::int(1, true)), Space::Kernel),
            false => Ty::Ptr(Box::new(Ty::Void), Space::Kernel),
        };
    }
    if let Some(target) = decl.strip_suffix('*') {
        return Ty::Ptr(Box::new(pointee(target.trim_end(), space, records)), space);
    }
    if decl.ends_with(']') {
        let element = decl.split('[').next().unwrap_or_default().trim();
        let bytes = word_size(element).unwrap_or(1).min(f.size.max(1));
        return match element {
            "char" => Ty::Str(f.size),
            _ => Ty::Array(Box::new(Ty::int(bytes, f.signed)), f.size / bytes),
        };
    }
    if let Some(name) = decl.strip_prefix("enum ") {
        let int = IntTy::new(f.size, f.signed);
        return Ty::Enum(int, records.kernel_enum(name.trim()));
    }
    match f.size {
        1 if decl == "bool" => Ty::Bool,
        1 | 2 | 4 | 8 => Ty::int(f.size, f.signed),
        size => Ty::Array(Box::new(Ty::int(1, false)), size),
    }
}

fn pointee(target: &str, space: Space, records: &Records) -> Ty {
    let target = target
        .trim_start_matches("const ")
        .trim_end_matches("const")
        .trim();
    if let Some(inner) = target.strip_suffix('*') {
        return Ty::Ptr(Box::new(pointee(inner.trim_end(), space, records)), space);
    }
    match target.split_once(' ') {
        Some(("struct", name)) => records.named(name, false).map_or(Ty::Void, Ty::Record),
        Some(("union", name)) => records.named(name, true).map_or(Ty::Void, Ty::Record),
        _ => match word_size(target) {
            Some(bytes) => Ty::int(
                bytes,
                !target.starts_with('u') && !target.contains("unsigned"),
            ),
            None => match records.facts().typedef(target) {
                Some(RawType::Int { bytes, signed, .. }) if bytes <= 8 => Ty::int(bytes, signed),
                _ => Ty::Void,
            },
        },
    }
}

/// Bytes of the integer types that formats use.
fn word_size(name: &str) -> Option<u32> {
    Some(match name {
        "char" | "unsigned char" | "u8" | "s8" | "__u8" | "uint8_t" | "bool" => 1,
        "short" | "unsigned short" | "u16" | "s16" | "__u16" | "uint16_t" => 2,
        "int" | "unsigned int" | "unsigned" | "u32" | "s32" | "__u32" | "uint32_t" => 4,
        "long" | "unsigned long" | "long long" | "unsigned long long" | "u64" | "s64" | "__u64"
        | "uint64_t" | "size_t" => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAT: &str = "name: sys_enter_openat\nID: 700\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
        \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\
        \tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n\
        \tfield:char prev_comm[16];\toffset:32;\tsize:16;\tsigned:0;\n\
        \tfield:__data_loc char[] name;\toffset:48;\tsize:4;\tsigned:0;\n\nprint fmt: \"x\"\n";

    #[test]
    fn format_file_and_recorded_line_agree() {
        let live = parse_format(OPENAT);
        let decls: Vec<_> = live
            .fields
            .iter()
            .map(|f| (f.name.as_str(), f.decl.as_str(), f.offset, f.size))
            .collect();
        assert_eq!(
            decls,
            [
                ("__syscall_nr", "int", 8, 4),
                ("filename", "const char *", 24, 8),
                ("prev_comm", "char[16]", 32, 16),
                ("name", "__data_loc char[]", 48, 4),
            ]
        );
        let line = "syscalls:sys_enter_openat\tint __syscall_nr;8;4;1\tconst char * filename;24;8;0\t\
                    char prev_comm[16];32;16;0\t__data_loc char[] name;48;4;0";
        let ((category, event), recorded) = parse_recorded(line).expect("a good line");
        assert_eq!((category, event), ("syscalls", "sys_enter_openat"));
        assert_eq!(recorded, live);
    }
}
