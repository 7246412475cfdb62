//! `override()`: a function that is not run.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::builder::Arg;
use crate::llvm::helper::OVERRIDE_RETURN;
use crate::lower::Lower;
use crate::probes::ProbeKind;
use crate::typed::{Call, CallData, Expr};
use crate::types::Ty;
use bt_grammar::diag::Diagnostic;

pub struct Override;

impl Function for Override {
    fn name(&self) -> &'static str {
        "override"
    }

    fn signature(&self) -> &'static str {
        "override(uint64 result)"
    }

    fn about(&self) -> &'static str {
        "has the traced function return this without being run, if the kernel allows that for it (kprobe; unsafe)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kprobe:__x64_sys_getuid /comm == "id"/ { override(1000); }"#,
            )]
        }
    }

    fn is_unsafe(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        if cx.spec().kind != ProbeKind::Kprobe {
            let probe = cx.spec().text.clone();
            let message = format!("`override` is not available in `{probe}`");
            let error = Diagnostic::error("E0505", site.span, message);
            cx.report(
                error
                    .here("not at the entry of a function of the kernel")
                    .help("use a kprobe"),
            );
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let result = cx.scalar(arg, "the result");
        match result.ty.is_unknown() {
            true => Expr::poison(site.span),
            false => cx.made(site, self, Ty::Unit, vec![result], CallData::None),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let result = lower.scalar(call.args.first()?);
        let context = lower.context();
        lower.helper(OVERRIDE_RETURN, &[Arg::Ptr(context), result.into()]);
        None
    }
}
