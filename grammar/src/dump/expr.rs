//! Expressions and types as forms.

use super::{Form, quoted, stmt};
use crate::ast::*;

pub(super) fn expr(e: &Expr) -> Form {
    match &e.kind {
        ExprKind::Int(n) => Form::word(n.to_string()),
        ExprKind::Str(bytes) => quoted(bytes),
        ExprKind::Bool(b) => Form::word(b.to_string()),
        ExprKind::Ident(name) | ExprKind::Var(name) | ExprKind::Map(name) => Form::word(name),
        ExprKind::Param(n) => Form::word(format!("${n}")),
        ExprKind::ParamCount => Form::word("$#"),
        ExprKind::Unary { op, expr: e } => Form::list(unary_symbol(*op), [expr(e)]),
        ExprKind::IncDec { op, prefix, target } => {
            let symbol = match op {
                IncDecOp::Inc => "++",
                IncDecOp::Dec => "--",
            };
            let head = if *prefix {
                format!("{symbol}_")
            } else {
                format!("_{symbol}")
            };
            Form::list(&head, [expr(target)])
        }
        ExprKind::Binary { op, left, right } => Form::list(op.symbol(), [expr(left), expr(right)]),
        ExprKind::Ternary {
            cond,
            then: Some(then),
            otherwise,
        } => Form::list("?", [expr(cond), expr(then), expr(otherwise)]),
        ExprKind::Ternary {
            cond,
            then: None,
            otherwise,
        } => Form::list("?:", [expr(cond), expr(otherwise)]),
        ExprKind::Field { base, name, arrow } => Form::list(
            if *arrow { "->" } else { "." },
            [expr(base), Form::word(&name.node)],
        ),
        ExprKind::TupleField { base, index } => {
            Form::list(".", [expr(base), Form::word(index.node.to_string())])
        }
        ExprKind::Index { base, indices } => Form::list(
            "index",
            std::iter::once(base.as_ref()).chain(indices).map(expr),
        ),
        ExprKind::Call { name, args } => Form::list(
            "call",
            std::iter::once(Form::word(&name.node)).chain(args.iter().map(arg)),
        ),
        ExprKind::Cast { ty, expr: e } => Form::list("cast", [type_expr(ty), expr(e)]),
        ExprKind::Sizeof(a) => Form::list("sizeof", [arg(a)]),
        ExprKind::Typeof(a) => Form::list("typeof", [arg(a)]),
        ExprKind::Typeinfo(a) => Form::list("typeinfo", [arg(a)]),
        ExprKind::Offsetof { base, path } => {
            let path = path
                .iter()
                .map(|n| n.node.as_str())
                .collect::<Vec<_>>()
                .join(".");
            Form::list("offsetof", [arg(base), Form::word(path)])
        }
        ExprKind::Tuple(items) => Form::list("tuple", items.iter().map(expr)),
        ExprKind::Record(fields) => Form::list(
            "record",
            fields
                .iter()
                .map(|(name, value)| Form::list(&name.node, [expr(value)])),
        ),
        ExprKind::Block(b) => stmt::block("block", b),
        ExprKind::Error => Form::word("<error>"),
    }
}

fn unary_symbol(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Neg => "-",
        UnaryOp::Not => "!",
        UnaryOp::BitNot => "~",
        UnaryOp::Deref => "*",
        UnaryOp::AddressOf => "&",
        UnaryOp::Plus => "+",
    }
}

fn arg(a: &Arg) -> Form {
    match a {
        Arg::Expr(e) => expr(e),
        Arg::Type(t) => Form::list("type", [type_expr(t)]),
    }
}

/// A base type is a word in brackets, `[struct foo]`; modifiers go around it.
pub(super) fn type_expr(ty: &TypeExpr) -> Form {
    let base = match &ty.base {
        TypeBase::Named(name) => Form::word(format!("[{name}]")),
        TypeBase::Struct(name) => Form::word(format!("[struct {name}]")),
        TypeBase::Union(name) => Form::word(format!("[union {name}]")),
        TypeBase::Enum(name) => Form::word(format!("[enum {name}]")),
        TypeBase::Typeof(a) => Form::list("typeof", [arg(a)]),
        TypeBase::Tuple(types) => Form::list("tuple", types.iter().map(type_expr)),
    };
    ty.modifiers
        .iter()
        .fold(base, |inner, modifier| match modifier {
            TypeModifier::Pointer => Form::list("pointer", [inner]),
            TypeModifier::Array(None) => Form::list("array", [inner]),
            TypeModifier::Array(Some(n)) => Form::list("array", [inner, expr(n)]),
        })
}
