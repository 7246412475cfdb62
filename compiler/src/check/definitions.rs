//! C definitions at the top of a script: struct and union layouts, enum constants, typedefs.

use std::collections::HashMap;
use std::rc::Rc;

use bt_abi::types::Variant;
use bt_grammar::ast::{self, CEnum, CItem, CRecord, CType};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use super::types::builtin_type;
use crate::types::{EnumDef, FieldDef, IntTy, Origin, Record, RecordId, Space, Ty};

/// What the script's own definitions have made known.
#[derive(Default)]
pub struct Definitions {
    /// Type, size and alignment in bytes.
    typedefs: HashMap<String, (Ty, u32, u32)>,
    /// Structs and unions that pointers may lead to before their members are known.
    declared: HashMap<(String, bool), RecordId>,
    /// By name.
    enums: HashMap<String, Ty>,
    /// Alignment in bytes of the script's records.
    aligns: HashMap<RecordId, u32>,
}

impl Checker<'_> {
    pub(super) fn definitions(&mut self, script: &ast::Script) {
        for item in &script.definitions {
            if let CItem::Record(record) = item
                && self.kernel_record(record).is_none()
            {
                self.declare_record(record);
            }
        }
        // Structs before an enum may have members of it.
        for item in &script.definitions {
            if let CItem::Enum(def) = item {
                self.c_enum(def);
            }
        }
        for item in &script.definitions {
            match item {
                CItem::Record(record) => {
                    self.c_record(record);
                }
                CItem::Enum(_) => {}
                // Replaced before.
                CItem::Define { .. } => {}
                // Types of the kernel come from BTF; a header that is only included for them needs nothing more.
                CItem::Include { .. } => {}
                CItem::Typedef { name, ty, span } => {
                    if let Some(found) = self.c_type(ty, *span) {
                        self.definitions.typedefs.insert(name.node.clone(), found);
                    }
                }
            }
        }
    }

    /// The type as C has it: of four bytes if that suffices, signed if a constant is negative. Constants have eight bytes.
    fn c_enum(&mut self, def: &CEnum) -> Ty {
        let mut next = 0i64;
        let mut variants = Vec::new();
        for (name, value) in &def.variants {
            if let Some(expr) = value {
                match self.constant(expr) {
                    Some(value) => next = value,
                    None => self.unsupported(expr.span, "enum values that are no literals"),
                }
            }
            variants.push(Variant {
                name: name.node.clone(),
                value: next,
            });
            next = next.wrapping_add(1);
        }
        let signed = variants.iter().any(|v| v.value < 0);
        let narrow = match signed {
            true => i64::from(i32::MIN)..=i64::from(i32::MAX),
            false => 0..=i64::from(u32::MAX),
        };
        let bytes = match variants.iter().all(|v| narrow.contains(&v.value)) {
            true => 4,
            false => 8,
        };
        let name = def.name.as_ref().map_or("", |name| &name.node);
        let def = Rc::new(EnumDef {
            name: name.to_string(),
            kernel: false,
            variants,
        });
        for variant in &def.variants {
            let constant = Ty::Enum(IntTy::new(8, signed), def.clone());
            let known = (variant.value, constant);
            self.constants.insert(variant.name.clone(), known);
        }
        let ty = Ty::Enum(IntTy::new(bytes, signed), def.clone());
        if !name.is_empty() {
            self.definitions.enums.insert(name.to_string(), ty.clone());
        }
        ty
    }

    pub(super) fn script_enum(&self, name: &str) -> Option<Ty> {
        self.definitions.enums.get(name).cloned()
    }

    /// The type that a typedef of the script stands for.
    pub(super) fn script_typedef(&self, name: &str) -> Option<Ty> {
        self.definitions
            .typedefs
            .get(name)
            .map(|(ty, ..)| ty.clone())
    }

    /// The kernel's type of the same name, if it has all the members: then the script repeats it, and accesses must be relocated.
    fn kernel_record(&self, def: &CRecord) -> Option<RecordId> {
        let name = &def.name.as_ref()?.node;
        if self
            .definitions
            .declared
            .contains_key(&(name.clone(), def.is_union))
        {
            return None;
        }
        let kernel = self.records.named(name, def.is_union)?;
        let known = self.records.field_names(kernel);
        let mut own = def.fields.iter().filter_map(|f| f.name.as_ref());
        (!known.is_empty() && own.all(|f| known.contains(&f.node))).then_some(kernel)
    }

    /// A record of the script whose members are not known yet.
    fn declare_record(&mut self, def: &CRecord) -> RecordId {
        // Anonymous ones get a name that no script can write, so that they stay apart.
        let name = match &def.name {
            Some(name) => name.node.clone(),
            None => format!("<anonymous at {}>", def.span.start),
        };
        let key = (name.clone(), def.is_union);
        if let Some(id) = self.definitions.declared.get(&key) {
            return *id;
        }
        let id = self.records.define(Record {
            origin: Origin::Script {
                name,
                is_union: def.is_union,
            },
            size: 0,
            fields: Vec::new(),
        });
        self.definitions.declared.insert(key, id);
        id
    }

    fn c_record(&mut self, def: &CRecord) -> RecordId {
        if let Some(kernel) = self.kernel_record(def) {
            return kernel;
        }
        let id = self.declare_record(def);
        let packed = def.attributes.iter().any(|a| a.contains("packed"));
        let mut layout = CLayout {
            packed,
            is_union: def.is_union,
            ..CLayout::default()
        };
        let mut fields = Vec::new();
        for field in &def.fields {
            let Some((ty, size, align)) = self.c_type(&field.ty, field.span) else {
                continue;
            };
            let member = Member {
                size,
                align,
                bits: field.bits,
                named: field.name.is_some(),
                packed: field.attributes.iter().any(|a| a.contains("packed")),
                aligned: field.attributes.iter().find_map(|a| aligned(a)),
            };
            let bit_offset = layout.place(&member);
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
        if let Some(align) = def.attributes.iter().find_map(|a| aligned(a)) {
            layout.align = layout.align.max(align);
        }
        self.definitions.aligns.insert(id, layout.align.max(1));
        let record = Record {
            origin: self.records.get(id).origin.clone(),
            size: layout.size(),
            fields,
        };
        self.records.complete(id, record);
        id
    }

    fn align(&self, ty: &Ty) -> u32 {
        match ty {
            Ty::Record(id) => match self.definitions.aligns.get(id) {
                Some(align) => *align,
                None => {
                    let record = self.records.get(*id);
                    let largest = record.fields.iter().map(|f| self.align(&f.ty)).max();
                    largest.unwrap_or(1)
                }
            },
            Ty::Array(element, _) => self.align(element),
            Ty::Ptr(..) => 8,
            Ty::Str(_) => 1,
            ty => ty.to_abi().map_or(1, |abi| abi.align()),
        }
    }

    /// Type, size and alignment in bytes.
    fn c_type(&mut self, ty: &CType, span: Span) -> Option<(Ty, u32, u32)> {
        let record = |checker: &Self, id: RecordId| {
            let ty = Ty::Record(id);
            let align = checker.align(&ty);
            (ty, checker.records.get(id).size, align)
        };
        match ty {
            CType::Named(name) => match self.c_name(name) {
                Some(found) => Some(found),
                None => {
                    let error = Diagnostic::error("E0205", span, format!("unknown type `{name}`"));
                    self.report(error.here("in this definition"));
                    None
                }
            },
            CType::Struct(name) | CType::Union(name) => {
                match self.records.named(name, matches!(ty, CType::Union(_))) {
                    Some(id) => Some(record(self, id)),
                    None => {
                        let error = Diagnostic::error(
                            "E0205",
                            span,
                            format!("unknown type `struct {name}`"),
                        );
                        self.report(
                            error
                                .here("in this definition")
                                .help("define it before it is used"),
                        );
                        None
                    }
                }
            }
            CType::Record(inner) => {
                let id = self.c_record(inner);
                Some(record(self, id))
            }
            CType::Enum(name) => match self.known_enum(name) {
                Some(ty) => Some((ty.clone(), ty.size(), ty.size())),
                None => {
                    let message = format!("unknown type `enum {name}`");
                    let error = Diagnostic::error("E0205", span, message);
                    self.report(error.here("in this definition"));
                    None
                }
            },
            CType::InlineEnum(def) => {
                let ty = self.c_enum(def);
                Some((ty.clone(), ty.size(), ty.size()))
            }
            CType::Pointer(to) => Some((Ty::Ptr(Box::new(self.c_pointee(to)), Space::Any), 8, 8)),
            CType::Array(element, count) => {
                let count = count
                    .as_ref()
                    .and_then(|c| self.constant(c))
                    .unwrap_or(0)
                    .clamp(0, 1 << 20) as u32;
                let (element_ty, size, align) = self.c_type(element, span)?;
                let ty = match &**element {
                    CType::Named(name) if name == "char" && count > 0 => Ty::Str(count),
                    _ => Ty::Array(Box::new(element_ty), count),
                };
                Some((ty, size.saturating_mul(count), align))
            }
            CType::Function => None,
        }
    }

    /// A builtin type, or what a typedef of the script or the kernel stands for.
    fn c_name(&self, name: &str) -> Option<(Ty, u32, u32)> {
        // Of no use to a program, but their places must be right.
        let opaque = match name {
            "float" => Some((4, 4)),
            "double" => Some((8, 8)),
            "long double" | "__int128" | "unsigned __int128" => Some((16, 16)),
            _ => None,
        };
        if let Some((size, align)) = opaque {
            return Some((Ty::Array(Box::new(Ty::int(1, false)), size), size, align));
        }
        if let Some(ty) = builtin_type(name) {
            return Some((ty.clone(), ty.size(), ty.size().max(1)));
        }
        if let Some(known) = self.definitions.typedefs.get(name) {
            return Some(known.clone());
        }
        let ty = self.records.ty(&self.records.facts().typedef(name)?);
        let size = match &ty {
            Ty::Record(id) => self.records.get(*id).size,
            ty => ty.size(),
        };
        let align = self.align(&ty);
        Some((ty, size, align))
    }

    fn c_pointee(&mut self, ty: &CType) -> Ty {
        match ty {
            CType::Named(name) => self.c_name(name).map_or(Ty::Void, |(ty, ..)| ty),
            CType::Record(inner) => Ty::Record(self.c_record(inner)),
            CType::Struct(name) => self.records.named(name, false).map_or(Ty::Void, Ty::Record),
            CType::Union(name) => self.records.named(name, true).map_or(Ty::Void, Ty::Record),
            CType::Pointer(to) => Ty::Ptr(Box::new(self.c_pointee(to)), Space::Any),
            CType::Array(element, count) => {
                let count = count.as_ref().and_then(|c| self.constant(c));
                let count = count.unwrap_or(0).clamp(0, 1 << 20) as u32;
                match (self.c_pointee(element), &**element) {
                    (Ty::Void, _) => Ty::Void,
                    (_, CType::Named(name)) if name == "char" && count > 0 => Ty::Str(count),
                    (element, _) => Ty::Array(Box::new(element), count),
                }
            }
            CType::Enum(name) => self.known_enum(name).unwrap_or(Ty::Void),
            CType::InlineEnum(def) => self.c_enum(def),
            CType::Function => Ty::Void,
        }
    }
}

