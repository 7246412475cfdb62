//! How arguments are passed: the classes of the System V ABI for x86-64 ("Parameter Passing").

use gimli::constants as dw;

use super::die::{At, Dwarf};
use crate::facts::RawType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// In a general register.
    Integer,
    /// In two of them.
    Pair,
    /// In a vector register, which programs of the kernel cannot read.
    Vector,
    /// In a general and a vector register.
    Mixed,
    /// On the stack.
    Memory { bytes: u32 },
    /// The address of a copy, in a general register.
    Reference,
}

/// What eight bytes hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Nothing,
    Vector,
    Integer,
}

impl Dwarf {
    /// The class of a type, whose entry is given too.
    pub(super) fn class_of(&self, at: At, ty: &RawType) -> Class {
        match ty {
            RawType::Int { bytes: 16, .. } => Class::Pair,
            RawType::Record { btf_id, .. } => self.class_of_record(*btf_id),
            // floating point
            RawType::Array(_, bytes) if self.is_float(at) => match bytes {
                ..=8 => Class::Vector,
                bytes => Class::Memory { bytes: *bytes },
            },
            _ => Class::Integer,
        }
    }

    fn is_float(&self, at: At) -> bool {
        let entry = self.entry(at);
        entry.is_some_and(|entry| match entry.tag() {
            dw::DW_TAG_base_type => true,
            dw::DW_TAG_typedef | dw::DW_TAG_const_type | dw::DW_TAG_volatile_type => self
                .target(at.0, &entry, dw::DW_AT_type)
                .is_some_and(|inner| self.is_float(inner)),
            _ => false,
        })
    }

    fn class_of_record(&self, id: u32) -> Class {
        let convention = self.at(id as usize).and_then(|at| {
            let entry = self.entry(at)?;
            self.number(at.0, &entry, dw::DW_AT_calling_convention)
        });
        if convention == Some(u64::from(dw::DW_CC_pass_by_reference.0)) {
            return Class::Reference;
        }
        let size = self.record(id).map_or(0, |r| r.size);
        if size > 16 {
            return Class::Memory { bytes: size };
        }
        let mut words = [Word::Nothing; 2];
        if !self.words(id, 0, &mut words, 0) {
            return Class::Memory { bytes: size };
        }
        match (words, size > 8) {
            ([Word::Vector, _], false) => Class::Vector,
            (_, false) => Class::Integer,
            ([Word::Vector, Word::Vector], true) => Class::Vector,
            ([Word::Vector, _] | [_, Word::Vector], true) => Class::Mixed,
            (_, true) => Class::Pair,
        }
    }

    /// Notes what the words of a record hold; false for a member that does not lie as its type wants it.
    fn words(&self, id: u32, base: u32, words: &mut [Word; 2], depth: u32) -> bool {
        let Some(record) = self.record(id).filter(|_| depth < 16) else {
            return true;
        };
        record.fields.iter().all(|field| {
            let at = base + field.bit_offset / 8;
            self.word(&field.ty, at, words, depth)
        })
    }

    fn word(&self, ty: &RawType, at: u32, words: &mut [Word; 2], depth: u32) -> bool {
        let kind = match ty {
            RawType::Record { btf_id, .. } => return self.words(*btf_id, at, words, depth + 1),
            // floating point, as this crate has it: bytes without a sign
            RawType::Array(element, count) => match &**element {
                RawType::Int {
                    bytes: 1,
                    signed: false,
                    is_char: false,
                } if matches!(count, 4 | 8) => Word::Vector,
                element => {
                    let size = self.size(element).max(1);
                    return (0..*count)
                        .all(|i| self.word(element, at + i * size, words, depth + 1));
                }
            },
            _ => Word::Integer,
        };
        if let Some(word) = words.get_mut(at as usize / 8)
            && *word != Word::Integer
        {
            *word = kind;
        }
        true
    }

    fn size(&self, ty: &RawType) -> u32 {
        match ty {
            RawType::Int { bytes, .. } | RawType::Enum { bytes, .. } => *bytes,
            RawType::Bool => 1,
            RawType::Pointer(_) => 8,
            RawType::Array(element, count) => self.size(element).saturating_mul(*count),
            RawType::Record { btf_id, .. } => self.record(*btf_id).map_or(0, |r| r.size),
            RawType::Void | RawType::Forward { .. } => 0,
        }
    }
}
