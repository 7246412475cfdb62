//! `ntop()`: an address of the internet protocols as text.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{INT64, Printed, Ty};

pub struct Ntop;

const AF_INET: i64 = 2;
const AF_INET6: i64 = 10;

impl Function for Ntop {
    fn name(&self) -> &'static str {
        "ntop"
    }

    fn signature(&self) -> &'static str {
        "inet ntop([int af, ]int addr), of arrays of 4 or 16 bytes too"
    }

    fn about(&self) -> &'static str {
        "an IPv4 or IPv6 address as text, of the family that the argument's size tells or that `af` says"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { printf("%s %s\n", ntop(0x0100007f), ntop(pton("::1"))); exit(); }"#,
                "127.0.0.1 ::1",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// Arguments: the family, the address.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, site.args.len() - 1) else {
            return Expr::poison(site.span);
        };
        let address = cx.bytes(arg);
        let family = match (&address.ty, address.ty.size()) {
            (Ty::Unknown, _) => return Expr::poison(site.span),
            (Ty::Int(_), _) | (Ty::Array(..) | Ty::Str(_), 4) => AF_INET,
            (Ty::Array(..) | Ty::Str(_), 16) => AF_INET6,
            _ => return cx.wrong_arg(site, &address, "an integer or an array of 4 or 16 bytes"),
        };
        let family = match site.args.len() {
            1 => Expr::int(family, INT64, site.span),
            _ => match cx.arg(site, 0) {
                Some(arg) => cx.scalar(arg, "the address family"),
                None => return Expr::poison(site.span),
            },
        };
        if family.ty.is_unknown() {
            return Expr::poison(site.span);
        }
        let ty = Ty::Printed(Printed::Inet);
        cx.made(site, self, ty, vec![family, address], CallData::None)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        let [family, address] = call.args.as_slice() else {
            return;
        };
        lower.zero(to, 24);
        let family = lower.scalar(family);
        lower.b.store(to, family, 8);
        let at = lower.b.offset(to, 8);
        if address.ty.is_scalar() {
            let address = lower.scalar(address);
            lower.b.store(at, address, 4);
        } else {
            lower.bytes_into(address, at);
        }
    }
}
