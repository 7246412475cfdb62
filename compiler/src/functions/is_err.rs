//! `is_err()`: whether a pointer is an error number of the kernel.

use bt_grammar::ast::{self, BinaryOp, TypeBase, TypeExpr};

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::Expr;

/// The largest error number: addresses above its negative are none.
const MAX_ERRNO: u64 = 4095;

pub struct IsErr;

impl Function for IsErr {
    fn name(&self) -> &'static str {
        "is_err"
    }

    fn signature(&self) -> &'static str {
        "bool is_err(void *pointer)"
    }

    fn about(&self) -> &'static str {
        "whether a pointer is an error number, as the kernel's functions return them"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::new(
                    "fexit:do_filp_open { if (is_err(retval)) { @errors[(int64)retval] = count(); } }",
                ),
                Example::printing("begin { print(is_err((void *)-2)); exit(); }", "true"),
            ]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let Some(pointer) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let expr = |kind| ast::Expr {
            kind,
            span: site.span,
        };
        let address = expr(ast::ExprKind::Cast {
            ty: TypeExpr {
                base: TypeBase::Named("uint64".into()),
                modifiers: Vec::new(),
                span: site.span,
            },
            expr: Box::new(pointer.clone()),
        });
        let first = expr(ast::ExprKind::Int(u64::MAX - MAX_ERRNO + 1));
        cx.expr(&expr(ast::ExprKind::Binary {
            op: BinaryOp::Ge,
            left: Box::new(address),
            right: Box::new(first),
        }))
    }
}
