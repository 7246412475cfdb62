//! The `.eh_frame` of a file as rows that programs can search (`bt_abi::unwind`).

use std::fs;
use std::path::Path;

use bt_abi::unwind::{MAX_ROWS, SAME, rule};
use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, EndianSlice, Expression, FrameDescriptionEntry,
    NativeEndian, Register, RegisterRule, UnwindContext, UnwindExpression, UnwindSection,
    UnwindTableRow,
};
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

/// How DWARF numbers registers of x86-64.
const FRAME_POINTER: Register = Register(6);
const STACK_POINTER: Register = Register(7);
const RETURN_ADDRESS: Register = Register(16);

/// DW_OP_breg6 and DW_OP_deref.
const BASED_ON_FRAME: u8 = 0x76;
const DEREFERENCE: u8 = 0x06;

/// What glibc's linker says of the procedure linkage table: `breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus`.
const LINKAGE: &[u8] = &[0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub start: u32,
    pub rule: u32,
    pub offset: i32,
    pub frame_pointer: i32,
}

/// A part of the file that is mapped.
#[derive(Debug, Clone, Copy)]
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
}

pub struct Table {
    /// Sorted by start.
    pub rows: Vec<Row>,
    segments: Vec<Segment>,
}

type Slice<'a> = EndianSlice<'a, NativeEndian>;

impl Table {
    /// `None` if the file has none, or is no program.
    pub fn read(path: &Path) -> Option<Table> {
        let data = fs::read(path).ok()?;
        let data = data.as_slice();
        let header = FileHeader64::<object::NativeEndian>::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let loaded = header.program_headers(endian, data).ok()?.iter();
        let loaded = loaded.filter(|s| s.p_type(endian) == object::elf::PT_LOAD);
        let segments = loaded.map(|s| Segment {
            offset: s.p_offset(endian),
            size: s.p_filesz(endian),
            address: s.p_vaddr(endian),
        });
        let segments = segments.collect();
        let sections = header.sections(endian, data).ok()?;
        let (_, section) = sections.section_by_name(endian, b".eh_frame")?;
        let bytes = section.data(endian, data).ok()?;
        let frames = EhFrame::new(bytes, NativeEndian);
        let address = |name: &[u8]| {
            let found = sections.section_by_name(endian, name);
            found.map_or(0, |(_, s)| s.sh_addr(endian))
        };
        let bases = BaseAddresses::default()
            .set_eh_frame(section.sh_addr(endian))
            .set_text(address(b".text"))
            .set_got(address(b".got"));
        let rows = rows(&frames, &bases);
        Some(Table { rows, segments })
    }

    /// What an address less it is as the file counts, for a mapping from an offset of the file on.
    pub fn base(&self, start: u64, offset: u64) -> Option<u64> {
        let inside = |s: &&Segment| (s.offset & !0xfff..s.offset + s.size).contains(&offset);
        let segment = self.segments.iter().find(inside)?;
        let address = segment
            .address
            .wrapping_add(offset.wrapping_sub(segment.offset));
        Some(start.wrapping_sub(address))
    }
}

/// Entries that cannot be read are left out.
fn rows(frames: &EhFrame<Slice<'_>>, bases: &BaseAddresses) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut context = UnwindContext::new();
    let mut entries = frames.entries(bases);
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let Ok(entry) = partial.parse(|_, bases, at| frames.cie_from_offset(bases, at)) else {
            continue;
        };
        add(&mut rows, &entry, frames, bases, &mut context);
    }
    rows.sort_by_key(|(start, is_end, _)| (*start, !*is_end));
    let mut table: Vec<Row> = Vec::with_capacity(rows.len());
    for (_, _, row) in rows {
        match table.last_mut() {
            // the end of one function is the start of the next
            Some(last) if last.start == row.start => *last = row,
            Some(last)
                if (Row {
                    start: row.start,
                    ..*last
                }) == row => {}
            _ => table.push(row),
        }
    }
    table.truncate(MAX_ROWS as usize);
    table
}

/// The rows of a function, and one behind its end. The second word says which is that.
fn add(
    rows: &mut Vec<(u32, bool, Row)>,
    entry: &FrameDescriptionEntry<Slice<'_>>,
    frames: &EhFrame<Slice<'_>>,
    bases: &BaseAddresses,
    context: &mut UnwindContext<usize>,
) {
    let Ok(mut table) = entry.rows(frames, bases, context) else {
        return;
    };
    while let Ok(Some(row)) = table.next_row() {
        let Ok(start) = u32::try_from(row.start_address()) else {
            return;
        };
        let row = describe(row, entry.is_signal_trampoline(), frames);
        rows.push((start, false, Row { start, ..row }));
    }
    if let Ok(start) = u32::try_from(entry.end_address()) {
        rows.push((start, true, Row { start, ..UNKNOWN }));
    }
}

