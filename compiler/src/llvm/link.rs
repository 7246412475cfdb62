//! Modules that clang made: linking them in, and calling their functions.

use inkwell::GlobalVisibility;
use inkwell::IntPredicate;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::Module;
use inkwell::types::BasicMetadataTypeEnum;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, FunctionValue};

use super::IntValue;
use super::builder::{Arg, BUILT, Builder};
use crate::external::Bitcode;

/// Adds the functions and variables of a module. The functions become hidden, which libbpf makes static ones of: the verifier then
/// follows each call with the arguments that it has. (Their debug info says global, and that is what BTF would say of others.)
pub fn link(b: &Builder<'_>, bitcode: &Bitcode) -> Result<(), String> {
    let buffer = MemoryBuffer::create_from_memory_range_copy(&bitcode.bytes, &bitcode.name);
    let module = Module::parse_bitcode_from_buffer(&buffer, b.cx).map_err(|e| e.to_string())?;
    // The lists of what must not be dropped, and then the licence: the script's counts.
    for unwanted in ["llvm.used", "llvm.compiler.used"] {
        if let Some(list) = module.get_global(unwanted) {
            // SAFETY: nothing refers to such a list.
            unsafe { list.delete() };
        }
    }
    let licence = |g: &inkwell::values::GlobalValue| {
        g.get_section().is_some_and(|s| s.to_bytes() == b"license")
    };
    let licences: Vec<_> = module.get_globals().filter(licence).collect();
    for global in licences {
        // SAFETY: only the lists above referred to it; code does not read its own licence.
        unsafe { global.delete() };
    }
    let defined: Vec<String> = module
        .get_functions()
        .filter(|f| f.count_basic_blocks() > 0)
        .map(|f| f.get_name().to_string_lossy().into_owned())
        .collect();
    b.module.link_in_module(module).map_err(|e| e.to_string())?;
    for name in defined {
        if let Some(function) = b.module.get_function(&name) {
            function
                .as_global_value()
                .set_visibility(GlobalVisibility::Hidden);
        }
    }
    Ok(())
}

impl<'c> Builder<'c> {
    /// The kinds of the parameters: whether each is a pointer.
    pub fn pointer_params(&self, function: FunctionValue<'c>) -> Vec<bool> {
        let types = function.get_type().get_param_types();
        types
            .iter()
            .map(|ty| matches!(ty, BasicMetadataTypeEnum::PointerType(_)))
            .collect()
    }

    /// Calls a function in C: integers are cut to the parameters' widths, the result is widened. 0 from what gives nothing.
    pub fn call_c(
        &self,
        function: FunctionValue<'c>,
        args: &[Arg<'c>],
        signed: bool,
    ) -> IntValue<'c> {
        let types = function.get_type().get_param_types();
        let values: Vec<BasicMetadataValueEnum> = args
            .iter()
            .zip(&types)
            .map(|(arg, ty)| match (arg, ty) {
                (Arg::Ptr(pointer), _) => (*pointer).into(),
                (Arg::Int(value), BasicMetadataTypeEnum::IntType(ty)) => match ty.get_bit_width() {
                    64 => (*value).into(),
                    1 => self
                        .inner
                        .build_int_compare(IntPredicate::NE, *value, self.int(0), "")
                        .expect(BUILT)
                        .into(),
                    _ => self
                        .inner
                        .build_int_truncate(*value, *ty, "")
                        .expect(BUILT)
                        .into(),
                },
                (Arg::Int(value), _) => (*value).into(),
            })
            .collect();
        let call = self.inner.build_call(function, &values, "").expect(BUILT);
        // Who extends narrow integers the function's attributes say, and a call must say the same.
        for name in ["signext", "zeroext"] {
            let kind = Attribute::get_named_enum_kind_id(name);
            for index in 0..types.len() as u32 {
                let at = AttributeLoc::Param(index);
                if let Some(attribute) = function.get_enum_attribute(at, kind) {
                    call.add_attribute(at, attribute);
                }
            }
        }
        match call.try_as_basic_value().basic() {
            Some(BasicValueEnum::IntValue(value)) if value.get_type().get_bit_width() == 64 => {
                value
            }
            Some(BasicValueEnum::IntValue(value)) => match signed {
                true => self.inner.build_int_s_extend(value, self.i64_type(), ""),
                false => self.inner.build_int_z_extend(value, self.i64_type(), ""),
            }
            .expect(BUILT),
            Some(BasicValueEnum::PointerValue(pointer)) => self.to_int(pointer),
            _ => self.int(0),
        }
    }
}
