//! `strlen()`: how long a string is.

use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{Space, Ty, UINT64};

pub struct Strlen;

impl Function for Strlen {
    fn name(&self) -> &'static str {
        "strlen"
    }

    fn signature(&self) -> &'static str {
        "uint64 strlen(string text)"
    }

    fn about(&self) -> &'static str {
        "the bytes of a string, a char array, or the string at an address (at most max_strlen), without the NUL"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { print(strlen("hello")); exit(); }"#,
                "5",
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
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let text = cx.value_as_string(arg);
        if let ExprKind::Str(bytes) = &text.kind {
            return Expr::int(bytes.len() as i64, UINT64, site.span);
        }
        let size = match &text.ty {
            Ty::Unknown => return Expr::poison(site.span),
            Ty::Str(size) => *size,
            Ty::Ptr(..) | Ty::Int(_) => cx.config.max_strlen,
            _ => return cx.wrong_arg(site, &text, "a string"),
        };
        cx.made(site, self, UINT64, vec![text], CallData::Size(size))
    }

    /// The helper that copies a string says how long it was.
    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let CallData::Size(size) = call.data else {
            return None;
        };
        let text = call.args.first()?;
        let mut own = None;
        let (from, space) = match &text.ty {
            Ty::Str(_) => {
                let (from, space) = lower.bytes_of(text);
                own = (!matches!(text.kind, ExprKind::Read(_))).then_some(from);
                (lower.b.to_int(from), space)
            }
            ty => {
                let space = lower.space_of(ty);
                (lower.scalar(text), space)
            }
        };
        let space = if space == Space::Own {
            Space::Kernel
        } else {
            space
        };
        let copy = lower.temp(size);
        let copied = lower.read_string_at(space, copy, size, from.into());
        let some = lower.b.compare(IntPredicate::SGT, copied, lower.int(0));
        let length = lower.b.sub(lower.b.mul(copied, some), some);
        let Some(memory) = own.filter(|_| lower.shows_cuts(size)) else {
            return Some(length);
        };
        // A string that was cut has a byte more, where the copy has its NUL.
        let last = lower.b.load(lower.b.offset(memory, size - 1), 1, false);
        let more = lower.b.compare(IntPredicate::NE, last, lower.int(0));
        let full = lower
            .b
            .compare(IntPredicate::EQ, copied, lower.int(i64::from(size)));
        Some(lower.b.add(length, lower.b.and(full, more)))
    }
}
