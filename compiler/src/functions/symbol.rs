//! `ksym()` and `usym()`: what an address is called.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Printed, Ty};

pub struct KernelSymbol;
pub struct UserSymbol;

impl Function for KernelSymbol {
    fn name(&self) -> &'static str {
        "ksym"
    }

    fn signature(&self) -> &'static str {
        "ksym_t ksym(uint64 addr)"
    }

    fn about(&self) -> &'static str {
        "the name of the kernel's function at an address"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kprobe:vfs_read { printf("%s\n", ksym(reg("ip"))); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        symbol(self, cx, site, Printed::KernelSymbol)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        store_address(lower, call, to);
    }
}

impl Function for UserSymbol {
    fn name(&self) -> &'static str {
        "usym"
    }

    fn signature(&self) -> &'static str {
        "usym_t usym(uint64 addr)"
    }

    fn about(&self) -> &'static str {
        "the name of the current process's function at an address"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"uprobe:/bin/bash:readline { printf("%s\n", usym(reg("ip"))); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        cx.namespace_slots(site.span);
        symbol(self, cx, site, Printed::UserSymbol)
    }

    /// The address means something in this process only.
    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        store_address(lower, call, to);
        let pid = lower.process_id();
        let at = lower.b.offset(to, 8);
        lower.b.store(at, pid, 8);
    }
}

fn symbol(
    function: &'static dyn Function,
    cx: &mut Checker,
    site: &CallSite,
    printed: Printed,
) -> Expr {
    if !cx.arity(site, function, 1, 1) {
        return Expr::poison(site.span);
    }
    let Some(arg) = cx.arg(site, 0) else {
        return Expr::poison(site.span);
    };
    let address = cx.value(arg);
    match &address.ty {
        Ty::Unknown => Expr::poison(site.span),
        Ty::Int(_) | Ty::Ptr(..) => {
            let ty = Ty::Printed(printed);
            cx.made(site, function, ty, vec![address], CallData::None)
        }
        _ => cx.wrong_arg(site, &address, "an address"),
    }
}

fn store_address<'c>(lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>) {
    if let Some(arg) = call.args.first() {
        let address = lower.scalar(arg);
        lower.b.store(to, address, 8);
    }
}
