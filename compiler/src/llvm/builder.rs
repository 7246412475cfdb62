//! Instructions, on 64-bit integers and pointers as BPF has them.
//!
//! The `expect`s here can only fail if a builder has no position or a value has a type that the signatures rule out: mistakes of
//! the compiler, not of a script.

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder as Inner;
use inkwell::context::Context;
use inkwell::intrinsics::Intrinsic;
use inkwell::module::{Linkage, Module};
use inkwell::types::{BasicMetadataTypeEnum, IntType, PointerType};
use inkwell::values::{
    BasicMetadataValueEnum, BasicValue, FunctionValue, GlobalValue, IntValue, PointerValue,
};
use inkwell::{AddressSpace, AtomicOrdering, AtomicRMWBinOp, IntPredicate};

use super::di::{Di, Node};
use super::helper::Helper;

pub(super) const BUILT: &str = "the builder has a position and the operands fit";

/// An argument of a helper: a 64-bit integer or a pointer.
#[derive(Clone, Copy)]
pub enum Arg<'c> {
    Int(IntValue<'c>),
    Ptr(PointerValue<'c>),
}

impl<'c> From<IntValue<'c>> for Arg<'c> {
    fn from(v: IntValue<'c>) -> Self {
        Arg::Int(v)
    }
}

impl<'c> From<PointerValue<'c>> for Arg<'c> {
    fn from(v: PointerValue<'c>) -> Self {
        Arg::Ptr(v)
    }
}

/// A module under construction and the place where instructions go.
pub struct Builder<'c> {
    pub cx: &'c Context,
    // Dropped in this order: both refer to the module.
    pub di: Di,
    pub(super) inner: Inner<'c>,
    pub module: Module<'c>,
    pub(super) access_kind: u32,
    pub(super) sequence: std::cell::Cell<u64>,
}

