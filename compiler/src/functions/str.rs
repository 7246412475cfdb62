//! `str()`: the string at an address.

use bt_abi::manifest::FaultKind;
use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;
use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::builder::Arg;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{Space, Ty};

pub struct Str;

impl Function for Str {
    fn name(&self) -> &'static str {
        "str"
    }

    fn signature(&self) -> &'static str {
        "string str(char *data[, uint32 length])"
    }

    fn about(&self) -> &'static str {
        "the NUL-terminated string at an address, of at most `length` bytes (default: max_strlen), NUL included; literals as they are"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::new(
                    r#"tracepoint:syscalls:sys_enter_openat { printf("%s %s\n", comm, str(args.filename)); }"#,
                ),
                Example::printing(r#"begin { print(str("abcdef", 3)); exit(); }"#, "abc"),
            ]
        }
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
        // A literal length becomes the size of the type; another one is an argument of the call.
        let mut dynamic = None;
        let mut literal = None;
        if site.args.len() == 2 {
            let Some(length) = cx.arg(site, 1) else {
                return Expr::poison(site.span);
            };
            let length = cx.scalar(length, "the length of a string");
            if length.ty.is_unknown() {
                return Expr::poison(site.span);
            }
            literal = length.flexible_int();
            match literal {
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
                None => dynamic = Some(length),
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
            Ty::Str(_) if site.args.len() == 1 => value,
            Ty::Str(_) | Ty::Ptr(..) | Ty::Int(_) => {
                if let Some(text) = folded(&value).filter(|_| dynamic.is_none()) {
                    return cut(text, literal, site);
                }
                if let Ty::Str(have) = value.ty {
                    size = size.min(have);
                }
                let args = std::iter::once(value).chain(dynamic).collect();
                cx.made(site, self, Ty::Str(size), args, CallData::Size(size))
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
        let Some(arg) = call.args.first() else { return };
        let (address, space) = match &arg.ty {
            Ty::Str(_) => {
                let memory = lower.memory(arg);
                (lower.b.to_int(memory), Space::Kernel)
            }
            Ty::Ptr(_, Space::Context) => (lower.scalar(arg), Space::Kernel),
            Ty::Ptr(_, space) => (lower.scalar(arg), *space),
            _ => (lower.scalar(arg), lower.probe().kind.argument_space()),
        };
        let most = lower.int(i64::from(size.min(wanted)));
        let length = call.args.get(1).map(|length| lower.scalar(length));
        let count = match length {
            Some(length) => {
                // Of length 0 the helper writes nothing.
                lower.b.store(to, lower.int(0), 1);
                let fits = lower.b.compare(IntPredicate::ULT, length, most);
                lower.b.select(fits, length, most)
            }
            None => most,
        };
        let read = lower.read_string(
            space,
            to,
            (count.into(), size.min(wanted)),
            Arg::Int(address),
        );
        let whole = wanted == lower.max_strlen() && wanted <= size;
        if whole && !matches!(arg.ty, Ty::Str(_)) {
            let full = lower.b.compare(IntPredicate::EQ, read, most);
            let full = match length {
                Some(length) => {
                    let more = lower.b.compare(IntPredicate::UGT, length, most);
                    lower.b.and(full, more)
                }
                None => full,
            };
            let [more, done] = ["more", "done"].map(|name| lower.b.block(name));
            lower.b.branch(full, more, done);
            lower.b.at_end(more);
            look_behind(lower, (to, wanted - 1), (space, address));
            lower.b.jump(done);
            lower.b.at_end(done);
        }
    }
}

/// The buffer is full: what stands at the source in the place of its NUL? If that is no NUL, the string was cut, which is counted.
/// Where cuts are shown, the byte takes the NUL's place, by which btrun knows.
fn look_behind<'c>(
    lower: &mut Lower<'c, '_>,
    (to, last): (PointerValue<'c>, u32),
    (space, address): (Space, IntValue<'c>),
) {
    let from = lower.b.add(address, lower.int(i64::from(last)));
    let at = match lower.shows_cuts(last + 1) {
        true => lower.b.offset(to, last),
        false => lower.temp(8),
    };
    let one = lower.int(1);
    lower.read_at(space, at, one, from);
    let next = lower.b.load(at, 1, false);
    let cut = lower.b.compare(IntPredicate::NE, next, lower.int(0));
    lower.count_if(cut, FaultKind::StringCut, one);
}

/// A literal as the text that it is: bpftrace takes `str(5)` for "5".
fn folded(value: &Expr) -> Option<Vec<u8>> {
    match &value.kind {
        ExprKind::Str(bytes) => Some(bytes.clone()),
        _ => value.flexible_int().map(|n| n.to_string().into_bytes()),
    }
}

/// So many bytes of a literal; the length does not count a NUL here.
fn cut(mut text: Vec<u8>, length: Option<i64>, site: &CallSite) -> Expr {
    if let Some(length) = length.and_then(|n| usize::try_from(n).ok()) {
        text.truncate(length);
    }
    Expr {
        ty: Ty::Str(crate::typed::literal_size(&text)),
        kind: ExprKind::Str(text),
        span: site.span,
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
    if let ExprKind::Str(text) = &whole.kind {
        let tail = usize::try_from(skip).ok().and_then(|skip| text.get(skip..));
        return cut(tail.unwrap_or_default().to_vec(), None, site);
    }
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
