//! `getopt()`: an option of the object, given when it is run.

use bt_abi::manifest::{OptionDefault, SlotValue};
use bt_grammar::ast::{Arg, ExprKind};
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::Expr;
use crate::types::{INT64, Ty};

pub struct Getopt;

impl Function for Getopt {
    fn name(&self) -> &'static str {
        "getopt"
    }

    fn signature(&self) -> &'static str {
        "getopt(const string name[, const default[, const string description]])"
    }

    fn about(&self) -> &'static str {
        "the value of the option --name of the run; without a default it is a bool"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { printf("%d %s\n", getopt("limit", 5, "how many"), getopt("name", "none")); exit(); }"#,
                "5 none",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// The call is a late-bound slot and nothing else.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 3) {
            return Expr::poison(site.span);
        }
        let Some(name) = cx.literal_str(site, 0, "the name of an option") else {
            return Expr::poison(site.span);
        };
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !valid {
            let error = Diagnostic::error(
                "E0402",
                site.args[0].span(),
                format!("`{name}` is no name for an option"),
            );
            cx.report(error.here("expected letters, digits, `_` and `-`"));
            return Expr::poison(site.span);
        }
        let (default, ty) = match site.args.get(1) {
            None => (OptionDefault::Bool(false), Ty::Bool),
            Some(Arg::Expr(e)) => match &e.kind {
                ExprKind::Bool(value) => (OptionDefault::Bool(*value), Ty::Bool),
                ExprKind::Str(bytes) => {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    (OptionDefault::String(text), Ty::Str(cx.config.max_strlen))
                }
                _ => match cx.literal_int(site, 1, "the default of an option") {
                    Some(value) => (OptionDefault::Int(value), INT64),
                    None => return Expr::poison(site.span),
                },
            },
            Some(Arg::Type(_)) => {
                cx.arg(site, 1);
                return Expr::poison(site.span);
            }
        };
        let description = match site.args.len() {
            3 => match cx.literal_str(site, 2, "the description") {
                Some(text) => Some(text),
                None => return Expr::poison(site.span),
            },
            _ => None,
        };
        cx.slot(
            SlotValue::Option {
                name,
                default,
                description,
            },
            ty,
            site.span,
        )
    }
}
