//! Entries of DWARF: functions by name, and the way from an entry to others.

use std::cell::OnceCell;
use std::collections::HashMap;

use gimli::{
    AttributeValue, DebugInfoOffset, DebuggingInformationEntry, DwAt, EndianRcSlice, LittleEndian,
    Reader, SectionId, Unit, UnitOffset, constants as dw,
};

use super::{Class, UserFunction, UserParam};
use crate::facts::RawType;

pub(super) type Slice = EndianRcSlice<LittleEndian>;
pub(super) type Entry = DebuggingInformationEntry<Slice>;

pub struct Dwarf {
    dwarf: gimli::Dwarf<Slice>,
    /// In the order of their offsets.
    units: Vec<Unit<Slice>>,
    /// Of the functions in the symbol tables.
    addresses: HashMap<String, u64>,
    build_id: Option<String>,
    records: OnceCell<HashMap<(String, bool), u32>>,
}

/// An entry: the unit's index, and the place in it.
pub(super) type At = (usize, UnitOffset<usize>);

impl Dwarf {
    pub fn new(
        section: impl FnMut(SectionId) -> Result<Slice, String>,
        addresses: HashMap<String, u64>,
        build_id: Option<String>,
    ) -> Result<Dwarf, String> {
        let dwarf = gimli::Dwarf::load(section)?;
        let broken = |e: gimli::Error| format!("the debug information cannot be read: {e}");
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        while let Some(header) = headers.next().map_err(broken)? {
            units.push(dwarf.unit(header).map_err(broken)?);
        }
        Ok(Dwarf {
            dwarf,
            units,
            addresses,
            build_id,
            records: OnceCell::new(),
        })
    }

    pub fn function(&self, name: &str) -> Result<UserFunction, String> {
        let at = self.find_function(name);
        let at = at.ok_or_else(|| match self.addresses.contains_key(name) {
            true => format!("the debug information does not describe `{name}`"),
            false => format!("there is no function `{name}`"),
        })?;
        let entry = self.entry(at).ok_or("the debug information is damaged")?;
        let result = self.target(at.0, &entry, dw::DW_AT_type);
        let hidden_result = result.is_some_and(|result| {
            let ty = self.ty(result);
            matches!(
                self.class_of(result, &ty),
                Class::Memory { .. } | Class::Reference
            )
        });
        let mut params = Vec::new();
        for child in self.children(at) {
            let Some(param) = self
                .entry(child)
                .filter(|e| e.tag() == dw::DW_TAG_formal_parameter)
            else {
                continue;
            };
            let target = self.target(child.0, &param, dw::DW_AT_type);
            let ty = target.map_or(RawType::Void, |t| self.ty(t));
            params.push(UserParam {
                name: self.name(child.0, &param).unwrap_or_default(),
                class: target.map_or(Class::Integer, |t| self.class_of(t, &ty)),
                ty,
            });
        }
        Ok(UserFunction {
            params,
            hidden_result,
            build_id: self.build_id.clone(),
        })
    }

    /// By its address, which the symbol table knows, so that functions of the same name in other files are not taken for it.
    fn find_function(&self, name: &str) -> Option<At> {
        let address = self.addresses.get(name).copied();
        let mut by_name = None;
        for (index, unit) in self.units.iter().enumerate() {
            if let Some(address) = address
                && !self.covers(unit, address)
            {
                continue;
            }
            let mut entries = unit.entries_raw(None).ok()?;
            let mut entry = Entry::null();
            while !entries.is_empty() {
                if !entries.read_entry(&mut entry).ok()? || entry.tag() != dw::DW_TAG_subprogram {
                    continue;
                }
                let start = entry.attr_value(dw::DW_AT_low_pc);
                let start = start.and_then(|v| self.dwarf.attr_address(unit, v).ok()?);
                if start.is_some() && start == address {
                    return Some((index, entry.offset()));
                }
                let is_named = || self.name(index, &entry).as_deref() == Some(name);
                if address.is_none() && start.is_some() && by_name.is_none() && is_named() {
                    by_name = Some((index, entry.offset()));
                }
            }
        }
        by_name
    }

    /// Where that cannot be told, it may.
    fn covers(&self, unit: &Unit<Slice>, address: u64) -> bool {
        let Ok(mut ranges) = self.dwarf.unit_ranges(unit) else {
            return true;
        };
        let mut any = false;
        while let Ok(Some(range)) = ranges.next() {
            any = true;
            if (range.begin..range.end).contains(&address) {
                return true;
            }
        }
        !any
    }