/// The number in `aligned(8)`, however it is spelled.
fn aligned(attribute: &str) -> Option<u32> {
    let (word, rest) = attribute.split_once('(')?;
    let align = rest.trim_end_matches(')').trim().parse::<u32>().ok()?;
    let is_aligned = word.trim().trim_matches('_') == "aligned";
    (is_aligned && align.is_power_of_two()).then_some(align.min(4096))
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

/// What the place of a member depends on; size and alignment of its type in bytes.
struct Member {
    size: u32,
    align: u32,
    bits: Option<u32>,
    named: bool,
    packed: bool,
    /// As an attribute says.
    aligned: Option<u32>,
}

impl CLayout {
    /// The offset of the next member.
    fn place(&mut self, member: &Member) -> u32 {
        let size = member.size;
        // A bit-field of a type without size was reported, or is padding.
        let bits = member.bits.filter(|_| size > 0);
        let packed = self.packed || member.packed;
        let natural = if packed { 1 } else { member.align.max(1) };
        let align = natural.max(member.aligned.unwrap_or(1));
        // Padding bits align nothing but what follows them.
        if bits.is_none() || member.named {
            self.align = self.align.max(align);
        }
        let width = bits.unwrap_or(size.saturating_mul(8));
        let end = match member.aligned {
            Some(align) => self.end.next_multiple_of(align * 8),
            None => self.end,
        };
        let offset = match (self.is_union, bits) {
            (true, _) => 0,
            (false, Some(0)) => end.next_multiple_of(size * 8),
            (false, Some(_)) if packed => end,
            // A bit-field does not cross the boundary of its own type.
            (false, Some(bits)) => {
                let unit = size * 8;
                match end / unit == (end.saturating_add(bits) - 1) / unit {
                    true => end,
                    false => end.next_multiple_of(unit),
                }
            }
            (false, None) => end.next_multiple_of(align * 8),
        };
        self.end = offset.saturating_add(width);
        self.largest = self.largest.max(self.end);
        offset
    }

    fn size(&self) -> u32 {
        self.largest.div_ceil(8).next_multiple_of(self.align.max(1))
    }
}
