//! The conditions of `#if` and `#elif`.

use std::collections::HashMap;

use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::parsers;

/// Definitions that refer to definitions; more than this is a cycle.
const MAX_EXPANSIONS: u32 = 32;

/// Whether the condition holds; `None` if the compiler cannot know.
pub fn evaluate(text: &str, defined: &HashMap<String, String>) -> Option<bool> {
    value_of(&resolve_defined(text, defined)?, defined, 0).map(|n| n != 0)
}

/// Replaces `defined(X)` and `defined X` by 1 or 0.
fn resolve_defined(text: &str, defined: &HashMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("defined") {
        out.push_str(&rest[..at]);
        let behind = rest[at + "defined".len()..].trim_start();
        let (name, after) = match behind.strip_prefix('(') {
            Some(inner) => {
                let (name, after) = inner.split_once(')')?;
                (name.trim(), after)
            }
            None => behind.split_at(
                behind
                    .find(|c: char| !super::is_name_char(c))
                    .unwrap_or(behind.len()),
            ),
        };
        if name.is_empty() {
            return None;
        }
        out.push_str(if defined.contains_key(name) {
            " 1 "
        } else {
            " 0 "
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn value_of(text: &str, defined: &HashMap<String, String>, depth: u32) -> Option<i64> {
    if depth > MAX_EXPANSIONS {
        return None;
    }
    let (expr, diagnostics) = parsers::parse_expression(text);
    if !diagnostics.is_empty() {
        return None;
    }
    value(&expr, defined, depth)
}

fn value(expr: &Expr, defined: &HashMap<String, String>, depth: u32) -> Option<i64> {
    let value_here = |e: &Expr| value(e, defined, depth);
    match &expr.kind {
        ExprKind::Int(n) => i64::try_from(*n).ok(),
        ExprKind::Bool(b) => Some(i64::from(*b)),
        // A name that is not defined counts as 0 in C, but here it may be something of the kernel's headers.
        ExprKind::Ident(name) => value_of(defined.get(name)?, defined, depth + 1),
        ExprKind::Unary { op, expr } => {
            let n = value_here(expr)?;
            match op {
                UnaryOp::Neg => n.checked_neg(),
                UnaryOp::Not => Some(i64::from(n == 0)),
                UnaryOp::BitNot => Some(!n),
                UnaryOp::Plus => Some(n),
                UnaryOp::Deref | UnaryOp::AddressOf => None,
            }
        }
        ExprKind::Binary { op, left, right } => binary(*op, value_here(left), || value_here(right)),
        ExprKind::Ternary {
            cond,
            then: Some(then),
            otherwise,
        } => {
            if value_here(cond)? != 0 {
                value_here(then)
            } else {
                value_here(otherwise)
            }
        }
        _ => None,
    }
}

/// `0 && unknown` is known.
fn binary(op: BinaryOp, left: Option<i64>, right: impl FnOnce() -> Option<i64>) -> Option<i64> {
    match (op, left) {
        (BinaryOp::LogicalAnd, Some(0)) => return Some(0),
        (BinaryOp::LogicalOr, Some(n)) if n != 0 => return Some(1),
        _ => {}
    }
    let (a, b) = (left?, right()?);
    match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div => a.checked_div(b),
        BinaryOp::Rem => a.checked_rem(b),
        BinaryOp::BitAnd => Some(a & b),
        BinaryOp::BitOr => Some(a | b),
        BinaryOp::BitXor => Some(a ^ b),
        BinaryOp::Shl => u32::try_from(b).ok().and_then(|b| a.checked_shl(b)),
        BinaryOp::Shr => u32::try_from(b).ok().and_then(|b| a.checked_shr(b)),
        BinaryOp::Eq => Some(i64::from(a == b)),
        BinaryOp::Ne => Some(i64::from(a != b)),
        BinaryOp::Lt => Some(i64::from(a < b)),
        BinaryOp::Le => Some(i64::from(a <= b)),
        BinaryOp::Gt => Some(i64::from(a > b)),
        BinaryOp::Ge => Some(i64::from(a >= b)),
        BinaryOp::LogicalAnd => Some(i64::from(a != 0 && b != 0)),
        BinaryOp::LogicalOr => Some(i64::from(a != 0 || b != 0)),
    }
}
