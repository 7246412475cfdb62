//! The `format` file of a tracepoint: which fields its record has, and where.

/// A field of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub offset: u32,
    pub size: u32,
    pub signed: bool,
    pub kind: FieldKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// An integer, a pointer, an enum: one value of `size` bytes.
    Scalar,
    /// `__data_loc`, `__rel_loc`: 4 bytes that say where the data is.
    Location,
    /// So many elements, where the declaration says it in digits.
    Array { count: Option<u32> },
}

/// The fields, common ones included, in the order of the file. Lines that are not understood are no fields.
pub fn parse(text: &str) -> Vec<Field> {
    text.lines().filter_map(field).collect()
}

/// `field:char comm[16]; offset:8; size:16; signed:1;`, with tabs
fn field(line: &str) -> Option<Field> {
    let mut parts = line.trim().split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?.trim();
    let (mut offset, mut size, mut signed) = (None, None, false);
    for part in parts {
        match part.split_once(':') {
            Some(("offset", n)) => offset = n.trim().parse().ok(),
            Some(("size", n)) => size = n.trim().parse().ok(),
            Some(("signed", n)) => signed = n.trim() == "1",
            _ => {}
        }
    }
    let (offset, size) = (offset?, size?);
    let location = ["__data_loc", "__rel_loc"]
        .iter()
        .any(|l| declaration.starts_with(l));
    let (before, brackets) = match declaration.rfind('[') {
        Some(at) if declaration.ends_with(']') => (
            &declaration[..at],
            declaration.get(at + 1..declaration.len() - 1),
        ),
        _ => (declaration, None),
    };
    let name = identifier(before)?;
    let kind = match brackets {
        _ if location => FieldKind::Location,
        Some(count) => FieldKind::Array {
            count: count
                .trim()
                .parse()
                .ok()
                .filter(|n| *n > 0 && size % n == 0),
        },
        None if matches!(size, 1 | 2 | 4 | 8) => FieldKind::Scalar,
        // a struct by value
        None => FieldKind::Array { count: None },
    };
    Some(Field {
        name: name.to_string(),
        offset,
        size,
        signed: signed && !location,
        kind,
    })
}

/// The last identifier of a declaration.
fn identifier(declaration: &str) -> Option<&str> {
    let text = declaration.trim_end();
    let start = text
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map_or(0, |at| at + 1);
    text.get(start..).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Field {
        parse(line).remove(0)
    }

    #[test]
    fn reads_what_kernels_write() {
        let text = "name: sys_enter_openat\nID: 700\nformat:\n\
            \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
            \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
            \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\
            \tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n\
            \tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n\n\
            print fmt: \"dfd: 0x%08lx, field:x;\", ((unsigned long)(REC->dfd))\n";
        let fields = parse(text);
        let names: Vec<_> = fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "common_type",
                "common_pid",
                "__syscall_nr",
                "dfd",
                "filename"
            ]
        );
        assert_eq!(
            (fields[3].offset, fields[3].size, fields[3].signed),
            (16, 8, false)
        );
        assert_eq!(fields[4].kind, FieldKind::Scalar);
    }

    #[test]
    fn odd_declarations() {
        let f = one("field:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:1;");
        assert_eq!(
            (f.name.as_str(), f.kind, f.signed),
            ("filename", FieldKind::Location, false)
        );
        let f = one("field:char comm[16];\toffset:8;\tsize:16;\tsigned:1;");
        assert_eq!(f.kind, FieldKind::Array { count: Some(16) });
        // the dimension may be a symbol, an expression, or missing
        for dimension in ["TASK_COMM_LEN", "sizeof(struct sockaddr_in6)", "", "0"] {
            let f = one(&format!(
                "field:u8 addr[{dimension}];\toffset:8;\tsize:28;\tsigned:0;"
            ));
            assert_eq!(
                (f.name.as_str(), f.kind),
                ("addr", FieldKind::Array { count: None })
            );
        }
        let f = one("field:struct page*page;\toffset:8;\tsize:8;\tsigned:0;");
        assert_eq!((f.name.as_str(), f.kind), ("page", FieldKind::Scalar));
        let f = one("field:struct timespec64 ts;\toffset:8;\tsize:16;\tsigned:0;");
        assert_eq!(f.kind, FieldKind::Array { count: None });
        // RT kernels have a longer header, old ones no `signed`
        let f = one("field:unsigned char common_preempt_lazy_count;\toffset:8;\tsize:1;");
        assert_eq!((f.offset, f.signed), (8, false));
        assert!(parse("field:;\toffset:8;\tsize:1;").is_empty());
        assert!(parse("field:int x;\tsize:1;").is_empty());
    }
}
