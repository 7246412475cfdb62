//! C definitions at the top of a script: struct and union layouts, enum constants, simple `#define`s.

use bt_grammar::ast::{self, CEnum, CField, CItem, CRecord, CType};
use bt_grammar::diag::Diagnostic;

use super::Checker;
use super::types::builtin_type;
use crate::types::{FieldDef, IntTy, Origin, Record, RecordId, Space, Ty};

impl Checker<'_> {
    pub(super) fn definitions(&mut self, script: &ast::Script) {
        for item in &script.definitions {
            match item {
                CItem::Record(record) => {
                    self.c_record(record);
                }
                CItem::Enum(def) => self.c_enum(def),
                // Replaced before.
                CItem::Define { .. } => {}
                // Types of the kernel come from BTF; a header that is only included for them needs nothing more.
                CItem::Include { .. } => {}
                CItem::Typedef { span, .. } => self.unsupported(*span, "typedefs"),
            }
        }
    }

    fn c_enum(&mut self, def: &CEnum) {
        let mut next = 0;
        for (name, value) in &def.variants {
            if let Some(expr) = value {
                match self.constant(expr) {
                    Some(value) => next = value,
                    None => self.unsupported(expr.span, "enum values that are no literals"),
                }
            }
            self.constants.insert(name.node.clone(), next);
            next += 1;
        }
    }

    /// The script's own definition, unless the kernel has a type of that name with all these members: then the script repeats the
    /// kernel's, and accesses must be relocated.
    fn c_record(&mut self, def: &CRecord) -> Option<RecordId> {
        let name = def.name.as_ref().map_or(String::new(), |n| n.node.clone());
        if !name.is_empty()
            && let Some(kernel) = self.records.named(&name, def.is_union)
        {
            let known = self.records.field_names(kernel);
            let mut own = def.fields.iter().filter_map(|f| f.name.as_ref());
            if !known.is_empty() && own.all(|f| known.contains(&f.node)) {
                return Some(kernel);
            }
        }
        let packed = def.attributes.iter().any(|a| a.contains("packed"));
        let mut layout = CLayout {
            packed,
            is_union: def.is_union,
            ..CLayout::default()
        };
        let mut fields = Vec::new();
        for field in &def.fields {
            let Some((ty, size, align)) = self.c_type(&field.ty, field) else {
                continue;
            };
            let bit_offset = layout.place(size, align, field.bits);
            let name = field
                .name
                .as_ref()
                .map_or(String::new(), |n| n.node.clone());
            fields.push(FieldDef {
                name,
                ty,
                bit_offset,
                bits: field.bits,
                data_loc: false,
            });
        }
        let size = layout.size();
        // Anonymous ones get a name that no script can write, so that they stay apart.
        let unique = if name.is_empty() {
            format!("<anonymous at {}>", def.span.start)
        } else {
            name
        };
        Some(self.records.define(Record {
            origin: Origin::Script {
                name: unique,
                is_union: def.is_union,
            },
            size,
            fields,
        }))
    }

    /// Type, size and alignment in bytes.
    fn c_type(&mut self, ty: &CType, field: &CField) -> Option<(Ty, u32, u32)> {
        let record = |checker: &Self, id: RecordId| {
            let def = checker.records.get(id);
            let align = def
                .fields
                .iter()
                .map(|f| f.ty.to_abi().map_or(1, |a| a.align()))
                .max()
                .unwrap_or(1);
            (Ty::Record(id), def.size, align.min(8))
        };
        match ty {
            CType::Named(name) => match builtin_type(name) {
                Some(ty) => Some((ty.clone(), ty.size(), ty.size().max(1))),
                None => match self
                    .records
                    .facts()
                    .typedef(name)
                    .map(|raw| self.records.ty(&raw))
                {
                    Some(Ty::Record(id)) => Some(record(self, id)),
                    Some(ty) => Some((ty.clone(), ty.size(), ty.to_abi().map_or(1, |a| a.align()))),
                    None => {
                        let error = Diagnostic::error(
                            "E0205",
                            field.span,
                            format!("unknown type `{name}`"),
                        );
                        self.report(error.here("in this member"));
                        None
                    }
                },
            },
            CType::Struct(name) | CType::Union(name) => {
                match self.records.named(name, matches!(ty, CType::Union(_))) {
                    Some(id) => Some(record(self, id)),
                    None => {
                        let error = Diagnostic::error(
                            "E0205",
                            field.span,
                            format!("unknown type `struct {name}`"),
                        );
                        self.report(
                            error
                                .here("in this member")
                                .help("define it before it is used"),
                        );
                        None
                    }
                }
            }
            CType::Record(inner) => self.c_record(inner).map(|id| record(self, id)),
            CType::Enum(name) => Some((
                Ty::Enum(
                    IntTy {
                        bytes: 4,
                        signed: false,
                    },
                    name.clone(),
                ),
                4,
                4,
            )),
            CType::InlineEnum(def) => {
                self.c_enum(def);
                Some((Ty::int(4, false), 4, 4))
            }
            CType::Pointer(to) => Some((Ty::Ptr(Box::new(self.c_pointee(to)), Space::Any), 8, 8)),
            CType::Array(element, count) => {
                let count = count
                    .as_ref()
                    .and_then(|c| self.constant(c))
                    .unwrap_or(0)
                    .clamp(0, 1 << 20) as u32;
                let (element_ty, size, align) = self.c_type(element, field)?;
                let ty = match &**element {
                    CType::Named(name) if name == "char" && count > 0 => Ty::Str(count),
                    _ => Ty::Array(Box::new(element_ty), count),
                };
                Some((ty, size * count, align))
            }
            CType::Function => None,
        }
    }

    fn c_pointee(&mut self, ty: &CType) -> Ty {
        match ty {
            CType::Named(name) => builtin_type(name).unwrap_or(Ty::Void),
            CType::Struct(name) => self.records.named(name, false).map_or(Ty::Void, Ty::Record),
            CType::Union(name) => self.records.named(name, true).map_or(Ty::Void, Ty::Record),
            CType::Pointer(to) => Ty::Ptr(Box::new(self.c_pointee(to)), Space::Any),
            _ => Ty::Void,
        }
    }
}

/// Lays members out as the x86-64 and arm64 ABIs do; all counts in bits.
#[derive(Default)]
struct CLayout {
    packed: bool,
    is_union: bool,
    end: u32,
    largest: u32,
    align: u32,
}

impl CLayout {
    fn place(&mut self, size: u32, align: u32, bits: Option<u32>) -> u32 {
        let align = if self.packed { 1 } else { align.max(1) };
        self.align = self.align.max(align);
        let width = bits.unwrap_or(size * 8);
        let offset = match (self.is_union, bits) {
            (true, _) => 0,
            // A bit-field does not cross the boundary of its own type.
            (false, Some(bits))
                if bits > 0 && (self.end / (size * 8) == (self.end + bits - 1) / (size * 8)) =>
            {
                self.end
            }
            (false, Some(_)) => self.end.next_multiple_of(size * 8),
            (false, None) => self.end.next_multiple_of(align * 8),
        };
        self.end = offset + width;
        self.largest = self.largest.max(self.end);
        offset
    }

    fn size(&self) -> u32 {
        self.largest.div_ceil(8).next_multiple_of(self.align.max(1))
    }
}