impl<'c> Builder<'c> {
    pub fn new(cx: &'c Context, module: Module<'c>, di: Di) -> Builder<'c> {
        let access_kind = cx.get_kind_id("llvm.preserve.access.index");
        Builder {
            cx,
            module,
            di,
            inner: cx.create_builder(),
            access_kind,
            sequence: std::cell::Cell::new(0),
        }
    }

    pub fn i64_type(&self) -> IntType<'c> {
        self.cx.i64_type()
    }

    pub fn ptr_type(&self) -> PointerType<'c> {
        self.cx.ptr_type(AddressSpace::default())
    }

    pub(super) fn int_type(&self, bytes: u32) -> IntType<'c> {
        self.cx
            .custom_width_int_type(std::num::NonZeroU32::new(bytes * 8).expect("not empty"))
            .expect("a small width")
    }

    pub fn int(&self, value: i64) -> IntValue<'c> {
        self.i64_type().const_int(value as u64, true)
    }

    // Blocks and control flow.

    pub fn append_block(&self, function: FunctionValue<'c>, name: &str) -> BasicBlock<'c> {
        self.cx.append_basic_block(function, name)
    }

    /// A new block of the function that is being built.
    pub fn block(&self, name: &str) -> BasicBlock<'c> {
        self.cx.append_basic_block(self.function(), name)
    }

    pub fn function(&self) -> FunctionValue<'c> {
        self.position()
            .get_parent()
            .expect("a block belongs to a function")
    }

    pub fn position(&self) -> BasicBlock<'c> {
        self.inner
            .get_insert_block()
            .expect("the builder has a position")
    }

    pub fn at_end(&self, block: BasicBlock<'c>) {
        self.inner.position_at_end(block);
    }

    pub fn locate(&self, scope: Node, line: u32, column: u32) {
        self.di.locate(&self.inner, scope, line, column);
    }

    pub fn jump(&self, to: BasicBlock<'c>) {
        self.inner.build_unconditional_branch(to).expect(BUILT);
    }

    /// Branches on a 64-bit value being nonzero.
    pub fn branch(&self, cond: IntValue<'c>, then: BasicBlock<'c>, otherwise: BasicBlock<'c>) {
        let flag = match cond.get_type().get_bit_width() {
            1 => cond,
            _ => self
                .inner
                .build_int_compare(IntPredicate::NE, cond, cond.get_type().const_zero(), "")
                .expect(BUILT),
        };
        self.inner
            .build_conditional_branch(flag, then, otherwise)
            .expect(BUILT);
    }

    /// A branch that passes shall not turn into selects, which BPF does not have: the weights say that it is predictable.
    pub fn branch_kept(&self, cond: IntValue<'c>, then: BasicBlock<'c>, otherwise: BasicBlock<'c>) {
        let flag =
            self.inner
                .build_int_compare(IntPredicate::NE, cond, cond.get_type().const_zero(), "");
        let branch = self
            .inner
            .build_conditional_branch(flag.expect(BUILT), then, otherwise)
            .expect(BUILT);
        let weight = |n| self.cx.i32_type().const_int(n, false).into();
        let weights = self.cx.metadata_node(&[
            self.cx.metadata_string("branch_weights").into(),
            weight(1),
            weight(2000),
        ]);
        branch
            .set_metadata(weights, self.cx.get_kind_id("prof"))
            .expect("a node");
    }

    pub fn branch_null(&self, ptr: PointerValue<'c>, null: BasicBlock<'c>, other: BasicBlock<'c>) {
        let flag = self.inner.build_is_null(ptr, "").expect(BUILT);
        self.inner
            .build_conditional_branch(flag, null, other)
            .expect(BUILT);
    }

    pub fn ret(&self, value: i64) {
        self.inner
            .build_return(Some(&self.int(value)))
            .expect(BUILT);
    }

    pub fn ret_value(&self, value: IntValue<'c>) {
        self.inner.build_return(Some(&value)).expect(BUILT);
    }

    pub fn phi(&self, incoming: &[(IntValue<'c>, BasicBlock<'c>)]) -> IntValue<'c> {
        let phi = self.inner.build_phi(self.i64_type(), "").expect(BUILT);
        for (value, block) in incoming {
            phi.add_incoming(&[(value as &dyn BasicValue, *block)]);
        }
        phi.as_basic_value().into_int_value()
    }

    pub fn phi_ptr(&self, incoming: &[(PointerValue<'c>, BasicBlock<'c>)]) -> PointerValue<'c> {
        let phi = self.inner.build_phi(self.ptr_type(), "").expect(BUILT);
        for (value, block) in incoming {
            phi.add_incoming(&[(value as &dyn BasicValue, *block)]);
        }
        phi.as_basic_value().into_pointer_value()
    }

    // Arithmetic.

    pub fn add(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_int_add(a, b, "").expect(BUILT)
    }

    pub fn sub(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_int_sub(a, b, "").expect(BUILT)
    }

    pub fn mul(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_int_mul(a, b, "").expect(BUILT)
    }

    pub fn udiv(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_int_unsigned_div(a, b, "").expect(BUILT)
    }

    pub fn urem(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_int_unsigned_rem(a, b, "").expect(BUILT)
    }

    pub fn and(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_and(a, b, "").expect(BUILT)
    }

    pub fn or(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_or(a, b, "").expect(BUILT)
    }

    pub fn xor(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_xor(a, b, "").expect(BUILT)
    }

    pub fn shl(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        self.inner.build_left_shift(a, b, "").expect(BUILT)
    }

    pub fn shr(&self, a: IntValue<'c>, b: IntValue<'c>, signed: bool) -> IntValue<'c> {
        self.inner.build_right_shift(a, b, signed, "").expect(BUILT)
    }

    /// 0 or 1 in 64 bits.
    /// 1 if the lower half is negative.
    pub fn is_negative_int(&self, value: IntValue<'c>) -> IntValue<'c> {
        let half = self.cx.i32_type();
        let low = self.inner.build_int_truncate(value, half, "").expect(BUILT);
        let flag = self
            .inner
            .build_int_compare(IntPredicate::SLT, low, half.const_zero(), "")
            .expect(BUILT);
        self.inner
            .build_int_z_extend(flag, self.i64_type(), "")
            .expect(BUILT)
    }

    pub fn compare(
        &self,
        predicate: IntPredicate,
        a: IntValue<'c>,
        b: IntValue<'c>,
    ) -> IntValue<'c> {
        let flag = self
            .inner
            .build_int_compare(predicate, a, b, "")
            .expect(BUILT);
        self.inner
            .build_int_z_extend(flag, self.i64_type(), "")
            .expect(BUILT)
    }

    pub fn select(&self, cond: IntValue<'c>, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        let flag = self
            .inner
            .build_int_compare(IntPredicate::NE, cond, self.int(0), "")
            .expect(BUILT);
        self.inner
            .build_select(flag, a, b, "")
            .expect(BUILT)
            .into_int_value()
    }

    /// The value cut to so many bytes, and widened to 64 bits again.
    pub fn narrow(&self, value: IntValue<'c>, bytes: u32, signed: bool) -> IntValue<'c> {
        if bytes >= 8 {
            return value;
        }
        let cut = self
            .inner
            .build_int_truncate(value, self.int_type(bytes), "")
            .expect(BUILT);
        self.inner
            .build_int_cast_sign_flag(cut, self.i64_type(), signed, "")
            .expect(BUILT)
    }

    /// The low bytes in reverse order; what is above them becomes zero.
    pub fn swap_bytes(&self, value: IntValue<'c>, bytes: u32) -> IntValue<'c> {
        if bytes < 2 {
            return self.narrow(value, 1, false);
        }
        let ty = self.int_type(bytes);
        let cut = self
            .inner
            .build_int_cast_sign_flag(value, ty, false, "")
            .expect(BUILT);
        let intrinsic = Intrinsic::find("llvm.bswap").expect("LLVM has it");
        let function = intrinsic
            .get_declaration(&self.module, &[ty.into()])
            .expect("overloads fit");
        let call = self
            .inner
            .build_call(function, &[cut.into()], "")
            .expect(BUILT);
        let swapped = call.try_as_basic_value().unwrap_basic().into_int_value();
        self.inner
            .build_int_cast_sign_flag(swapped, self.i64_type(), false, "")
            .expect(BUILT)
    }

    pub fn widen_32(&self, value: IntValue<'c>) -> IntValue<'c> {
        self.inner
            .build_int_z_extend(value, self.i64_type(), "")
            .expect(BUILT)
    }

    // Memory.

    /// Memory on the BPF stack, made in the function's first block, zeroed by nobody.
    pub fn alloca(&self, bytes: u32) -> PointerValue<'c> {
        let entry = self
            .function()
            .get_first_basic_block()
            .expect("a function has an entry");
        let builder = self.cx.create_builder();
        match entry.get_first_instruction() {
            Some(first) => builder.position_before(&first),
            None => builder.position_at_end(entry),
        }
        let words = self.i64_type().array_type(bytes.div_ceil(8));
        builder.build_alloca(words, "").expect(BUILT)
    }

    /// A variable that lives in a register once SROA ran.
    pub fn alloca_ptr(&self) -> PointerValue<'c> {
        self.alloca(8)
    }

    pub fn offset(&self, ptr: PointerValue<'c>, bytes: u32) -> PointerValue<'c> {
        match bytes {
            0 => ptr,
            _ => self.offset_by(ptr, self.int(i64::from(bytes))),
        }
    }

    pub fn offset_by(&self, ptr: PointerValue<'c>, bytes: IntValue<'c>) -> PointerValue<'c> {
        // SAFETY: the index has the type that a byte GEP wants; whether the address is valid is the verifier's to say.
        unsafe { self.inner.build_gep(self.cx.i8_type(), ptr, &[bytes], "") }.expect(BUILT)
    }

    /// Loads an integer and widens it to 64 bits.
    pub fn load(&self, ptr: PointerValue<'c>, bytes: u32, signed: bool) -> IntValue<'c> {
        let loaded = self.load_word(ptr, bytes);
        self.widen(loaded, signed)
    }

    /// The same, never folded or left out.
    pub fn load_volatile(&self, ptr: PointerValue<'c>, bytes: u32, signed: bool) -> IntValue<'c> {
        let loaded = self.load_word(ptr, bytes);
        let instruction = loaded.as_instruction_value().expect("a load");
        instruction
            .set_volatile(true)
            .expect("loads can be volatile");
        self.widen(loaded, signed)
    }

    fn load_word(&self, ptr: PointerValue<'c>, bytes: u32) -> IntValue<'c> {
        let loaded = self.inner.build_load(self.int_type(bytes), ptr, "");
        loaded.expect(BUILT).into_int_value()
    }

    fn widen(&self, value: IntValue<'c>, signed: bool) -> IntValue<'c> {
        if value.get_type().get_bit_width() >= 64 {
            return value;
        }
        let cast = self
            .inner
            .build_int_cast_sign_flag(value, self.i64_type(), signed, "");
        cast.expect(BUILT)
    }

    pub fn load_ptr(&self, ptr: PointerValue<'c>) -> PointerValue<'c> {
        self.inner
            .build_load(self.ptr_type(), ptr, "")
            .expect(BUILT)
            .into_pointer_value()
    }

    pub fn store_ptr(&self, ptr: PointerValue<'c>, value: PointerValue<'c>) {
        self.inner.build_store(ptr, value).expect(BUILT);
    }

    /// Stores the low bytes of a 64-bit value.
    pub fn store(&self, ptr: PointerValue<'c>, value: IntValue<'c>, bytes: u32) {
        let value = match bytes {
            8.. => value,
            _ => self
                .inner
                .build_int_truncate(value, self.int_type(bytes), "")
                .expect(BUILT),
        };
        let store = self.inner.build_store(ptr, value).expect(BUILT);
        // Fields of packed keys may stand anywhere; the back end splits what it must.
        let _ = store.set_alignment(if bytes >= 8 { 8 } else { bytes });
    }

    /// `*ptr += value`, atomically, the old value not wanted: BPF_XADD, which every kernel has.
    pub fn atomic_add(&self, ptr: PointerValue<'c>, value: IntValue<'c>) {
        let order = AtomicOrdering::Monotonic;
        self.inner
            .build_atomicrmw(AtomicRMWBinOp::Add, ptr, value, order)
            .expect(BUILT);
    }

    /// Copies inline; both 8-byte aligned unless the size says otherwise.
    pub fn copy(&self, to: PointerValue<'c>, from: PointerValue<'c>, bytes: u32, align: u32) {
        let size = self.int(i64::from(bytes));
        self.inner
            .build_memcpy(to, align, from, align, size)
            .expect("alignments are powers of two");
    }

    /// Zeroes inline.
    pub fn zero(&self, to: PointerValue<'c>, bytes: u32, align: u32) {
        let size = self.int(i64::from(bytes));
        self.inner
            .build_memset(to, align, self.cx.i8_type().const_zero(), size)
            .expect("alignments are powers of two");
    }

    pub fn to_ptr(&self, address: IntValue<'c>) -> PointerValue<'c> {
        self.inner
            .build_int_to_ptr(address, self.ptr_type(), "")
            .expect(BUILT)
    }

    pub fn to_int(&self, ptr: PointerValue<'c>) -> IntValue<'c> {
        self.inner
            .build_ptr_to_int(ptr, self.i64_type(), "")
            .expect(BUILT)
    }

    // Calls.

    fn raw_helper(
        &self,
        helper: Helper,
        args: &[Arg<'c>],
        pointer: bool,
    ) -> inkwell::values::BasicValueEnum<'c> {
        let values: Vec<BasicMetadataValueEnum> = args
            .iter()
            .map(|a| match a {
                Arg::Int(v) => (*v).into(),
                Arg::Ptr(v) => (*v).into(),
            })
            .collect();
        let types: Vec<BasicMetadataTypeEnum> = args
            .iter()
            .map(|a| match a {
                Arg::Int(v) => v.get_type().into(),
                Arg::Ptr(v) => v.get_type().into(),
            })
            .collect();
        let ty = match pointer {
            true => self.ptr_type().fn_type(&types, false),
            false => self.i64_type().fn_type(&types, false),
        };
        // A call of a constant address is how the back end knows a helper.
        let address = self
            .int(i64::from(helper.id))
            .const_to_pointer(self.ptr_type());
        let call = self
            .inner
            .build_indirect_call(ty, address, &values, "")
            .expect(BUILT);
        if helper.is_constant() {
            for (name, value) in [("memory", 0), ("nounwind", 0), ("willreturn", 0)] {
                let kind = Attribute::get_named_enum_kind_id(name);
                let attribute = self.cx.create_enum_attribute(kind, value);
                call.add_attribute(AttributeLoc::Function, attribute);
            }
        }
        call.try_as_basic_value().unwrap_basic()
    }

    pub fn helper(&self, helper: Helper, args: &[Arg<'c>]) -> IntValue<'c> {
        self.raw_helper(helper, args, false).into_int_value()
    }

    pub fn helper_ptr(&self, helper: Helper, args: &[Arg<'c>]) -> PointerValue<'c> {
        self.raw_helper(helper, args, true).into_pointer_value()
    }

    pub fn call(&self, function: FunctionValue<'c>, args: &[Arg<'c>]) -> IntValue<'c> {
        let values: Vec<BasicMetadataValueEnum> = args
            .iter()
            .map(|a| match a {
                Arg::Int(v) => (*v).into(),
                Arg::Ptr(v) => (*v).into(),
            })
            .collect();
        let call = self.inner.build_call(function, &values, "").expect(BUILT);
        call.try_as_basic_value().unwrap_basic().into_int_value()
    }

    // Functions and globals.

    /// A function of pointers and 64-bit integers that returns 64 bits. `section`: a program; none: a static subprogram.
    pub fn add_function(
        &self,
        name: &str,
        section: Option<&str>,
        params: &[bool],
    ) -> FunctionValue<'c> {
        let types: Vec<BasicMetadataTypeEnum> = params
            .iter()
            .map(|is_ptr| {
                if *is_ptr {
                    self.ptr_type().into()
                } else {
                    self.i64_type().into()
                }
            })
            .collect();
        let linkage = if section.is_some() {
            Linkage::External
        } else {
            Linkage::Internal
        };
        let function =
            self.module
                .add_function(name, self.i64_type().fn_type(&types, false), Some(linkage));
        function.set_section(section);
        let attribute = |name: &str| {
            let kind = Attribute::get_named_enum_kind_id(name);
            function.add_attribute(
                AttributeLoc::Function,
                self.cx.create_enum_attribute(kind, 0),
            );
        };
        attribute("nounwind");
        if section.is_none() {
            attribute("noinline");
        }
        function
    }

    /// Lets the verifier look at a subprogram by itself, with any arguments, instead of at each call.
    pub fn verify_alone(&self, function: FunctionValue<'c>) {
        function.set_linkage(Linkage::External);
    }

    pub fn param_ptr(&self, function: FunctionValue<'c>, index: u32) -> PointerValue<'c> {
        function
            .get_nth_param(index)
            .expect("declared with it")
            .into_pointer_value()
    }

    pub fn param_int(&self, function: FunctionValue<'c>, index: u32) -> IntValue<'c> {
        function
            .get_nth_param(index)
            .expect("declared with it")
            .into_int_value()
    }

    /// Constant bytes, at an address that BPF programs can load from.
    pub fn add_global_bytes(&self, name: &str, section: &str, bytes: &[u8]) -> GlobalValue<'c> {
        let value = self.cx.const_string(bytes, false);
        let global = self.module.add_global(value.get_type(), None, name);
        global.set_initializer(&value);
        global.set_section(Some(section));
        global.set_alignment(8);
        global
    }

    /// The definition of a map: so many pointers, all null; what counts is its type in BTF.
    pub fn add_map(&self, name: &str, members: u32) -> GlobalValue<'c> {
        let ty = self.ptr_type().array_type(members);
        let global = self.module.add_global(ty, None, name);
        global.set_initializer(&ty.const_zero());
        global.set_section(Some(".maps"));
        global.set_alignment(8);
        global
    }

    /// Whether a function has this name already.
    pub fn find_function(&self, name: &str) -> Option<FunctionValue<'c>> {
        self.module.get_function(name)
    }
}
