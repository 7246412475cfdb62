//! `dw_ustack()`: the stack of a program that was compiled without frame pointers.

use bt_grammar::diag::Diagnostic;

use super::{Example, Function, stack};
use crate::builtins::{Unwinding, lower_stack};
use crate::check::{CallSite, Checker};
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};

pub struct DwarfStack;

impl Function for DwarfStack {
    fn name(&self) -> &'static str {
        "dw_ustack"
    }

    fn signature(&self) -> &'static str {
        "dw_ustack([mode][, const int limit])"
    }

    fn about(&self) -> &'static str {
        "the program's stack by the tables of its `.eh_frame`, of processes that `btrun -p`, `-c` or `--dwarf-pid` name"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("profile:hz:99 { @[dw_ustack(5)] = count(); }")] }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        let stability = cx.config.stability.get("unstable_dw_ustack");
        if stability.map(String::as_str) == Some("error") {
            let message = "the config block forbids `dw_ustack`";
            let error = Diagnostic::error("E0207", site.span, message);
            cx.report(error.here("used here").help("unstable_dw_ustack = enable"));
            return Expr::poison(site.span);
        }
        stack::stack(self, cx, site, stack::Kind::Unwound)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        if let CallData::Stack(ty) = &call.data {
            lower_stack(lower, *ty, Unwinding::Tables, to);
        }
    }
}
