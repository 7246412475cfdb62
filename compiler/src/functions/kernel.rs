//! Functions of the kernel that programs may call (kfuncs), where a script names one.

use super::{Function, external};
use crate::check::{CallSite, Checker};
use crate::facts::{RawFunction, RawType};
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Origin, Ty};

/// Any of them: `CallData::Kernel` says which.
pub struct Kernel;

static KERNEL: Kernel = Kernel;

/// The call of a function of which the kernel's BTF has the prototype.
pub fn check(cx: &mut Checker, site: &CallSite, function: RawFunction) -> Expr {
    let Some((args, result)) = external::checked(cx, site, &function) else {
        return Expr::poison(site.span);
    };
    for (arg, (_, want)) in args.iter().zip(&function.params) {
        if points_elsewhere(cx, arg, want) {
            let want = cx.records.ty(want);
            let want = format!("`{}`", cx.show(&want));
            return cx.wrong_arg(site, arg, &want);
        }
    }
    let data = CallData::Kernel(Box::new(function));
    cx.made(site, &KERNEL, result, args, data)
}

/// Is it a pointer to another struct than the function wants? The verifier would say so on the target.
fn points_elsewhere(cx: &Checker, arg: &Expr, want: &RawType) -> bool {
    let RawType::Pointer(want) = want else {
        return false;
    };
    let (RawType::Record { name: want, .. }, Ty::Ptr(to, _)) = (&**want, &arg.ty) else {
        return false;
    };
    match **to {
        Ty::Record(record) => match &cx.records.get(record).origin {
            Origin::Kernel { name, .. } => name != want,
            _ => false,
        },
        _ => false,
    }
}

impl Function for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn signature(&self) -> &'static str {
        "a function of the kernel for programs"
    }

    fn about(&self) -> &'static str {
        "calls a function of the kernel"
    }

    /// Which kinds of programs may call it differs.
    fn wants_types(&self) -> bool {
        true
    }

    fn check(&'static self, _: &mut Checker, site: &CallSite) -> Expr {
        Expr::poison(site.span)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        match &call.data {
            CallData::Kernel(function) => Some(lower.call_kernel(function, &call.args)),
            _ => None,
        }
    }
}
