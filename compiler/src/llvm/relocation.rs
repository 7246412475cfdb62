//! Addresses and facts that libbpf relocates on the target (CO-RE).

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::intrinsics::Intrinsic;
use inkwell::types::AnyType;
use inkwell::values::{BasicMetadataValueEnum, BasicValue, IntValue, MetadataValue, PointerValue};

use super::builder::{BUILT, Builder};
use super::di::Node;

impl<'c> Builder<'c> {
    /// The address of member `index` of the debug type `record` at `base`, to be relocated on the target.
    pub fn member_address(
        &self,
        base: PointerValue<'c>,
        record: Node,
        index: u32,
    ) -> PointerValue<'c> {
        // The second index counts in the debug type. The first counts in the LLVM type, which has one element and stands for all
        // structs: calls within a longer chain become plain GEPs of it.
        let element = self
            .cx
            .struct_type(&[self.i64_type().into()], false)
            .as_any_type_enum();
        self.preserved(
            "llvm.preserve.struct.access.index",
            base,
            [0, index],
            element,
            record,
        )
    }

    /// The address of a member of a union.
    pub fn union_member_address(
        &self,
        base: PointerValue<'c>,
        record: Node,
        index: u32,
    ) -> PointerValue<'c> {
        let intrinsic = Intrinsic::find("llvm.preserve.union.access.index").expect("LLVM has it");
        let ptr = self.ptr_type().into();
        let function = intrinsic
            .get_declaration(&self.module, &[ptr, ptr])
            .expect("overloads fit");
        let index = self.cx.i32_type().const_int(u64::from(index), false);
        let call = self
            .inner
            .build_call(function, &[base.into(), index.into()], "")
            .expect(BUILT);
        self.mark_access(call, record)
    }

    /// The address of element `index` of the debug array type `array` at `base`.
    pub fn element_address(
        &self,
        base: PointerValue<'c>,
        array: Node,
        index: u32,
    ) -> PointerValue<'c> {
        let element = self.cx.i8_type().array_type(1).as_any_type_enum();
        self.preserved(
            "llvm.preserve.array.access.index",
            base,
            [1, index],
            element,
            array,
        )
    }

    fn preserved(
        &self,
        name: &str,
        base: PointerValue<'c>,
        indices: [u32; 2],
        element: inkwell::types::AnyTypeEnum<'c>,
        node: Node,
    ) -> PointerValue<'c> {
        let intrinsic = Intrinsic::find(name).expect("LLVM has it");
        let ptr = self.ptr_type().into();
        let function = intrinsic
            .get_declaration(&self.module, &[ptr, ptr])
            .expect("overloads fit");
        let [a, b] = indices.map(|i| self.cx.i32_type().const_int(u64::from(i), false));
        let call = self
            .inner
            .build_call(function, &[base.into(), a.into(), b.into()], "")
            .expect(BUILT);
        let kind = Attribute::get_named_enum_kind_id("elementtype");
        call.add_attribute(
            AttributeLoc::Param(0),
            self.cx.create_type_attribute(kind, element),
        );
        self.mark_access(call, node)
    }

    fn mark_access(
        &self,
        call: inkwell::values::CallSiteValue<'c>,
        node: Node,
    ) -> PointerValue<'c> {
        let value = call.try_as_basic_value().unwrap_basic();
        // SAFETY: the value was just made from a node of this context.
        let metadata = unsafe { MetadataValue::new(self.di.as_value(node)) };
        let instruction = value.as_instruction_value().expect("a call");
        instruction
            .set_metadata(metadata, self.access_kind)
            .expect("a debug node");
        value.into_pointer_value()
    }

    /// A fact about the member at an address that [`Builder::member_address`] made: 0 byte offset, 1 byte size, 2 existence,
    /// 3 signedness, 4 and 5 the shifts that cut a bit-field out of a 64-bit load.
    pub fn field_info(&self, address: PointerValue<'c>, info: u32) -> IntValue<'c> {
        let intrinsic = Intrinsic::find("llvm.bpf.preserve.field.info").expect("LLVM has it");
        let function = intrinsic
            .get_declaration(&self.module, &[self.ptr_type().into()])
            .expect("overloads fit");
        let info = self.int(i64::from(info));
        let call = self
            .inner
            .build_call(function, &[address.into(), info.into()], "")
            .expect(BUILT);
        self.widen_32(call.try_as_basic_value().unwrap_basic().into_int_value())
    }

    /// The size of a type on the target, in bytes.
    pub fn type_size(&self, ty: Node) -> IntValue<'c> {
        // BPF_TYPE_SIZE
        let size = self.int(1);
        self.type_fact("llvm.bpf.preserve.type.info", &[size.into()], ty)
    }

    /// The value of a constant of an enum on the target.
    pub fn enum_value(&self, of: Node, name: &str, value: i64) -> IntValue<'c> {
        let text = format!("{name}:{value}");
        let text = self
            .inner
            .build_global_string_ptr(&text, "")
            .expect(BUILT)
            .as_pointer_value();
        // BPF_ENUM_VALUE
        let kind = self.int(1);
        let args = [text.into(), kind.into()];
        self.type_fact("llvm.bpf.preserve.enum.value", &args, of)
    }

    /// A fact about a debug type.
    fn type_fact(
        &self,
        intrinsic: &str,
        args: &[BasicMetadataValueEnum<'c>],
        ty: Node,
    ) -> IntValue<'c> {
        let intrinsic = Intrinsic::find(intrinsic).expect("LLVM has it");
        let function = intrinsic
            .get_declaration(&self.module, &[])
            .expect("not overloaded");
        // Tells calls apart that would else be merged before they are told apart by their type.
        self.sequence.set(self.sequence.get() + 1);
        let sequence = self.cx.i32_type().const_int(self.sequence.get(), false);
        let mut all = vec![sequence.into()];
        all.extend_from_slice(args);
        let call = self.inner.build_call(function, &all, "").expect(BUILT);
        let value = call.try_as_basic_value().unwrap_basic();
        // SAFETY: the value was just made from a node of this context.
        let metadata = unsafe { MetadataValue::new(self.di.as_value(ty)) };
        let instruction = value.as_instruction_value().expect("a call");
        instruction
            .set_metadata(metadata, self.access_kind)
            .expect("a debug node");
        match value.into_int_value() {
            wide if wide.get_type().get_bit_width() == 64 => wide,
            narrow => self.widen_32(narrow),
        }
    }
}
