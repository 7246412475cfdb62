//! `macaddr()`: an Ethernet address as text.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Printed, Ty};

pub struct Macaddr;

const BYTES: u32 = 6;

impl Function for Macaddr {
    fn name(&self) -> &'static str {
        "macaddr"
    }

    fn signature(&self) -> &'static str {
        "macaddr_t macaddr(char mac[6])"
    }

    fn about(&self) -> &'static str {
        "an Ethernet address as text, such as 18:C0:4D:08:2E:BB"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"struct frame { char to[6]; };
uprobe:/bin/bash:readline { print(macaddr(((struct frame *)arg0).to)); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let mac = cx.bytes(arg);
        match (&mac.ty, mac.ty.size()) {
            (Ty::Unknown, _) => Expr::poison(site.span),
            (Ty::Array(..) | Ty::Str(_), BYTES) | (Ty::Int(_) | Ty::Ptr(..), _) => {
                let ty = Ty::Printed(Printed::MacAddress);
                cx.made(site, self, ty, vec![mac], CallData::None)
            }
            _ => cx.wrong_arg(site, &mac, "an array of 6 bytes, or its address"),
        }
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        let Some(mac) = call.args.first() else { return };
        lower.zero(to, 8);
        if mac.ty.is_scalar() {
            let address = lower.scalar(mac);
            let bytes = lower.int(i64::from(BYTES));
            lower.read_at(lower.space_of(&mac.ty), to, bytes, address);
        } else {
            lower.bytes_into(mac, to);
        }
    }
}
