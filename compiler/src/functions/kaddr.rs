//! `kaddr()`: the address of a kernel symbol, which btrun looks up.

use bt_abi::manifest::{Named, SlotValue};

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::Expr;
use crate::types::UINT64;

pub struct Kaddr;

impl Function for Kaddr {
    fn name(&self) -> &'static str {
        "kaddr"
    }

    fn signature(&self) -> &'static str {
        "uint64 kaddr(const string name)"
    }

    fn about(&self) -> &'static str {
        "the address of a function or variable of the kernel that the script is run on"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"interval:1s { $banner = kaddr("linux_banner"); print(str((int8 *)$banner, 14)); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// The call is a late-bound slot and nothing else.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        match cx.literal_str(site, 0, "the name of a kernel symbol") {
            Some(name) => cx.slot(SlotValue::KernelAddress(Named { name }), UINT64, site.span),
            None => Expr::poison(site.span),
        }
    }
}
