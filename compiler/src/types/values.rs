//! Copies of structs: how they lie in variables, map keys, map values and records.

use std::rc::Rc;

use bt_abi::Type;
use bt_abi::types::NamedField;

use super::{FieldDef, Origin, Record, RecordId, Records, Ty};

/// Structs do not lie in each other deeper than this, save by a mistake.
const MAX_DEPTH: u32 = 32;

impl Records {
    /// The type of what holds a copy of the struct. `None` for a type of the kernel that has no name by which the target could find it.
    pub fn value_type(&self, id: RecordId) -> Option<Ty> {
        let record = self.get(id);
        let layout = match &record.origin {
            Origin::Script { .. } | Origin::Binary { .. } => self.script_layout(&record, 0),
            // It may have grown on the target.
            Origin::KernelAnonymous { .. } if record.is_nameless() => return None,
            Origin::Kernel { name, is_union }
            | Origin::KernelAnonymous {
                typedef: name,
                is_union,
                ..
            } => Type::KernelStruct {
                name: name.clone(),
                union: *is_union,
                size: (record.size + record.size / 4).next_multiple_of(8),
            },
            Origin::Tracepoint { .. } | Origin::Function { .. } | Origin::Arguments { .. } => {
                return None;
            }
        };
        Some(Ty::Value(id, Rc::new(layout)))
    }

    /// What a place of this type is as a value: structs, and arrays of the script's structs, as copies.
    pub fn copied(&self, ty: &Ty) -> Option<Ty> {
        match ty {
            Ty::Record(id) => self.value_type(*id),
            Ty::Array(element, count) => match (self.copied(element)?, *count) {
                // A struct of the kernel may have another size on the target.
                (Ty::Value(_, layout), _) if matches!(*layout, Type::KernelStruct { .. }) => None,
                (_, 0) => None,
                (element, count) => Some(Ty::Array(Box::new(element), count)),
            },
            ty => Some(ty.clone()),
        }
    }

    fn script_layout(&self, record: &Record, depth: u32) -> Type {
        let mut fields = Vec::new();
        self.script_fields(record, 0, depth, &mut fields);
        Type::Struct {
            name: record.name().to_string(),
            size: record.size,
            fields,
        }
    }

    /// The members from byte `base` on, those of anonymous members among them. What cannot be printed is left out.
    fn script_fields(&self, record: &Record, base: u32, depth: u32, out: &mut Vec<NamedField>) {
        for field in &record.fields {
            let offset = base + field.bit_offset / 8;
            if let (true, Ty::Record(inner)) = (field.name.is_empty(), &field.ty) {
                if depth < MAX_DEPTH {
                    self.script_fields(&self.get(*inner), offset, depth + 1, out);
                }
                continue;
            }
            let found = match field.bits {
                Some(bits) => bit_field(field, bits, base, record.size),
                None => self.member(&field.ty, depth).map(|ty| (offset, ty)),
            };
            if let (Some((offset, ty)), false) = (found, field.name.is_empty()) {
                out.push(NamedField {
                    name: field.name.clone(),
                    offset,
                    ty,
                });
            }
        }
    }

    fn member(&self, ty: &Ty, depth: u32) -> Option<Type> {
        match ty {
            Ty::Record(id) if depth < MAX_DEPTH => {
                let record = self.get(*id);
                let fixed = record.origin.is_fixed();
                fixed.then(|| self.script_layout(&record, depth + 1))
            }
            Ty::Array(element, count) if *count > 0 => Some(Type::Array {
                element: Box::new(self.member(element, depth)?),
                count: *count,
            }),
            Ty::Str(size) => Some(Type::Chars { size: *size }),
            ty => ty.to_abi(),
        }
    }
}

/// A bit-field and the offset of the integer that it is cut out of.
fn bit_field(field: &FieldDef, bits: u32, base: u32, room: u32) -> Option<(u32, Type)> {
    let signed = field.ty.as_int()?.signed;
    let (offset, ty) = bt_abi::types::bit_field(field.bit_offset, bits, signed, room)?;
    Some((base + offset, ty))
}
