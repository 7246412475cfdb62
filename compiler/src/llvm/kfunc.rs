//! Functions of the kernel that programs call by their BTF: weak declarations in the section `.ksyms`, which libbpf resolves.

use inkwell::IntPredicate;
use inkwell::module::Linkage;
use inkwell::types::{BasicMetadataTypeEnum, BasicTypeEnum};
use inkwell::values::FunctionValue;

use super::builder::{BUILT, Builder};
use super::di::Node;
use super::{IntValue, PointerValue};

/// Where libbpf looks for what the kernel defines.
const SECTION: &str = ".ksyms";

/// A parameter or result as it is handed over, and its debug type.
#[derive(Clone, Copy)]
pub struct Passed {
    /// `None`: a pointer.
    pub bytes: Option<u32>,
    pub ty: Node,
}

impl<'c> Builder<'c> {
    /// Declares a function. LLVM writes BTF for those that are called; libbpf compares it with the kernel's, by kinds of types and
    /// names of nothing.
    pub fn declare_kfunc(
        &self,
        symbol: &str,
        params: &[(&str, Passed)],
        result: Option<Passed>,
    ) -> FunctionValue<'c> {
        let basic = |passed: Passed| -> BasicTypeEnum<'c> {
            match passed.bytes {
                None => self.ptr_type().into(),
                Some(bytes) => self.int_type(bytes).into(),
            }
        };
        let types: Vec<BasicMetadataTypeEnum> =
            params.iter().map(|(_, p)| basic(*p).into()).collect();
        let ty = match result.map(basic) {
            None => self.cx.void_type().fn_type(&types, false),
            Some(BasicTypeEnum::IntType(ty)) => ty.fn_type(&types, false),
            Some(_) => self.ptr_type().fn_type(&types, false),
        };
        let function = self
            .module
            .add_function(symbol, ty, Some(Linkage::ExternalWeak));
        function.set_section(Some(SECTION));
        let params: Vec<(&str, Node)> = params.iter().map(|(name, p)| (*name, p.ty)).collect();
        self.di
            .declaration(function, symbol, result.map(|r| r.ty), &params);
        function
    }

    /// 1 if the function has been found, with this prototype.
    pub fn is_resolved(&self, function: FunctionValue<'c>) -> IntValue<'c> {
        let address = function.as_global_value().as_pointer_value();
        let address = self.to_int(address);
        self.compare(IntPredicate::NE, address, self.int(0))
    }

    /// A pointer as the function gave it: the verifier knows what it points to.
    pub fn call_for_ptr(
        &self,
        function: FunctionValue<'c>,
        args: &[super::builder::Arg<'c>],
    ) -> PointerValue<'c> {
        let address = self.call_c(function, args, false);
        self.inner
            .build_int_to_ptr(address, self.ptr_type(), "")
            .expect(BUILT)
    }
}
