//! `is_str()` and its like: questions about types, answered when the script is compiled.

use bt_grammar::ast::Arg;

use super::Function;
use crate::check::{CallSite, Checker, evaluate};
use crate::docs::Example;
use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

pub struct IsStr;
pub struct IsPtr;
pub struct IsArray;
pub struct IsInteger;
pub struct IsUnsignedInteger;
pub struct IsLiteral;

macro_rules! about_type {
    ($function:ident, $name:literal, $about:literal, $examples:expr, $holds:expr) => {
        impl Function for $function {
            fn name(&self) -> &'static str {
                $name
            }

            fn signature(&self) -> &'static str {
                concat!("bool ", $name, "(any expression)")
            }

            fn about(&self) -> &'static str {
                $about
            }

            fn examples(&self) -> &'static [Example] {
                const { $examples }
            }

            fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
                if !cx.arity(site, self, 1, 1) {
                    return Expr::poison(site.span);
                }
                let holds: fn(&Ty) -> bool = $holds;
                match cx.type_of(&site.args[0]) {
                    Some(ty) if !ty.is_unknown() => answer(holds(&ty), site),
                    _ => Expr::poison(site.span),
                }
            }
        }
    };
}

fn answer(value: bool, site: &CallSite) -> Expr {
    Expr::int(i64::from(value), Ty::Bool, site.span)
}

about_type!(
    IsStr,
    "is_str",
    "whether the expression is a string",
    &[Example::printing(
        "begin { print(is_str(comm)); exit(); }",
        "true"
    )],
    |ty| { matches!(ty, Ty::Str(_)) }
);
about_type!(
    IsPtr,
    "is_ptr",
    "whether the expression is a pointer",
    &[Example::printing(
        "begin { print(is_ptr(curtask)); exit(); }",
        "true"
    )],
    |ty| { matches!(ty, Ty::Ptr(..)) }
);
about_type!(
    IsArray,
    "is_array",
    "whether the expression is an array",
    &[Example::printing(
        r#"begin { $a = pton("127.0.0.1"); print(is_array($a)); exit(); }"#,
        "true"
    )],
    |ty| matches!(ty, Ty::Array(..))
);
about_type!(
    IsInteger,
    "is_integer",
    "whether the expression is an integer",
    &[Example::printing(
        "begin { print(is_integer(pid)); print(is_integer(comm)); exit(); }",
        r#"true
false"#
    )],
    |ty| matches!(ty, Ty::Int(_) | Ty::Enum(..))
);
about_type!(
    IsUnsignedInteger,
    "is_unsigned_integer",
    "whether the expression is an unsigned integer",
    &[Example::printing(
        "begin { print(is_unsigned_integer(nsecs)); print(is_unsigned_integer(-1)); exit(); }",
        r#"true
false"#
    )],
    |ty| matches!(ty, Ty::Int(int) if !int.signed)
);

impl Function for IsLiteral {
    fn name(&self) -> &'static str {
        "is_literal"
    }

    fn signature(&self) -> &'static str {
        "bool is_literal(any expression)"
    }

    fn about(&self) -> &'static str {
        "whether the expression is a literal: `1`, `true`, `\"hello\"`"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { $x = 1; print(is_literal(1)); print(is_literal($x)); exit(); }",
                r#"true
false"#,
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let Arg::Expr(arg) = &site.args[0] else {
            return answer(false, site);
        };
        let checked = cx.expr(arg);
        match &checked.kind {
            ExprKind::Poison => Expr::poison(site.span),
            ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Tuple(_) => {
                answer(evaluate(&checked).is_some(), site)
            }
            _ => answer(false, site),
        }
    }
}
