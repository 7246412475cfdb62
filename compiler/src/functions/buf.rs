//! `buf()`: bytes, text or not.

use bt_grammar::diag::Diagnostic;
use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Printed, Ty};

pub struct Buf;

impl Function for Buf {
    fn name(&self) -> &'static str {
        "buf"
    }

    fn signature(&self) -> &'static str {
        "buffer buf(void *data[, int length])"
    }

    fn about(&self) -> &'static str {
        "so many bytes at an address (at most max_strlen), or an array, for `%r`, `%rx` and `%rh`"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { $s = "a\n"; printf("%r %rx %rh\n", buf($s, 2), buf($s, 2), buf($s, 2)); exit(); }"#,
                r#"a\x0a \x61\x0a 61 0a"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// Arguments: the data, and the length if it is not the capacity.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let data = cx.bytes(arg);
        let whole = match &data.ty {
            Ty::Unknown => return Expr::poison(site.span),
            Ty::Array(..) | Ty::Str(_) => Some(data.ty.size()),
            Ty::Int(_) | Ty::Ptr(..) => None,
            _ => return cx.wrong_arg(site, &data, "an address or an array"),
        };
        let most = cx.config.max_strlen.max(whole.unwrap_or(0));
        let length = match site.args.len() {
            2 => match cx.arg(site, 1) {
                Some(arg) => Some(cx.scalar(arg, "the length")),
                None => return Expr::poison(site.span),
            },
            _ => None,
        };
        let capacity = match (&length, whole) {
            (None, Some(whole)) => whole,
            (None, None) => {
                let error = Diagnostic::error("E0401", site.span, "`buf` needs a length here");
                cx.report(
                    error
                        .here("only an array has one of its own")
                        .also(data.span, "an address"),
                );
                return Expr::poison(site.span);
            }
            (Some(length), _) if length.ty.is_unknown() => return Expr::poison(site.span),
            (Some(length), _) => match length.flexible_int() {
                Some(n) if n < 0 => {
                    let error =
                        Diagnostic::error("E0402", length.span, "the length must not be negative");
                    cx.report(error.here("below 0"));
                    return Expr::poison(site.span);
                }
                Some(n) => n.min(i64::from(whole.unwrap_or(most))) as u32,
                None => whole.unwrap_or(most),
            },
        };
        let mut args = vec![data];
        args.extend(length.filter(|l| l.flexible_int().is_none()));
        let ty = Ty::Printed(Printed::Buffer(capacity));
        cx.made(site, self, ty, args, CallData::Size(capacity))
    }

    fn lower_into<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        call: &Call,
        to: PointerValue<'c>,
        size: u32,
    ) {
        let (CallData::Size(capacity), Some(data)) = (&call.data, call.args.first()) else {
            return;
        };
        let capacity = (*capacity).min(size.saturating_sub(4));
        let most = lower.int(i64::from(capacity));
        let length = match call.args.get(1) {
            Some(length) => {
                let length = lower.scalar(length);
                let fits = lower.b.compare(IntPredicate::ULT, length, most);
                lower.b.select(fits, length, most)
            }
            None => most,
        };
        lower.b.store(to, length, 4);
        let at = lower.b.offset(to, 4);
        if data.ty.is_scalar() {
            let address = lower.scalar(data);
            lower.read_at(lower.space_of(&data.ty), at, length, address);
            return;
        }
        let (from, space) = lower.bytes_of(data);
        let from = lower.b.to_int(from);
        lower.read_at(space, at, length, from);
    }
}
