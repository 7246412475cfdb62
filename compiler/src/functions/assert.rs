//! `assert()`, `fail()` and `static_assert()`: what must be true, when the script runs and when it is compiled.

use bt_grammar::ast::{self, Arg};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Ident;

use super::Function;
use crate::check::{CallSite, Checker, evaluate};
use crate::docs::Example;
use crate::typed::{Expr, ExprKind, Stmt, StmtKind};
use crate::types::{INT64, Ty};

pub struct Assert;
pub struct StaticAssert;
pub struct Fail;

impl Function for Assert {
    fn name(&self) -> &'static str {
        "assert"
    }

    fn signature(&self) -> &'static str {
        "assert(bool condition, string message)"
    }

    fn about(&self) -> &'static str {
        "ends the run with status 1 and the message unless the condition is true"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { assert(1 + 1 == 2, "sums are right"); print("fine"); exit(); }"#,
                "fine",
            )]
        }
    }

    /// `if (!condition) { errorf(...); exit(1); }`
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 2, 2) {
            return Expr::poison(site.span);
        }
        let (Some(cond), Some(message)) = (cx.arg(site, 0), cx.arg(site, 1)) else {
            return Expr::poison(site.span);
        };
        let span = site.span;
        let expr = |kind| ast::Expr { kind, span };
        let call = |name: &str, args: Vec<ast::Expr>| {
            expr(ast::ExprKind::Call {
                name: Ident {
                    node: name.into(),
                    span,
                },
                args: args.into_iter().map(Arg::Expr).collect(),
            })
        };
        let format = expr(ast::ExprKind::Str(b"assert failed: %s".to_vec()));
        let said = call("errorf", vec![format, message.clone()]);
        let ended = call("exit", vec![expr(ast::ExprKind::Int(1))]);
        let cond = cx.condition(cond);
        let otherwise = [said, ended].map(|call| Stmt {
            kind: StmtKind::Expr(cx.expr(&call)),
            span,
        });
        let checked = Stmt {
            kind: StmtKind::If {
                cond,
                then: Vec::new(),
                otherwise: otherwise.into(),
            },
            span,
        };
        Expr {
            kind: ExprKind::Block {
                stmts: vec![checked],
                value: Box::new(Expr::int(0, INT64, span)),
            },
            ty: Ty::Unit,
            span,
        }
    }
}

impl Function for StaticAssert {
    fn name(&self) -> &'static str {
        "static_assert"
    }

    fn signature(&self) -> &'static str {
        "static_assert(const bool condition, const string message)"
    }

    fn about(&self) -> &'static str {
        "refuses to compile the script unless the condition is true"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { static_assert(sizeof(uint64) == 8, "a word has 64 bits"); print("fine"); exit(); }"#,
                "fine",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 2, 2) {
            return Expr::poison(site.span);
        }
        let (Some(cond), Some(message)) = (cx.arg(site, 0), cx.literal_str(site, 1, "the message"))
        else {
            return Expr::poison(site.span);
        };
        let known = cx.condition(cond);
        match (
            evaluate(&known).map(|value| value.is_true()),
            known.ty.is_unknown(),
        ) {
            (Some(false), _) => {
                let message = format!("the script says: {message}");
                let error = Diagnostic::error("E0408", site.span, message);
                cx.report(error.here("this is not true"));
                Expr::poison(site.span)
            }
            (Some(_), _) => Expr {
                ty: Ty::Unit,
                ..Expr::int(0, INT64, site.span)
            },
            (_, true) => Expr::poison(site.span),
            _ => {
                let error = Diagnostic::error(
                    "E0406",
                    known.span,
                    "the condition must be known when the script is compiled",
                );
                cx.report(
                    error
                        .here("not a constant")
                        .help("`assert` looks when the script runs"),
                );
                Expr::poison(site.span)
            }
        }
    }
}

impl Function for Fail {
    fn name(&self) -> &'static str {
        "fail"
    }

    fn signature(&self) -> &'static str {
        "fail(const string format, const args...)"
    }

    fn about(&self) -> &'static str {
        "refuses to compile the script, with this text"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin {
  if comptime (sizeof(uint64) != 8) { fail("%d bytes", sizeof(uint64)); }
  print("fine");
  exit();
}"#,
                "fine",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, usize::MAX) {
            return Expr::poison(site.span);
        }
        let Some(format) = cx.literal_str(site, 0, "the format") else {
            return Expr::poison(site.span);
        };
        let mut values = site.args[1..].iter();
        let pieces = bt_abi::format::parse(&format).unwrap_or_default();
        let text: String = pieces
            .into_iter()
            .map(|piece| match piece {
                bt_abi::format::Piece::Text(text) => text,
                bt_abi::format::Piece::Conversion(_) => match values.next() {
                    Some(Arg::Expr(value)) => literal(cx, value),
                    _ => String::new(),
                },
            })
            .collect();
        let error = Diagnostic::error("E0408", site.span, format!("the script says: {text}"));
        cx.report(error.here("reached when the script is compiled"));
        Expr::poison(site.span)
    }
}

fn literal(cx: &mut Checker, expr: &ast::Expr) -> String {
    let value = cx.value(expr);
    evaluate(&value).map_or_else(|| "?".into(), |value| value.text())
}
