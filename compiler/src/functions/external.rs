//! Functions of imported files in C.

use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::facts::RawFunction;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::Ty;

/// Any of them: `CallData::External` says which.
pub struct External;

pub static EXTERNAL: External = External;

impl Function for External {
    fn name(&self) -> &'static str {
        "external"
    }

    fn signature(&self) -> &'static str {
        "a function of an imported file in C"
    }

    fn about(&self) -> &'static str {
        "calls a function of an imported file in C"
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        let Some(function) = cx.external.find(&site.name.node) else {
            return Expr::poison(site.span);
        };
        let Some((args, result)) = checked(cx, site, function) else {
            return Expr::poison(site.span);
        };
        let data = CallData::External {
            name: function.name.clone(),
            signed: result.as_int().is_some_and(|i| i.signed),
        };
        cx.made(site, self, result, args, data)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let CallData::External { name, signed } = &call.data else {
            return None;
        };
        lower.call_external(name, &call.args, *signed)
    }
}

/// The arguments and the type of a call of a function with this prototype; `None` if something was reported.
pub fn checked(
    cx: &mut Checker,
    site: &CallSite,
    function: &RawFunction,
) -> Option<(Vec<Expr>, Ty)> {
    if site.args.len() != function.params.len() {
        let message = format!(
            "`{}` takes {} arguments, not {}",
            function.name,
            function.params.len(),
            site.args.len()
        );
        let error =
            Diagnostic::error("E0401", site.span, message).here("wrong number of arguments");
        let form = form(cx, function);
        cx.report(error.help(format!("its form is `{form}`")));
        return None;
    }
    let mut args = Vec::new();
    for (index, (_, raw)) in function.params.iter().enumerate() {
        let arg = cx.arg(site, index)?;
        let arg = cx.value(arg);
        let want = cx.records.ty(raw);
        if !accepts(&want, &arg) {
            if !arg.ty.is_unknown() {
                let what = format!("`{}`", cx.show(&want));
                cx.wrong_arg(site, &arg, &what);
            }
            return None;
        }
        args.push(arg);
    }
    let result = match &function.result {
        Some(raw) => cx.records.ty(raw),
        None => Ty::Unit,
    };
    if !result.is_scalar() && result != Ty::Unit {
        let message = format!(
            "`{}` gives `{}`, which is not supported",
            function.name,
            cx.show(&result)
        );
        let error = Diagnostic::error("E0402", site.span, message);
        cx.report(error.here("neither an integer nor a pointer"));
        return None;
    }
    Some((args, result))
}

/// As in C: integers are converted, and where C wants an address, a value in memory gives its own.
fn accepts(want: &Ty, arg: &Expr) -> bool {
    match want {
        Ty::Ptr(..) => {
            matches!(
                arg.ty,
                Ty::Ptr(..) | Ty::Str(_) | Ty::Array(..) | Ty::Tuple(_) | Ty::Value(..)
            ) || arg.flexible_int() == Some(0)
        }
        want => match (want.as_int(), arg.flexible_int()) {
            (None, _) => false,
            (Some(int), Some(literal)) => {
                let bits = 8 * int.bytes;
                let shifted = |v: i64, by: u32| if by > 63 { v >> 63 } else { v >> by };
                // Of either sign: masks are written as unsigned.
                literal == 0 || shifted(literal, bits) == 0 || shifted(literal, bits - 1) == -1
            }
            (Some(_), None) => arg.ty.as_int().is_some(),
        },
    }
}

/// As the documentation of a function would show it.
fn form(cx: &Checker, function: &RawFunction) -> String {
    let show = |raw| cx.show(&cx.records.ty(raw)).to_string();
    let params: Vec<String> = function
        .params
        .iter()
        .map(|(name, raw)| format!("{} {name}", show(raw)))
        .collect();
    let result = function.result.as_ref().map_or("void".into(), show);
    format!("{result} {}({})", function.name, params.join(", "))
}
