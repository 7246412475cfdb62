//! `elapsed`: the time since tracing began.

use bt_abi::manifest::SlotValue;
use bt_grammar::ast::BinaryOp;
use bt_grammar::span::Span;

use super::{Builtin, nsecs::Nsecs, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::typed::{Expr, ExprKind};
use crate::types::UINT64;

pub struct Elapsed;

impl Builtin for Elapsed {
    fn names(&self) -> &'static [&'static str] {
        &["elapsed"]
    }

    fn about(&self) -> &'static str {
        "nanoseconds since btrun began to load the programs"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"interval:1s { printf("%d s\n", elapsed / 1e9); }"#,
            )]
        }
    }

    /// `nsecs` less the start time, which btrun fills in.
    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let start = cx.slot(SlotValue::StartTime, UINT64, span);
        let now = value(&Nsecs, UINT64, span);
        let kind = ExprKind::Arith {
            op: BinaryOp::Sub,
            left: Box::new(now),
            right: Box::new(start),
        };
        Expr {
            kind,
            ty: UINT64,
            span,
        }
    }
}
