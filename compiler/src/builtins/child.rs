//! `cpid` and `has_cpid`: the command that btrun runs for the script.

use bt_abi::manifest::SlotValue;
use bt_grammar::ast::{self, BinaryOp};
use bt_grammar::span::{Ident, Span};

use super::Builtin;
use crate::check::Checker;
use crate::docs::Example;
use crate::typed::{Expr, ExprKind, Stmt, StmtKind};
use crate::types::{Ty, UINT32};

pub struct ChildPid;
pub struct HasChildPid;

impl Builtin for ChildPid {
    fn names(&self) -> &'static [&'static str] {
        &["cpid"]
    }

    fn about(&self) -> &'static str {
        "process id of the command that btrun runs (`-c`); without one 0, and a warning"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "tracepoint:syscalls:sys_enter_openat /pid == cpid/ { print(str(args.filename)); }",
            )]
        }
    }

    /// `{ if (!has_cpid) { warnf(...); } slot }`
    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let text = "there is no command (`-c`): cpid is 0";
        let warning = ast::Expr {
            kind: ast::ExprKind::Call {
                name: Ident {
                    node: "warnf".into(),
                    span,
                },
                args: vec![ast::Arg::Expr(ast::Expr {
                    kind: ast::ExprKind::Str(text.as_bytes().to_vec()),
                    span,
                })],
            },
            span,
        };
        let warned = Stmt {
            kind: StmtKind::If {
                cond: has_child(cx, span),
                then: Vec::new(),
                otherwise: vec![Stmt {
                    kind: StmtKind::Expr(cx.expr(&warning)),
                    span,
                }],
            },
            span,
        };
        Expr {
            kind: ExprKind::Block {
                stmts: vec![warned],
                value: Box::new(cx.slot(SlotValue::ChildPid, UINT32, span)),
            },
            ty: UINT32,
            span,
        }
    }
}

impl Builtin for HasChildPid {
    fn names(&self) -> &'static [&'static str] {
        &["has_cpid"]
    }

    fn about(&self) -> &'static str {
        "whether btrun runs a command (`-c`), so that `cpid` has a value"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                "begin { print(has_cpid); exit(); }",
                "false",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        has_child(cx, span)
    }
}

fn has_child(cx: &mut Checker, span: Span) -> Expr {
    Expr {
        kind: ExprKind::Compare {
            op: BinaryOp::Ne,
            signed: false,
            left: Box::new(cx.slot(SlotValue::ChildPid, UINT32, span)),
            right: Box::new(Expr::int(0, UINT32, span)),
        },
        ty: Ty::Bool,
        span,
    }
}
