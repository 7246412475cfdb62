//! `pton()`: an address of the internet protocols as bytes.

use std::net::IpAddr;

use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::Ty;

pub struct Pton;

impl Function for Pton {
    fn name(&self) -> &'static str {
        "pton"
    }

    fn signature(&self) -> &'static str {
        "uint8[] pton(const string address)"
    }

    fn about(&self) -> &'static str {
        "the 4 or 16 bytes of an IPv4 or IPv6 address, in network order"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print(pton("127.0.0.1")); exit(); }"#,
                "[127,0,0,1]",
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
        let Some(text) = cx.literal_str(site, 0, "an address") else {
            return Expr::poison(site.span);
        };
        let Ok(address) = text.parse::<IpAddr>() else {
            let message = format!("`{text}` is no IPv4 or IPv6 address");
            let error = Diagnostic::error("E0402", site.args[0].span(), message);
            cx.report(error.here("expected one such as `127.0.0.1` or `::1`"));
            return Expr::poison(site.span);
        };
        let bytes = if address.is_ipv4() { 4 } else { 16 };
        let ty = Ty::Array(Box::new(Ty::int(1, false)), bytes);
        cx.made(site, self, ty, Vec::new(), CallData::Text(text))
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        let CallData::Text(text) = &call.data else {
            return;
        };
        let bytes = match text.parse() {
            Ok(IpAddr::V4(v4)) => v4.octets().to_vec(),
            Ok(IpAddr::V6(v6)) => v6.octets().to_vec(),
            Err(_) => Vec::new(),
        };
        for (index, byte) in bytes.iter().enumerate() {
            let at = lower.b.offset(to, index as u32);
            lower.b.store(at, lower.int(i64::from(*byte)), 1);
        }
    }
}