const UNKNOWN: Row = Row {
    start: 0,
    rule: rule::UNKNOWN,
    offset: 0,
    frame_pointer: SAME,
};

fn describe(row: &UnwindTableRow<usize>, signal: bool, frames: &EhFrame<Slice<'_>>) -> Row {
    let bytes = |e: &UnwindExpression<usize>| {
        let expression: Option<Expression<Slice<'_>>> = e.get(frames).ok();
        expression.map_or(&[][..], |e| e.0.slice())
    };
    if signal {
        return Row {
            rule: rule::SIGNAL,
            ..UNKNOWN
        };
    }
    match row.register(RETURN_ADDRESS) {
        Some(RegisterRule::Undefined) => {
            return Row {
                rule: rule::END,
                ..UNKNOWN
            };
        }
        Some(RegisterRule::Offset(-8)) => {}
        _ => return UNKNOWN,
    }
    let (rule, offset) = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => match *register {
            STACK_POINTER => (rule::STACK, *offset),
            FRAME_POINTER => (rule::FRAME, *offset),
            _ => return UNKNOWN,
        },
        CfaRule::Expression(expression) => match bytes(expression) {
            LINKAGE => (rule::LINKAGE, 0),
            [BASED_ON_FRAME, offset @ .., DEREFERENCE] => match signed(offset) {
                Some(offset) => (rule::AT_FRAME, offset),
                None => return UNKNOWN,
            },
            _ => return UNKNOWN,
        },
    };
    let frame_pointer = match row.register(FRAME_POINTER) {
        Some(RegisterRule::Offset(offset)) => Some(offset),
        // from the frame pointer itself
        Some(RegisterRule::Expression(expression)) => match bytes(&expression) {
            [BASED_ON_FRAME, offset @ ..] if rule == rule::AT_FRAME => signed(offset),
            _ => return UNKNOWN,
        },
        _ => None,
    };
    let frame_pointer = frame_pointer.map_or(Some(SAME), |offset| i32::try_from(offset).ok());
    match (i32::try_from(offset), frame_pointer) {
        (Ok(offset), Some(frame_pointer)) => Row {
            start: 0,
            rule,
            offset,
            frame_pointer,
        },
        _ => UNKNOWN,
    }
}

/// A number as DWARF writes it (SLEB128), if there is nothing else.
fn signed(bytes: &[u8]) -> Option<i64> {
    let mut value = 0i64;
    let (last, first) = bytes.split_last()?;
    if bytes.len() > 5 || last & 0x80 != 0 || first.iter().any(|b| b & 0x80 == 0) {
        return None;
    }
    for (i, byte) in bytes.iter().enumerate() {
        value |= i64::from(byte & 0x7f) << (7 * i);
    }
    let unused = 64 - 7 * bytes.len();
    Some(value << unused >> unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_dwarf() {
        assert_eq!(signed(&[8]), Some(8));
        assert_eq!(signed(&[0x78]), Some(-8));
        assert_eq!(signed(&[0xa0, 0x01]), Some(160));
        assert_eq!(signed(&[]), None);
        assert_eq!(signed(&[8, 8]), None);
        assert_eq!(signed(&[0x80]), None);
    }

    /// The test's own binary has been stripped of its table, the C library has one.
    #[test]
    fn the_c_library_has_rows() {
        let path = Path::new("/lib/x86_64-linux-gnu/libc.so.6");
        let Some(table) = Table::read(path) else {
            return;
        };
        assert!(table.rows.len() > 10_000);
        assert!(table.rows.is_sorted_by_key(|r| r.start));
        let known = table.rows.iter().filter(|r| r.rule != rule::UNKNOWN);
        assert!(known.count() > table.rows.len() / 2);
        let has = |rule| table.rows.iter().any(|r| r.rule == rule);
        assert!(has(rule::STACK) && has(rule::FRAME) && has(rule::SIGNAL) && has(rule::END));
        assert!(table.base(0x7f00_0000_0000, 0).is_some());
        assert!(table.base(0x7f00_0000_0000, 1 << 40).is_none());
    }
}
