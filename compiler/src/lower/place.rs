//! Reading memory: the context, the kernel's and the traced program's.

use bt_abi::manifest::FaultKind;

use super::Lower;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{
    Helper, PROBE_READ, PROBE_READ_KERNEL, PROBE_READ_KERNEL_STR, PROBE_READ_STR, PROBE_READ_USER,
    PROBE_READ_USER_STR,
};
use crate::llvm::{IntValue, PointerValue};
use crate::typed::{Expr, ExprKind, Place, Step};
use crate::types::{FieldDef, FieldRef, Origin, RecordId, Space, Ty};

/// Reads of longer strings are not counted when they fail.
const LONG_STRING: u32 = 4096;

impl<'c> Lower<'c, '_> {
    /// The address of a place, relocated where it lies in a type of the kernel.
    pub(super) fn address(&mut self, place: &Place) -> PointerValue<'c> {
        self.walk(place, place.steps.len())
    }

    /// The address after so many steps.
    fn walk(&mut self, place: &Place, steps: usize) -> PointerValue<'c> {
        let at = match self.space(place) {
            Space::Context => self.context(),
            _ => match &place.base.kind {
                // Not by way of an integer: the verifier must see whose memory it is.
                ExprKind::InMemory(value) => self.memory(value),
                _ => {
                    let base = self.scalar(&place.base);
                    self.b.to_ptr(base)
                }
            },
        };
        self.walk_from(at, place, steps)
    }

    /// The address after so many steps from the base.
    pub(super) fn walk_from(
        &mut self,
        mut at: PointerValue<'c>,
        place: &Place,
        steps: usize,
    ) -> PointerValue<'c> {
        let mut relocated: Option<Ty> = None;
        // Of elements at an index that only the run knows: added once the rest of the way is relocated.
        let mut behind: Option<IntValue> = None;
        for step in &place.steps[..steps] {
            match step {
                Step::Field(field) => {
                    at = self.member(at, *field);
                    let def = self.records.field(*field);
                    relocated = self.is_relocated(*field).then_some(def.ty);
                }
                Step::Index {
                    index,
                    element,
                    stride,
                    count,
                } => {
                    let literal = index.flexible_int().and_then(|i| u32::try_from(i).ok());
                    let array = relocated.take();
                    // Arrays within arrays go on.
                    if let Some(Ty::Array(element, _)) = &array
                        && matches!(**element, Ty::Array(..))
                    {
                        relocated = Some((**element).clone());
                    }
                    at = match (array, literal) {
                        // An element of a relocated array is relocated with it.
                        (Some(array), Some(index)) => {
                            let (node, _) = self.debug_type(&array);
                            self.b.element_address(at, node, index)
                        }
                        (Some(array), None) if stride.is_some() => {
                            let (node, _) = self.debug_type(&array);
                            let [first, second] =
                                [0, 1].map(|index| self.b.element_address(at, node, index));
                            let stride = self.b.sub(self.b.to_int(second), self.b.to_int(first));
                            let index = self.index(index, *count);
                            let bytes = self.b.mul(index, stride);
                            behind = Some(match behind {
                                Some(more) => self.b.add(more, bytes),
                                None => bytes,
                            });
                            first
                        }
                        _ => {
                            let size = match stride {
                                Some((record, times)) => {
                                    let node = self.partial_record(*record);
                                    let size = self.b.type_size(node);
                                    self.b.mul(size, self.int(i64::from(*times)))
                                }
                                None => self.int(i64::from(*element)),
                            };
                            let index = self.index(index, *count);
                            let bytes = self.b.mul(index, size);
                            self.b.offset_by(at, bytes)
                        }
                    };
                }
            }
        }
        match behind {
            Some(bytes) => self.b.offset_by(at, bytes),
            None => at,
        }
    }

    fn member(&mut self, at: PointerValue<'c>, field: FieldRef) -> PointerValue<'c> {
        let def = self.records.field(field);
        if !self.is_relocated(field) {
            return self.b.offset(at, def.bit_offset / 8);
        }
        let node = self.partial_record(field.record);
        let position = self.plan.field_position(field).unwrap_or(0);
        match self.records.get(field.record).is_union() {
            true => self.b.union_member_address(at, node, position),
            false => self.b.member_address(at, node, position),
        }
    }

    fn is_relocated(&self, field: FieldRef) -> bool {
        !self.records.get(field.record).origin.is_fixed()
    }

    fn space(&self, place: &Place) -> Space {
        match &place.base.ty {
            Ty::Ptr(_, space) => *space,
            _ => Space::Any,
        }
    }

    /// Bytes from the start of the first record of a path to its end, on the target.
    pub(super) fn field_offset(&mut self, path: &[FieldRef]) -> IntValue<'c> {
        let mut at = self.b.to_ptr(self.int(0));
        for field in path {
            at = self.member(at, *field);
        }
        match path.first().is_some_and(|f| self.is_relocated(*f)) {
            true => self.b.field_info(at, 0),
            false => self.b.to_int(at),
        }
    }

    /// The scalar at a place.
    pub(super) fn read_scalar(&mut self, place: &Place, ty: &Ty) -> IntValue<'c> {
        let space = self.space(place);
        let last = match place.steps.last() {
            Some(Step::Field(field)) => Some((*field, self.records.field(*field))),
            _ => None,
        };
        if let Some((field, def)) = &last {
            if let Some(bits) = def.bits {
                return self.read_bits(place, *field, def, bits);
            }
            if def.data_loc {
                // The low half of the word is the offset of the data in the record.
                let at = self.address(place);
                let word = self.b.load(at, 4, false);
                let offset = self.b.and(word, self.int(0xffff));
                let context = self.b.to_int(self.context());
                return self.b.add(context, offset);
            }
        }
        let (bytes, signed) = (ty.size().min(8), ty.as_int().is_some_and(|i| i.signed));
        if self.is_object(place) && matches!(ty, Ty::Ptr(..)) {
            let object = self.object(place);
            return self.b.to_int(object);
        }
        let at = self.address(place);
        if space == Space::Context || (is_own_memory(place) && self.is_aligned(place, bytes)) {
            return self.b.load(at, bytes, signed);
        }
        let temp = self.temp(8);
        let size = self.int(i64::from(bytes));
        self.checked_helper(reader(space), &[Arg::Ptr(temp), size.into(), Arg::Ptr(at)]);
        self.b.load(temp, bytes, signed)
    }

    /// Has a helper read a scalar to where it is wanted; says whether the place is one that it can read.
    pub(super) fn read_straight(
        &mut self,
        place: &Place,
        to: PointerValue<'c>,
        bytes: u32,
    ) -> bool {
        let space = self.space(place);
        let plain = match place.steps.last() {
            Some(Step::Field(field)) => {
                let def = self.records.field(*field);
                def.bits.is_none() && !def.data_loc
            }
            _ => true,
        };
        if !plain || matches!(space, Space::Context | Space::Own) {
            return false;
        }
        let at = self.address(place);
        let size = self.int(i64::from(bytes));
        self.checked_helper(reader(space), &[Arg::Ptr(to), size.into(), Arg::Ptr(at)]);
        true
    }

    /// Reads the storage of a bit-field and cuts the field out, with offsets and shifts of the target.
    fn read_bits(
        &mut self,
        place: &Place,
        field: FieldRef,
        def: &FieldDef,
        bits: u32,
    ) -> IntValue<'c> {
        let signed = def.ty.as_int().is_some_and(|i| i.signed);
        let record = self.walk(place, place.steps.len() - 1);
        let space = self.space(place);
        let temp = self.temp(16);
        self.b.store(temp, self.int(0), 8);
        if !self.is_relocated(field) {
            let shift = def.bit_offset % 8;
            // Nine, where a field of a packed struct is that wide.
            let bytes = (shift + bits).div_ceil(8);
            let at = self.b.offset(record, def.bit_offset / 8);
            self.checked_helper(
                reader(space),
                &[
                    Arg::Ptr(temp),
                    self.int(i64::from(bytes)).into(),
                    Arg::Ptr(at),
                ],
            );
            let mut word = self.b.load(temp, 8, false);
            word = self.b.shr(word, self.int(i64::from(shift)), false);
            if bytes > 8 {
                let last = self.b.load(self.b.offset(temp, 8), 1, false);
                let last = self.b.shl(last, self.int(i64::from(64 - shift)));
                word = self.b.or(word, last);
            }
            let up = self.b.shl(word, self.int(i64::from(64 - bits)));
            return self.b.shr(up, self.int(i64::from(64 - bits)), signed);
        }
        // Each fact is a relocation of its own and wants an address of its own.
        let [offset, size, left, right] = [0, 1, 4, 5].map(|info| {
            let member = self.member(record, field);
            self.b.field_info(member, info)
        });
        let at = self.b.offset_by(record, offset);
        self.checked_helper(reader(space), &[Arg::Ptr(temp), size.into(), Arg::Ptr(at)]);
        let word = self.b.load(temp, 8, false);
        let up = self.b.shl(word, left);
        self.b.shr(up, right, signed)
    }

    /// The NUL-terminated string in a char array.
    pub(super) fn read_text(&mut self, place: &Place, to: PointerValue<'c>, size: u32) {
        let at = self.address(place);
        let space = match self.space(place) {
            Space::Context | Space::Own => Space::Kernel,
            space => space,
        };
        self.read_string_at(space, to, size, Arg::Ptr(at));
    }

    /// Reads a string of at most `size` bytes, NUL included; an unreadable one is empty. Gives the bytes, or a negative error.
    pub fn read_string_at(
        &mut self,
        space: Space,
        to: PointerValue<'c>,
        size: u32,
        from: Arg<'c>,
    ) -> IntValue<'c> {
        let bytes = self.int(i64::from(size));
        self.read_string(space, to, (bytes.into(), size), from)
    }

    /// Likewise, of a size that the verifier must see the bounds of, and which is at most so much.
    pub fn read_string(
        &mut self,
        space: Space,
        to: PointerValue<'c>,
        (size, most): (Arg<'c>, u32),
        from: Arg<'c>,
    ) -> IntValue<'c> {
        let helper = match space {
            Space::User => PROBE_READ_USER_STR,
            Space::Any => PROBE_READ_STR,
            Space::Kernel | Space::Context | Space::Own => PROBE_READ_KERNEL_STR,
        };
        let args = [Arg::Ptr(to), size, from];
        // Old verifiers would look at each way to what follows, and comparing long strings is many steps.
        match most > LONG_STRING {
            true => self.helper(helper, &args),
            false => self.checked_helper(helper, &args),
        }
    }

    /// Where an address of this type points.
    pub fn space_of(&self, ty: &Ty) -> Space {
        match ty {
            Ty::Ptr(_, Space::Context) => Space::Kernel,
            Ty::Ptr(_, space) => *space,
            _ => self.probe().kind.argument_space(),
        }
    }

    /// Reads bytes at an address; what cannot be read is zero. The verifier must see bounds of a size that is no constant.
    pub fn read_at(
        &mut self,
        space: Space,
        to: PointerValue<'c>,
        size: IntValue<'c>,
        from: IntValue<'c>,
    ) {
        self.checked_helper(reader(space), &[Arg::Ptr(to), size.into(), from.into()]);
    }

    /// The address of an array or a text, and where that is.
    pub fn bytes_of(&mut self, expr: &Expr) -> (PointerValue<'c>, Space) {
        match &expr.kind {
            ExprKind::Read(place) => {
                let space = match self.space(place) {
                    Space::Context => Space::Kernel,
                    space => space,
                };
                (self.address(place), space)
            }
            _ => (self.memory(expr), Space::Kernel),
        }
    }

    /// Copies all bytes of an array or a text.
    pub fn bytes_into(&mut self, expr: &Expr, to: PointerValue<'c>) {
        let size = expr.ty.size();
        match &expr.kind {
            ExprKind::Read(place) => self.read_bytes(place, to, size),
            _ => {
                let from = self.memory(expr);
                self.copy(to, from, size);
            }
        }
    }

    /// Copies a struct: as many bytes as it has on the target, if there is room for them.
    pub(super) fn read_struct(
        &mut self,
        place: &Place,
        record: RecordId,
        to: PointerValue<'c>,
        room: u32,
    ) {
        let definition = self.records.get(record);
        let relocated = matches!(
            definition.origin,
            Origin::Kernel { .. } | Origin::KernelAnonymous { .. }
        );
        if !relocated {
            self.read_bytes(place, to, definition.size.min(room));
            return;
        }
        let at = self.address(place);
        let space = self.space(place);
        let node = self.partial_record(record);
        let size = self.b.type_size(node);
        let room = self.int(i64::from(room));
        let too_large = self.b.compare(inkwell::IntPredicate::UGT, size, room);
        let size = self.b.select(too_large, room, size);
        self.checked_helper(reader(space), &[Arg::Ptr(to), size.into(), Arg::Ptr(at)]);
    }

    /// Whether the verifier takes a direct load of so many bytes from memory of the program: all indexes are literals, and no packed
    /// struct of the script puts it where it is not aligned.
    fn is_aligned(&self, place: &Place, bytes: u32) -> bool {
        let mut offset = 0u64;
        for step in &place.steps {
            match step {
                Step::Field(field) if !self.is_relocated(*field) => {
                    offset += u64::from(self.records.field(*field).bit_offset / 8);
                }
                Step::Field(_) => {}
                Step::Index { index, element, .. } => match index.flexible_int() {
                    Some(index) => offset = offset.wrapping_add(index as u64 * u64::from(*element)),
                    None => return false,
                },
            }
        }
        offset.is_multiple_of(u64::from(bytes.max(1)))
    }

    /// An index, or 0 if the array does not have it, which is counted.
    fn index(&mut self, index: &Expr, count: Option<u32>) -> IntValue<'c> {
        let value = self.scalar(index);
        let Some(count) = count.filter(|_| index.flexible_int().is_none()) else {
            return value;
        };
        let count = self.int(i64::from(count));
        let outside = self.b.compare(inkwell::IntPredicate::UGE, value, count);
        self.count_if(outside, FaultKind::IndexOutOfRange, value);
        self.b.select(outside, self.int(0), value)
    }

    pub(super) fn read_bytes(&mut self, place: &Place, to: PointerValue<'c>, size: u32) {
        let at = self.address(place);
        let space = self.space(place);
        let size = self.int(i64::from(size));
        self.checked_helper(reader(space), &[Arg::Ptr(to), size.into(), Arg::Ptr(at)]);
    }

    /// A `u64` of the context at a fixed offset: an argument register.
    pub fn context_word(&mut self, offset: u32) -> IntValue<'c> {
        let at = self.b.offset(self.context(), offset);
        self.b.load(at, 8, true)
    }
}

/// Whether the verifier sees what memory it is: an address that came by way of a variable may be any.
fn is_own_memory(place: &Place) -> bool {
    matches!(place.base.kind, ExprKind::InMemory(_))
}

fn reader(space: Space) -> Helper {
    match space {
        Space::User => PROBE_READ_USER,
        Space::Any => PROBE_READ,
        Space::Kernel | Space::Context | Space::Own => PROBE_READ_KERNEL,
    }
}
