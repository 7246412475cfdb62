//! Parameters of functions of programs with their types, by DWARF, for listings. Nothing that is attached or read depends on it.

use std::collections::HashMap;
use std::path::Path;

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, EndianSlice, LittleEndian, Unit, UnitOffset,
    constants as dw,
};
use object::read::ReadCache;

use super::archive::Window;
use super::{debug_file, lines};

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Entry<'a> = DebuggingInformationEntry<Slice<'a>>;

/// Deeper types than this are not C.
const MAX_DEPTH: u32 = 16;

/// The declarations of a file's functions, by their names; mangled ones too. Nothing without debug information.
pub fn of(path: &Path) -> HashMap<String, Vec<String>> {
    let mut found = HashMap::new();
    let Ok(Some(file)) = debug_file::with_section(path, ".debug_info") else {
        return found;
    };
    let Ok(window) = Window::open(&file) else {
        return found;
    };
    let cache = ReadCache::new(window);
    let Some(dwarf) = lines::load(&cache) else {
        return found;
    };
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        // what is damaged is passed over
        if let Ok(unit) = dwarf.unit(header) {
            let _ = Reader {
                dwarf: &dwarf,
                unit,
            }
            .functions(&mut found);
        }
    }
    found
}

struct Reader<'a, 'd> {
    dwarf: &'d Dwarf<Slice<'a>>,
    unit: Unit<Slice<'a>>,
}

impl<'a> Reader<'a, '_> {
    fn functions(&self, found: &mut HashMap<String, Vec<String>>) -> gimli::Result<()> {
        let mut entries = self.unit.entries_raw(None)?;
        let mut entry = Entry::null();
        while !entries.is_empty() {
            if !entries.read_entry(&mut entry)? || entry.tag() != dw::DW_TAG_subprogram {
                continue;
            }
            // declarations, and what is only inlined, have no code
            let names = [dw::DW_AT_name, dw::DW_AT_linkage_name];
            let has_code = [dw::DW_AT_low_pc, dw::DW_AT_ranges];
            if !has_code.iter().any(|at| entry.attr_value(*at).is_some()) {
                continue;
            }
            let names: Vec<String> = names
                .iter()
                .filter_map(|at| self.text(&entry, *at))
                .collect();
            let params = self.params(entry.offset())?;
            for name in names {
                found.entry(name).or_insert_with(|| params.clone());
            }
        }
        Ok(())
    }

    fn params(&self, function: UnitOffset) -> gimli::Result<Vec<String>> {
        let mut tree = self.unit.entries_tree(Some(function))?;
        let mut children = tree.root()?.children();
        let mut params = Vec::new();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            if entry.tag() == dw::DW_TAG_formal_parameter {
                let name = self.text(entry, dw::DW_AT_name).unwrap_or_default();
                params.push(format!("{} {name}", self.type_of(entry, 0)));
            }
        }
        Ok(params)
    }

    /// The type that an entry has, as C spells it, but for arrays and functions, whose names would stand within.
    fn type_of(&self, entry: &Entry<'a>, depth: u32) -> String {
        let Some(ty) = self.target(entry, dw::DW_AT_type) else {
            return "void".into();
        };
        if depth > MAX_DEPTH {
            return "?".into();
        }
        let named = |word: &str| match self.text(&ty, dw::DW_AT_name) {
            Some(name) => format!("{word}{name}"),
            None => format!("{word}(anon)"),
        };
        let inner = || self.type_of(&ty, depth + 1);
        match ty.tag() {
            dw::DW_TAG_structure_type => named("struct "),
            dw::DW_TAG_union_type => named("union "),
            dw::DW_TAG_enumeration_type => named("enum "),
            dw::DW_TAG_pointer_type => format!("{} *", inner()),
            dw::DW_TAG_reference_type => format!("{} &", inner()),
            dw::DW_TAG_rvalue_reference_type => format!("{} &&", inner()),
            dw::DW_TAG_const_type => match inner() {
                pointer if pointer.ends_with('*') => format!("{pointer} const"),
                value => format!("const {value}"),
            },
            dw::DW_TAG_volatile_type => format!("volatile {}", inner()),
            dw::DW_TAG_restrict_type | dw::DW_TAG_atomic_type => inner(),
            dw::DW_TAG_array_type => format!("{}[]", inner()),
            dw::DW_TAG_subroutine_type => format!("{} ()", inner()),
            _ => named(""),
        }
    }

    /// An attribute of an entry, or of the one that it completes.
    fn attribute(
        &self,
        entry: &Entry<'a>,
        name: gimli::DwAt,
        depth: u32,
    ) -> Option<AttributeValue<Slice<'a>>> {
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(value) = entry.attr_value(name) {
            return Some(value);
        }
        let links = [dw::DW_AT_abstract_origin, dw::DW_AT_specification];
        links.into_iter().find_map(|link| {
            let origin = self.entry(entry.attr_value(link)?)?;
            self.attribute(&origin, name, depth + 1)
        })
    }

    fn text(&self, entry: &Entry<'a>, name: gimli::DwAt) -> Option<String> {
        let value = self.attribute(entry, name, 0)?;
        let text = self.dwarf.attr_string(&self.unit, value).ok()?;
        Some(text.to_string_lossy().into_owned())
    }

    fn target(&self, entry: &Entry<'a>, name: gimli::DwAt) -> Option<Entry<'a>> {
        self.entry(self.attribute(entry, name, 0)?)
    }

    /// The entry that a value refers to, in the same unit.
    fn entry(&self, value: AttributeValue<Slice<'a>>) -> Option<Entry<'a>> {
        match value {
            AttributeValue::UnitRef(offset) => self.unit.entry(offset).ok(),
            _ => None,
        }
    }
}
