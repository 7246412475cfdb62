//! Calls of the kernel's functions (kfuncs).
//!
//! A function is asked for by name and prototype, [`RawFunction`]: as BTF has it ([`crate::facts::KernelFacts::functions`]), or made by hand. It becomes
//! a weak declaration, which btrun (or libbpf) compares with the function of the kernel that the object is loaded on. A call of a function that is not there, or
//! not with this prototype, is refused by the verifier if it can be reached, so it must be behind a condition that is known before load: the slot
//! [`bt_abi::manifest::SlotValue::KfuncExists`], or [`Lower::has_kfunc`]. Else btrun says which function is missing.
//!
//! Prototypes differ between kernels: each that is asked for is a declaration of its own (`name`, `name___1`, ...: such a
//! suffix does not count), and at most one of them is found.

use super::Lower;
use crate::facts::{RawFunction, RawType};
use crate::llvm::builder::Arg;
use crate::llvm::di::{Encoding, Node};
use crate::llvm::kfunc::Passed;
use crate::llvm::{FunctionValue, IntValue, PointerValue};
use crate::typed::{Expr, ExprKind};
use crate::types::{IntTy, Space, Ty};

/// A function that was declared.
pub(super) struct Declared<'c> {
    prototype: RawFunction,
    function: FunctionValue<'c>,
}

impl<'c> Lower<'c, '_> {
    /// Calls a function: integers are cut to the parameters' widths, the result is widened as its type says. 0 from what gives nothing.
    pub fn call_kfunc(&mut self, prototype: &RawFunction, args: &[Arg<'c>]) -> IntValue<'c> {
        let function = self.kfunc(prototype);
        let signed = matches!(
            prototype.result,
            Some(RawType::Int { signed: true, .. } | RawType::Enum { signed: true, .. })
        );
        self.b.call_c(function, args, signed)
    }

    /// The same of a function that gives a pointer.
    pub fn call_kfunc_for_ptr(
        &mut self,
        prototype: &RawFunction,
        args: &[Arg<'c>],
    ) -> PointerValue<'c> {
        let function = self.kfunc(prototype);
        self.b.call_for_ptr(function, args)
    }

    /// Calls a function with values of the script.
    pub fn call_kernel(&mut self, prototype: &RawFunction, args: &[Expr]) -> IntValue<'c> {
        let params = prototype.params.iter().map(|(_, ty)| ty);
        let args: Vec<Arg> = params
            .zip(args)
            .map(|(ty, arg)| match ty {
                RawType::Pointer(_) => Arg::Ptr(self.pointer_argument(arg)),
                _ => Arg::Int(self.scalar(arg)),
            })
            .collect();
        match prototype.result {
            Some(RawType::Pointer(_)) => {
                let pointer = self.call_kfunc_for_ptr(prototype, &args);
                self.b.to_int(pointer)
            }
            _ => self.call_kfunc(prototype, &args),
        }
    }

    /// The address of a value in memory of the program, or a pointer of which the verifier knows what it points to.
    fn pointer_argument(&mut self, arg: &Expr) -> PointerValue<'c> {
        match &arg.kind {
            _ if !arg.ty.is_scalar() => self.memory(arg),
            ExprKind::InMemory(value) => self.memory(value),
            _ if matches!(arg.ty, Ty::Ptr(_, Space::Kernel)) => self.traced_pointer(arg),
            _ => {
                let address = self.scalar(arg);
                self.b.to_ptr(address)
            }
        }
    }

    /// 1 if the kernel has the function with this prototype, which the verifier knows. (It is the address of the function, or 0. btrun makes 1 of the former;
    /// with other loaders programs can have such addresses since Linux 6.4.)
    pub fn has_kfunc(&mut self, prototype: &RawFunction) -> IntValue<'c> {
        let function = self.kfunc(prototype);
        self.b.is_resolved(function)
    }

    fn kfunc(&mut self, prototype: &RawFunction) -> FunctionValue<'c> {
        let name = &prototype.name;
        self.used
            .kfuncs
            .entry(name.clone())
            .or_insert(self.program.span);
        if let Some(known) = self.kfuncs.iter().find(|k| k.prototype == *prototype) {
            return known.function;
        }
        let symbol = (0..)
            .map(|n| match n {
                0 => name.clone(),
                n => format!("{name}___{n}"),
            })
            .find(|symbol| self.b.find_function(symbol).is_none())
            .unwrap_or_default();
        let params: Vec<(&str, Passed)> = prototype
            .params
            .iter()
            .map(|(name, ty)| (name.as_str(), self.passed(ty)))
            .collect();
        let result = prototype.result.as_ref().map(|ty| self.passed(ty));
        let function = self.b.declare_kfunc(&symbol, &params, result);
        self.kfuncs.push(Declared {
            prototype: prototype.clone(),
            function,
        });
        function
    }

    fn passed(&self, ty: &RawType) -> Passed {
        Passed {
            bytes: match ty {
                RawType::Int { bytes, .. } | RawType::Enum { bytes, .. } => Some(*bytes),
                RawType::Bool => Some(1),
                _ => None,
            },
            ty: self
                .declared_type(ty)
                .unwrap_or_else(|| self.b.di.pointer(None)),
        }
    }

    /// The debug type of a type, as far as libbpf compares it: not inside of structs. `None`: `void`.
    fn declared_type(&self, ty: &RawType) -> Option<Node> {
        let di = &self.b.di;
        Some(match ty {
            RawType::Void => return None,
            RawType::Bool => di.int("_Bool", 1, Encoding::Bool),
            RawType::Int { bytes, signed, .. } => self.debug_int(IntTy::new(*bytes, *signed)),
            RawType::Enum { name, bytes, .. } => di.enumeration(name, *bytes, &[("BTC_ANY", 0)]),
            RawType::Pointer(to) => di.pointer(self.declared_type(to)),
            RawType::Array(element, count) => {
                di.array(self.declared_type(element)?, 8, u64::from(*count))
            }
            RawType::Record { name, is_union, .. } => di.record(name, *is_union, 0, &[]),
            RawType::Forward { name, is_union } => di.forward(name, *is_union),
        })
    }
}
