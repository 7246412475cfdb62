//! `bswap()`: the bytes of an integer in reverse.

use super::{Function, sum};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::Ty;

pub struct Bswap;

impl Function for Bswap {
    fn name(&self) -> &'static str {
        "bswap"
    }

    fn signature(&self) -> &'static str {
        "uintN bswap(uintN n)"
    }

    fn about(&self) -> &'static str {
        "reverses the bytes of an integer of 8, 16, 32 or 64 bits"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { printf("%x\n", bswap((uint32)0x12345678)); exit(); }"#,
                "78563412",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        let Some(arg) = sum::one_integer(self, cx, site, 1) else {
            return Expr::poison(site.span);
        };
        let bytes = arg.ty.size();
        let ty = Ty::int(bytes, false);
        cx.made(site, self, ty, vec![arg], CallData::Size(bytes))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let CallData::Size(bytes) = call.data else {
            return None;
        };
        let value = lower.scalar(call.args.first()?);
        Some(lower.b.swap_bytes(value, bytes))
    }
}
