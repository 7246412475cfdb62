//! Types of DWARF as the compiler's.

use gimli::constants as dw;

use super::die::{At, Dwarf, Entry};
use crate::facts::{RawField, RawRecord, RawType};

/// Types do not lie in each other deeper than this, save in damaged files.
const MAX_DEPTH: u32 = 64;

/// What has a size and no meaning to a program.
fn opaque(bytes: u32) -> RawType {
    let byte = RawType::Int {
        bytes: 1,
        signed: false,
        is_char: false,
    };
    RawType::Array(Box::new(byte), bytes)
}

impl Dwarf {
    pub(super) fn ty(&self, at: At) -> RawType {
        self.ty_within(at, "", 0)
    }

    /// `typedef`: the name that led here.
    fn ty_within(&self, at: At, typedef: &str, depth: u32) -> RawType {
        let Some(entry) = self.entry(at).filter(|_| depth < MAX_DEPTH) else {
            return RawType::Void;
        };
        let inner = |typedef: &str| match self.target(at.0, &entry, dw::DW_AT_type) {
            Some(inner) => self.ty_within(inner, typedef, depth + 1),
            None => RawType::Void,
        };
        let bytes = self.number(at.0, &entry, dw::DW_AT_byte_size).unwrap_or(0) as u32;
        match entry.tag() {
            dw::DW_TAG_base_type => self.base_type(at.0, &entry, bytes),
            dw::DW_TAG_typedef => inner(&self.name(at.0, &entry).unwrap_or_default()),
            dw::DW_TAG_const_type
            | dw::DW_TAG_volatile_type
            | dw::DW_TAG_restrict_type
            | dw::DW_TAG_atomic_type => inner(typedef),
            dw::DW_TAG_pointer_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_rvalue_reference_type => RawType::Pointer(Box::new(inner(""))),
            dw::DW_TAG_enumeration_type => RawType::Int {
                bytes: bytes.clamp(1, 8),
                signed: matches!(inner(""), RawType::Int { signed: true, .. })
                    && self.has_negative(at),
                is_char: false,
            },
            dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type => {
                self.record_type(at, &entry, typedef)
            }
            dw::DW_TAG_array_type => {
                let dimensions: Vec<u32> = self.dimensions(at);
                let of = |element, count: &u32| RawType::Array(Box::new(element), *count);
                dimensions.iter().rev().fold(inner(""), of)
            }
            dw::DW_TAG_ptr_to_member_type => RawType::Int {
                bytes: 8,
                signed: true,
                is_char: false,
            },
            _ => RawType::Void,
        }
    }

    fn base_type(&self, unit: usize, entry: &Entry, bytes: u32) -> RawType {
        let encoding = self.number(unit, entry, dw::DW_AT_encoding).unwrap_or(0);
        let encoding = gimli::DwAte(encoding as u8);
        let is_char = matches!(encoding, dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char);
        match encoding {
            dw::DW_ATE_boolean if bytes == 1 => RawType::Bool,
            dw::DW_ATE_boolean
            | dw::DW_ATE_signed
            | dw::DW_ATE_signed_char
            | dw::DW_ATE_unsigned
            | dw::DW_ATE_unsigned_char
            | dw::DW_ATE_UTF
                if bytes.is_power_of_two() && bytes <= 16 =>
            {
                RawType::Int {
                    bytes,
                    signed: matches!(encoding, dw::DW_ATE_signed | dw::DW_ATE_signed_char),
                    is_char: is_char && bytes == 1,
                }
            }
            _ => opaque(bytes),
        }
    }

    fn has_negative(&self, at: At) -> bool {
        self.children(at).into_iter().any(|child| {
            let value = self
                .entry(child)
                .and_then(|e| e.attr_value(dw::DW_AT_const_value));
            value.and_then(|v| v.sdata_value()).is_some_and(|n| n < 0)
        })
    }

    fn record_type(&self, at: At, entry: &Entry, typedef: &str) -> RawType {
        let is_union = entry.tag() == dw::DW_TAG_union_type;
        let name = self.name(at.0, entry).unwrap_or_default();
        if entry.has_attr(dw::DW_AT_declaration) {
            return match self.record_id(&name, is_union) {
                Some(btf_id) => RawType::Record {
                    name,
                    is_union,
                    btf_id,
                    typedef: String::new(),
                },
                None => RawType::Forward { name, is_union },
            };
        }
        RawType::Record {
            name,
            is_union,
            btf_id: self.id(at),
            typedef: typedef.to_string(),
        }
    }

    /// Outermost first; 0 for one that is not known.
    fn dimensions(&self, at: At) -> Vec<u32> {
        let children = self.children(at).into_iter();
        let ranges = children.filter_map(|c| Some((c.0, self.entry(c)?)));
        let ranges = ranges.filter(|(_, e)| e.tag() == dw::DW_TAG_subrange_type);
        ranges
            .map(|(unit, range)| {
                let bound = self.number(unit, &range, dw::DW_AT_upper_bound);
                let count = self.number(unit, &range, dw::DW_AT_count);
                count.or(bound.map(|b| b.wrapping_add(1))).unwrap_or(0) as u32
            })
            .collect()
    }

    pub fn record(&self, id: u32) -> Option<RawRecord> {
        let at = self.at(id as usize)?;
        let entry = self.entry(at)?;
        let size = self.number(at.0, &entry, dw::DW_AT_byte_size).unwrap_or(0) as u32;
        let children = self.children(at).into_iter();
        let fields = children.filter_map(|child| self.field(child)).collect();
        Some(RawRecord { size, fields })
    }

    /// A member; a base class is one without a name, so that its members are found.
    fn field(&self, at: At) -> Option<RawField> {
        let entry = self.entry(at)?;
        let name = match entry.tag() {
            dw::DW_TAG_member => self.name(at.0, &entry).unwrap_or_default(),
            dw::DW_TAG_inheritance => String::new(),
            _ => return None,
        };
        // a static one
        if entry.has_attr(dw::DW_AT_external) || entry.has_attr(dw::DW_AT_declaration) {
            return None;
        }
        let number = |name| self.number(at.0, &entry, name).map(|n| n as u32);
        let ty = self.ty(self.target(at.0, &entry, dw::DW_AT_type)?);
        let start = 8 * number(dw::DW_AT_data_member_location).unwrap_or(0);
        let bits = number(dw::DW_AT_bit_size);
        let bit_offset = match (
            bits,
            number(dw::DW_AT_data_bit_offset),
            number(dw::DW_AT_bit_offset),
        ) {
            (_, Some(offset), _) => offset,
            // before DWARF 4: from the highest bit of the storage down
            (Some(bits), None, Some(offset)) => {
                let storage = number(dw::DW_AT_byte_size).unwrap_or(match &ty {
                    RawType::Int { bytes, .. } => *bytes,
                    _ => 4,
                });
                (start + 8 * storage).saturating_sub(offset + bits)
            }
            _ => start,
        };
        Some(RawField {
            name,
            ty,
            bit_offset,
            bits,
        })
    }
}
