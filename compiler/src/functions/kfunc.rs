//! `kfunc_exist()` and `kfunc_allowed()`: has the kernel a function that programs may want to call, and may they? btrun looks.

use bt_abi::manifest::{Named, SlotValue};

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::Expr;
use crate::types::Ty;

pub struct KfuncExist;

impl Function for KfuncExist {
    fn name(&self) -> &'static str {
        "kfunc_exist"
    }

    fn signature(&self) -> &'static str {
        "bool kfunc_exist(const string kfunc)"
    }

    fn about(&self) -> &'static str {
        "has the kernel that the script is run on a function of this name, by its BTF? The branch not taken there is dropped before the program runs"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { if (kfunc_exist("no_such_kfunc")) { print("there"); } else { print("missing"); } exit(); }"#,
                "missing",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// The call is a late-bound slot and nothing else.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        answered(self, cx, site, SlotValue::KfuncExists)
    }
}

pub struct KfuncAllowed;

impl Function for KfuncAllowed {
    fn name(&self) -> &'static str {
        "kfunc_allowed"
    }

    fn signature(&self) -> &'static str {
        "bool kfunc_allowed(const string kfunc)"
    }

    fn about(&self) -> &'static str {
        "may this probe call a function of this name on the kernel that the script is run on? btrun tries that; the branch not taken is dropped before the program runs"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::printing(
                    r#"begin { if (kfunc_allowed("no_such_kfunc")) { print("yes"); } else { print("no"); } exit(); }"#,
                    "no",
                ),
                Example::new(
                    r#"interval:s:1 { if (kfunc_allowed("bpf_task_from_pid")) { print(comm(1)); } }"#,
                ),
            ]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// The call is a late-bound slot of the program, and nothing else.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        let program = cx.probe_index();
        answered(self, cx, site, |named| SlotValue::KfuncAllowed {
            program,
            named,
        })
    }
}

/// The slot in which btrun puts its answer about the function that the call names.
fn answered(
    function: &'static dyn Function,
    cx: &mut Checker,
    site: &CallSite,
    about: impl FnOnce(Named) -> SlotValue,
) -> Expr {
    if !cx.arity(site, function, 1, 1) {
        return Expr::poison(site.span);
    }
    match cx.literal_str(site, 0, "the name of a kfunc") {
        Some(name) => cx.slot(about(Named { name }), Ty::Bool, site.span),
        None => Expr::poison(site.span),
    }
}
