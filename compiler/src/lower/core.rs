//! Debug types of the structs whose members are relocated: partial ones, that hold only what the script reads. libbpf matches
//! them with the target's by the names of structs and members.

use bt_abi::names;

use super::Lower;
use crate::llvm::IntValue;
use crate::llvm::di::{Encoding, Member, Node};
use crate::probes::ProbeKind;
use crate::types::{FieldDef, FunctionKind, IntTy, Origin, RecordId, Ty};

impl<'c> Lower<'c, '_> {
    /// The debug type of a record, with the members that the plan lists.
    pub(super) fn partial_record(&mut self, id: RecordId) -> Node {
        let record = self.records.get(id);
        // an alternative has the arguments elsewhere
        let moved = match (&record.origin, self.kind()) {
            (Origin::Function { .. }, ProbeKind::Kprobe) => Some(FunctionKind::Registers),
            (Origin::Function { .. }, ProbeKind::Kretprobe) => Some(FunctionKind::Returned),
            _ => None,
        };
        let key = (id, moved.is_some());
        if let Some(node) = self.partial.get(&key) {
            return *node;
        }
        let name = match &record.origin {
            Origin::Kernel { name, .. } => name.clone(),
            // the latter are not relocated
            Origin::KernelAnonymous { .. }
            | Origin::Script { .. }
            | Origin::Binary { .. }
            | Origin::Arguments { .. } => String::new(),
            Origin::Tracepoint { category, event } => names::tracepoint_struct(category, event),
            Origin::Function { of, module, name } => {
                names::function_struct(moved.unwrap_or(*of), module.as_deref(), name)
            }
        };
        let used = self.plan.fields.get(&id).cloned().unwrap_or_default();
        let mut members = Vec::new();
        let mut end = 0;
        for index in used {
            let field = &record.fields[index as usize];
            let (ty, bits) = match (&record.origin, &field.ty) {
                // btrun makes the target's struct from a format that says sizes and signs.
                (Origin::Tracepoint { .. }, Ty::Enum(int, _)) => self.debug_type(&Ty::Int(*int)),
                _ => self.member_type(field),
            };
            let storage_bits = if field.bits.is_some() {
                bits
            } else {
                bits.next_multiple_of(64)
            };
            let offset = if record.is_union() { 0 } else { end };
            end = end.max(offset + storage_bits.next_multiple_of(64));
            members.push((
                field.name.clone(),
                offset,
                field.bits.map_or(bits, u64::from),
                ty,
                field.bits.map(|_| offset),
            ));
        }
        let members: Vec<Member> = members
            .iter()
            .map(|(name, offset, size, ty, storage)| Member {
                name,
                offset: *offset,
                size: *size,
                ty: *ty,
                storage: *storage,
            })
            .collect();
        let node = self
            .b
            .di
            .record(&name, record.is_union(), end.max(8), &members);
        let node = match &record.origin {
            Origin::KernelAnonymous { typedef, .. } if !typedef.is_empty() => {
                self.b.di.typedef(typedef, node)
            }
            _ => node,
        };
        self.partial.insert(key, node);
        node
    }

    fn member_type(&mut self, field: &FieldDef) -> (Node, u64) {
        if field.data_loc {
            return self.debug_type(&Ty::int(4, false));
        }
        self.debug_type(&field.ty)
    }

    /// The debug type that stands for a type, and its size in bits. Pointers are all `void *`: relocation asks no more of them.
    pub(super) fn debug_type(&mut self, ty: &Ty) -> (Node, u64) {
        match ty {
            Ty::Int(int) => (self.debug_int(*int), u64::from(int.bytes) * 8),
            Ty::Bool => (self.b.di.int("_Bool", 1, Encoding::Bool), 8),
            Ty::Enum(int, _) => (
                self.b.di.enumeration("", int.bytes, &[("BTC_ANY", 0)]),
                u64::from(int.bytes) * 8,
            ),
            Ty::Str(size) => {
                let char = self.b.di.int("char", 1, Encoding::Signed);
                (
                    self.b.di.array(char, 8, u64::from(*size)),
                    u64::from(*size) * 8,
                )
            }
            Ty::Array(element, count) => {
                let (element, bits) = self.debug_type(element);
                (
                    self.b.di.array(element, bits, u64::from(*count)),
                    bits * u64::from(*count),
                )
            }
            Ty::Record(id) => {
                let node = self.partial_record(*id);
                (node, u64::from(self.records.get(*id).size.max(1)) * 8)
            }
            _ => (self.b.di.pointer(None), 64),
        }
    }

    /// A constant of an enum of the kernel, as the target has it.
    pub(super) fn enumerator(&mut self, ty: &Ty, name: &str, value: i64) -> IntValue<'c> {
        let Ty::Enum(int, def) = ty else {
            return self.int(value);
        };
        let node = self
            .b
            .di
            .enumeration(&def.name, int.bytes, &[(name, value)]);
        self.b.enum_value(node, name, value)
    }

    pub(super) fn debug_int(&self, int: IntTy) -> Node {
        let name = match (int.bytes, int.signed) {
            (1, true) => "signed char",
            (1, false) => "unsigned char",
            (2, true) => "short",
            (2, false) => "unsigned short",
            (4, true) => "int",
            (4, false) => "unsigned int",
            (_, true) => "long",
            (_, false) => "unsigned long",
        };
        let encoding = if int.signed {
            Encoding::Signed
        } else {
            Encoding::Unsigned
        };
        self.b.di.int(name, int.bytes, encoding)
    }
}
