//! `str()`: the string at an address.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::llvm::PointerValue;
use crate::llvm::builder::Arg;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{Space, Ty};

pub struct Str;

impl Function for Str {
    fn name(&self) -> &'static str {
        "str"
    }

    fn signature(&self) -> &'static str {
        "string str(char *data[, const uint32 length])"
    }

    fn about(&self) -> &'static str {
        "the NUL-terminated string at an address, of at most `length` bytes (default: max_strlen), NUL included"
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let mut size = cx.config.max_strlen;
        if site.args.len() == 2 {
            match cx.literal_int(site, 1, "the length of a string") {
                Some(length) if length > i64::from(size) => {
                    let message = format!("strings have at most {size} bytes (max_strlen)");
                    let warning = Diagnostic::warning("W0904", site.args[1].span(), message);
                    let help = "raise `max_strlen` in the config block";
                    cx.report(warning.here("longer than that").help(help));
                }
                Some(length) if length > 0 => size = size.min(length.min(i64::from(size)) as u32),
                Some(_) => {
                    let error = Diagnostic::error(
                        "E0402",
                        site.args[1].span(),
                        "the length must be above 0",
                    );
                    cx.report(error.here("too small"));
                    return Expr::poison(site.span);
                }
                None => return Expr::poison(site.span),
            }
        }
        // `str($1)` is the parameter itself.
        if let ast::ExprKind::Param(index) = arg.kind {
            return cx.string_param(index, site.span);
        }
        if let ast::ExprKind::Binary {
            op: ast::BinaryOp::Add,
            left,
            right,
        } = &arg.kind
            && let (ast::ExprKind::Param(index), Some(skip)) = (&left.kind, cx.constant(right))
        {
            return param_tail(cx, *index, skip, site);
        }
        let value = cx.value(arg);
        match &value.ty {
            Ty::Unknown => Expr {
                ty: Ty::Str(size),
                ..Expr::poison(site.span)
            },
            Ty::Str(_) => value,
            Ty::Ptr(..) | Ty::Int(_) => {
                cx.made(site, self, Ty::Str(size), vec![value], CallData::Size(size))
            }
            _ => cx.wrong_arg(site, &value, "an address"),
        }
    }

    fn lower_into<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        call: &Call,
        to: PointerValue<'c>,
        size: u32,
    ) {
        let CallData::Size(wanted) = call.data else {
            return;
        };
        let size = size.min(wanted);
        let Some(arg) = call.args.first() else { return };
        let space = match &arg.ty {
            Ty::Ptr(_, space) => *space,
            _ => lower.probe().kind.argument_space(),
        };
        let address = lower.scalar(arg);
        let space = if space == Space::Context {
            Space::Kernel
        } else {
            space
        };
        lower.read_string_at(space, to, size, Arg::Int(address));
    }
}

/// The string at an address that was found without a call in the script.
pub fn string_at(cx: &mut Checker, address: Expr) -> Expr {
    let (span, size) = (address.span, cx.config.max_strlen);
    let call = Call {
        function: &Str,
        id: cx.next_call(),
        args: vec![address],
        data: CallData::Size(size),
    };
    Expr {
        kind: ExprKind::Call(call),
        ty: Ty::Str(size),
        span,
    }
}

/// `str($1 + 1)`: the parameter without its first bytes; nothing, if it is shorter.
fn param_tail(cx: &mut Checker, index: u32, skip: i64, site: &CallSite) -> Expr {
    let whole = cx.string_param(index, site.span);
    let (ExprKind::Slot(slot), Ty::Str(size)) = (whole.kind, whole.ty) else {
        return Expr::poison(site.span);
    };
    if !(0..i64::from(size)).contains(&skip) {
        let error = Diagnostic::error(
            "E0402",
            site.span,
            "the offset into a parameter is out of range",
        );
        cx.report(error.here(format!("a string has {size} bytes")));
        return Expr::poison(site.span);
    }
    let skip = skip as u32;
    Expr {
        kind: ExprKind::SlotTail { slot, skip },
        ty: Ty::Str(size - skip),
        span: site.span,
    }
}
