//! `printf()`: formatted text.

use bt_abi::format::{self as grammar, Conversion, Piece, Specifier};
use bt_abi::manifest::{EventKind, Format};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Printed, Ty};

pub struct Printf;

impl Function for Printf {
    fn name(&self) -> &'static str {
        "printf"
    }

    fn signature(&self) -> &'static str {
        "printf(const string format, args...)"
    }

    fn about(&self) -> &'static str {
        "prints formatted text, as printf(3) does"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::new(
                    r#"begin { printf("%-6s|%5d|%#x|%05.1d|%c|%p\n", "abc", -42, 255, 7, 65, 0xff); exit(); }"#,
                ),
                Example::printing(
                    r#"begin { printf("%hhd %hu %lld %s\n", 300, 65537, -1, true); exit(); }"#,
                    "44 1 -1 true",
                ),
            ]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        formatted(self, cx, site)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        Some(EventKind::Printf(fields(call, layout)?))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        if lower.is_pinned() {
            lower.write_text(call);
            return None;
        }
        lower.send_args(call, &call.args);
        None
    }
}

/// A call with a format and its arguments.
pub fn formatted(function: &'static dyn Function, cx: &mut Checker, site: &CallSite) -> Expr {
    if !cx.arity(site, function, 1, usize::MAX) {
        return Expr::poison(site.span);
    }
    let Some(text) = cx.literal_str(site, 0, "the format") else {
        return Expr::poison(site.span);
    };
    let span = site.args[0].span();
    let pieces = match grammar::parse(&text) {
        Ok(pieces) => pieces,
        Err(e) => {
            let error = Diagnostic::error("E0404", span, format!("bad format: {}", e.message));
            let bad = text.get(e.start..e.end).unwrap_or_default();
            cx.report(
                error
                    .here(format!("`{bad}` is no conversion"))
                    .help("write `%%` for a percent sign"),
            );
            return Expr::poison(site.span);
        }
    };
    let conversions: Vec<&Conversion> = pieces
        .iter()
        .filter_map(|p| match p {
            Piece::Conversion(c) => Some(c),
            Piece::Text(_) => None,
        })
        .collect();
    let given = site.args.len() - 1;
    if conversions.len() != given {
        let message = format!(
            "the format has {} conversions, but there are {given} arguments",
            conversions.len()
        );
        let error = Diagnostic::error("E0405", site.span, message).here("their numbers differ");
        cx.report(error.also(span, "the format"));
        return Expr::poison(site.span);
    }
    let mut args = Vec::new();
    for (index, conversion) in conversions.into_iter().enumerate() {
        args.push(argument(cx, site, index + 1, conversion, &text, span));
    }
    if args.iter().any(|a| a.ty.is_unknown()) {
        return Expr::poison(site.span);
    }
    cx.made(site, function, Ty::Unit, args, CallData::Text(text))
}

/// Format and arguments in the record.
pub fn fields(call: &Call, layout: &mut EventLayout) -> Option<Format> {
    let CallData::Text(format) = &call.data else {
        return None;
    };
    let args = call.args.iter().map(|a| layout.arg(a)).collect();
    Some(Format {
        format: format.clone(),
        args,
    })
}

/// The argument of a conversion, of a type that it can print.
fn argument(
    cx: &mut Checker,
    site: &CallSite,
    index: usize,
    c: &Conversion,
    format: &str,
    at: Span,
) -> Expr {
    let Some(arg) = cx.arg(site, index) else {
        return Expr::poison(site.span);
    };
    let value = match c.specifier {
        Specifier::String => cx.value_as_string(arg),
        _ => cx.value(arg),
    };
    let fits = match (&value.ty, c.specifier) {
        (Ty::Unknown, _) => return value,
        (Ty::Str(_) | Ty::Stack(_) | Ty::Enum(..) | Ty::Bool, Specifier::String) => true,
        (Ty::Printed(_), Specifier::String) => true,
        (Ty::Printed(Printed::Buffer(_)), Specifier::Buffer) => true,
        (_, Specifier::String | Specifier::Buffer) => false,
        (ty, _) => ty.is_scalar(),
    };
    if fits {
        return value;
    }
    let shown = format.get(c.start..c.end).unwrap_or_default();
    let message = format!("`{shown}` cannot print `{}`", cx.show(&value.ty));
    let mut error = Diagnostic::error("E0405", value.span, message)
        .here(format!("this is `{}`", cx.show(&value.ty)))
        .also(at, "the format");
    error = match (&value.ty, c.specifier) {
        (Ty::Int(_) | Ty::Ptr(..), Specifier::String) => {
            error.help("use `%d` for a number, or `str(...)` for the string at an address")
        }
        (Ty::Str(_), _) => error.help("use `%s` for a string"),
        (Ty::Stack(_), _) => error.help("use `%s` for a stack"),
        (Ty::Printed(Printed::Buffer(_)), _) => error.help("use `%r`, `%rx` or `%rh` for a buffer"),
        (Ty::Printed(_), _) => error.help("use `%s` for it"),
        (_, Specifier::Buffer) => error.help("use `buf(...)` for the bytes at an address"),
        (Ty::Tuple(_) | Ty::Array(..), _) => error.help("print it with `print(...)`"),
        _ => error,
    };
    cx.report(error);
    Expr::poison(value.span)
}
