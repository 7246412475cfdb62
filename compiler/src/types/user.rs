//! Types of the programs that are traced, from their DWARF: not relocated, in user memory.

use super::{FieldDef, Origin, Record, RecordId, Records, Space, Ty, UINT64};
use crate::arch::X86_64;
use crate::facts::user::{Class, UserFunction, UserParam};
use crate::facts::{RawRecord, RawType};

/// Where an argument is at the entry of its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentPlace {
    /// In a register: the field's offset is that of the register in the context.
    Register,
    /// So many bytes from the stack pointer on.
    Stack(u32),
    /// In two registers, the arguments of this number and the next.
    Registers(u32),
    /// A register holds its address.
    Reference,
    /// Where programs of the kernel cannot read it, or not as a whole.
    Nowhere(&'static str),
}

const VECTOR: &str = "it is passed in a vector register, which no program of the kernel can read";

/// Gives out registers and stack as the ABI does.
struct Passing {
    registers: usize,
    vectors: usize,
    /// From the stack pointer on; first lies the return address.
    stack: u32,
}

impl Passing {
    fn general(&mut self, count: usize) -> Option<usize> {
        let first = self.registers;
        let fits = first + count <= X86_64.convention.arguments.len();
        self.registers += if fits { count } else { 0 };
        fits.then_some(first)
    }

    fn stacked(&mut self, bytes: u32) -> (u32, ArgumentPlace) {
        let at = self.stack;
        self.stack += bytes.max(1).next_multiple_of(8);
        (0, ArgumentPlace::Stack(at))
    }

    /// Offset in the context in bytes, if it has one, and the place.
    fn place(&mut self, param: &UserParam, size: u32) -> (u32, ArgumentPlace) {
        let register = |first: usize| X86_64.convention.arguments[first];
        match param.class {
            Class::Integer => match self.general(1) {
                Some(first) => (register(first), ArgumentPlace::Register),
                None => self.stacked(size),
            },
            Class::Reference => match self.general(1) {
                Some(first) => (register(first), ArgumentPlace::Reference),
                None => {
                    self.stacked(8);
                    (
                        0,
                        ArgumentPlace::Nowhere("its address is passed on the stack"),
                    )
                }
            },
            Class::Pair => match self.general(2) {
                Some(first) => (0, ArgumentPlace::Registers(first as u32)),
                None => self.stacked(size),
            },
            Class::Vector | Class::Mixed => {
                let general = usize::from(param.class == Class::Mixed);
                match self.vectors < 8
                    && self.registers + general <= X86_64.convention.arguments.len()
                {
                    true => {
                        self.vectors += 1;
                        self.registers += general;
                        (0, ArgumentPlace::Nowhere(VECTOR))
                    }
                    false => self.stacked(size),
                }
            }
            Class::Memory { bytes } => self.stacked(bytes),
        }
    }
}

impl Records {
    /// The arguments of a function of a program, or why they are not known.
    pub fn user_arguments(&self, binary: &str, function: &str) -> Result<RecordId, String> {
        let origin = Origin::Arguments {
            binary: binary.into(),
            function: function.into(),
        };
        if let Some(known) = self.find_origin(&origin) {
            return Ok(known);
        }
        let described = self.facts().user_function(binary, function)?;
        let (fields, places) = self.passed(binary, &described);
        let id = self.define(Record {
            origin,
            size: 0,
            fields,
        });
        self.note_arguments(id, places, described.build_id);
        Ok(id)
    }

    fn passed(&self, binary: &str, function: &UserFunction) -> (Vec<FieldDef>, Vec<ArgumentPlace>) {
        let mut passing = Passing {
            registers: usize::from(function.hidden_result),
            vectors: 0,
            stack: X86_64.convention.stack_arguments,
        };
        let params = function.params.iter();
        let passed = params.map(|param| {
            let ty = self.user_ty(binary, &param.ty);
            let size = match &ty {
                Ty::Record(id) => self.get(*id).size,
                ty => ty.size(),
            };
            let (offset, place) = passing.place(param, size);
            let field = FieldDef {
                name: param.name.clone(),
                ty,
                bit_offset: 8 * offset,
                bits: None,
                data_loc: false,
            };
            (field, place)
        });
        passed.unzip()
    }

    /// `struct name` or `union name` of a program.
    pub fn user_named(&self, binary: &str, name: &str, is_union: bool) -> Option<RecordId> {
        let id = self.facts().user_record_id(binary, name, is_union)?;
        Some(self.user_record(binary, id, name, is_union))
    }

    fn user_record(&self, binary: &str, id: u32, name: &str, is_union: bool) -> RecordId {
        let origin = Origin::Binary {
            binary: binary.into(),
            id,
            name: name.into(),
            is_union,
        };
        self.find_origin(&origin)
            .unwrap_or_else(|| self.insert(origin, Some(id)))
    }

    pub(super) fn convert_user(&self, binary: &str, origin: Origin, raw: RawRecord) -> Record {
        let fields = raw.fields.into_iter().map(|f| FieldDef {
            name: f.name,
            ty: self.user_ty(binary, &f.ty),
            bit_offset: f.bit_offset,
            bits: f.bits,
            data_loc: false,
        });
        Record {
            origin,
            size: raw.size,
            fields: fields.collect(),
        }
    }

    fn user_ty(&self, binary: &str, raw: &RawType) -> Ty {
        match raw {
            RawType::Int { bytes: 16, .. } => Ty::Array(Box::new(UINT64), 2),
            RawType::Pointer(to) => Ty::Ptr(Box::new(self.user_ty(binary, to)), Space::User),
            RawType::Array(element, count) => match &**element {
                RawType::Int { is_char: true, .. } if *count > 0 => Ty::Str(*count),
                element => Ty::Array(Box::new(self.user_ty(binary, element)), *count),
            },
            RawType::Record {
                name,
                is_union,
                btf_id,
                typedef,
            } => {
                let name = if name.is_empty() { typedef } else { name };
                Ty::Record(self.user_record(binary, *btf_id, name, *is_union))
            }
            RawType::Forward { .. } | RawType::Void => Ty::Void,
            RawType::Int { .. } | RawType::Bool | RawType::Enum { .. } => self.ty(raw),
        }
    }
}
