//! `reg()`: a register of the processor.

use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::arch::X86_64;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::suggest;
use crate::typed::{Call, CallData, Expr};
use crate::types::UINT64;

pub struct Reg;

impl Function for Reg {
    fn name(&self) -> &'static str {
        "reg"
    }

    fn signature(&self) -> &'static str {
        "uint64 reg(const string name)"
    }

    fn about(&self) -> &'static str {
        "a register as the event found it: `ip`, `sp`, `ax` and so on (kprobe, uprobe, profile, interval)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kprobe:vfs_read { @[ksym(reg("ip"))] = count(); }"#,
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
        let Some(name) = cx.literal_str(site, 0, "the name of a register") else {
            return Expr::poison(site.span);
        };
        if !cx.spec().kind.has_registers() {
            let probe = cx.spec().text.clone();
            let message = format!("`reg` is not available in `{probe}`");
            let error = Diagnostic::error("E0505", site.span, message).here("this probe has none");
            cx.report(error.help("only probes of functions and of timers have registers"));
            return Expr::poison(site.span);
        }
        // The name that the program counter has elsewhere.
        let name = match name.as_str() {
            "pc" => "ip".to_string(),
            _ => name,
        };
        match X86_64.named.iter().find(|(n, _)| *n == name) {
            Some((_, offset)) => cx.made(site, self, UINT64, Vec::new(), CallData::Size(*offset)),
            None => {
                let names: Vec<&str> = X86_64.named.iter().map(|(n, _)| *n).collect();
                let message = format!("there is no register `{name}`");
                let error = Diagnostic::error("E0402", site.args[0].span(), message);
                let help = match suggest::closest(&name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("registers are {}", names.join(", ")),
                };
                cx.report(error.here("not a register of x86-64").help(help));
                Expr::poison(site.span)
            }
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        match call.data {
            CallData::Size(offset) => Some(lower.context_word(offset)),
            _ => None,
        }
    }
}