    pub(super) fn entry(&self, at: At) -> Option<Entry> {
        self.units.get(at.0)?.entry(at.1).ok()
    }

    pub(super) fn children(&self, at: At) -> Vec<At> {
        let mut found = Vec::new();
        let mut collect = || -> Option<()> {
            let unit = self.units.get(at.0)?;
            let mut tree = unit.entries_tree(Some(at.1)).ok()?;
            let mut children = tree.root().ok()?.children();
            while let Some(child) = children.next().ok()? {
                found.push((at.0, child.entry().offset()));
            }
            Some(())
        };
        collect();
        // a function that was made of another's description has its parameters there, if not here
        if found.is_empty()
            && let Some(entry) = self.entry(at)
            && let Some(origin) = self.target(at.0, &entry, dw::DW_AT_abstract_origin)
        {
            return self.children(origin);
        }
        found
    }

    /// An attribute of the entry, or of the one that it completes.
    pub(super) fn attribute(
        &self,
        unit: usize,
        entry: &Entry,
        name: DwAt,
    ) -> Option<(usize, AttributeValue<Slice>)> {
        if let Some(value) = entry.attr_value(name) {
            return Some((unit, value));
        }
        [dw::DW_AT_abstract_origin, dw::DW_AT_specification]
            .into_iter()
            .find_map(|link| {
                let at = self.reference(unit, entry.attr_value(link)?)?;
                let origin = self.entry(at)?;
                self.attribute(at.0, &origin, name)
            })
    }

    /// The entry that an attribute names.
    pub(super) fn target(&self, unit: usize, entry: &Entry, name: DwAt) -> Option<At> {
        let (unit, value) = self.attribute(unit, entry, name)?;
        self.reference(unit, value)
    }

    fn reference(&self, unit: usize, value: AttributeValue<Slice>) -> Option<At> {
        match value {
            AttributeValue::UnitRef(offset) => Some((unit, offset)),
            AttributeValue::DebugInfoRef(offset) => self.at(offset.0),
            _ => None,
        }
    }

    /// The entry at an offset in the section.
    pub(super) fn at(&self, offset: usize) -> Option<At> {
        let start = |unit: &Unit<Slice>| unit.header.debug_info_offset().map_or(0, |o| o.0);
        let index = self
            .units
            .partition_point(|u| start(u) <= offset)
            .checked_sub(1)?;
        let offset = DebugInfoOffset(offset).to_unit_offset(&self.units[index].header)?;
        Some((index, offset))
    }

    /// The offset in the section.
    pub(super) fn id(&self, at: At) -> u32 {
        let offset = at.1.to_debug_info_offset(&self.units[at.0].header);
        offset.map_or(0, |o| o.0 as u32)
    }

    pub(super) fn name(&self, unit: usize, entry: &Entry) -> Option<String> {
        let (unit, value) = self.attribute(unit, entry, dw::DW_AT_name)?;
        let name = self.dwarf.attr_string(&self.units[unit], value).ok()?;
        Some(name.to_string_lossy().ok()?.into_owned())
    }

    pub(super) fn number(&self, unit: usize, entry: &Entry, name: DwAt) -> Option<u64> {
        let (_, value) = self.attribute(unit, entry, name)?;
        match value {
            AttributeValue::Encoding(encoding) => Some(u64::from(encoding.0)),
            AttributeValue::CallingConvention(convention) => Some(u64::from(convention.0)),
            value => value
                .udata_value()
                .or_else(|| value.sdata_value().map(|n| n as u64)),
        }
    }

    /// The definition of a struct or union by name.
    pub fn record_id(&self, name: &str, is_union: bool) -> Option<u32> {
        let records = self.records.get_or_init(|| self.all_records());
        records.get(&(name.to_string(), is_union)).copied()
    }

    fn all_records(&self) -> HashMap<(String, bool), u32> {
        let mut found = HashMap::new();
        for (index, unit) in self.units.iter().enumerate() {
            let Ok(mut entries) = unit.entries_raw(None) else {
                continue;
            };
            let mut entry = Entry::null();
            while !entries.is_empty() {
                match entries.read_entry(&mut entry) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(_) => break,
                }
                let is_union = match entry.tag() {
                    dw::DW_TAG_structure_type | dw::DW_TAG_class_type => false,
                    dw::DW_TAG_union_type => true,
                    _ => continue,
                };
                if entry.has_attr(dw::DW_AT_declaration) {
                    continue;
                }
                if let Some(name) = self.name(index, &entry) {
                    let id = self.id((index, entry.offset()));
                    found.entry((name, is_union)).or_insert(id);
                }
            }
        }
        found
    }
}
