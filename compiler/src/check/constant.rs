//! What is known of a checked expression when the script is compiled.

use bt_grammar::ast::BinaryOp;

use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    Int(i128),
    Str(Vec<u8>),
    /// A tuple or a record, whose fields have names.
    Fields(Vec<(String, Constant)>),
}

impl Constant {
    pub fn is_true(&self) -> bool {
        match self {
            Constant::Int(value) => *value != 0,
            Constant::Str(bytes) => !bytes.is_empty(),
            Constant::Fields(_) => true,
        }
    }

    /// For messages.
    pub fn text(&self) -> String {
        match self {
            Constant::Int(value) => value.to_string(),
            Constant::Str(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Constant::Fields(fields) => {
                let fields: Vec<String> = fields.iter().map(|(_, value)| value.text()).collect();
                format!("({})", fields.join(", "))
            }
        }
    }
}

/// The value, if it does not depend on the run.
pub fn evaluate(expr: &Expr) -> Option<Constant> {
    let truth = |value: bool| Some(Constant::Int(i128::from(value)));
    match &expr.kind {
        ExprKind::Int(value) => Some(Constant::Int(match expr.as_literal() {
            Some(literal) => literal,
            None => i128::from(*value),
        })),
        ExprKind::Str(bytes) => Some(Constant::Str(bytes.clone())),
        ExprKind::Cast(operand) => match (evaluate(operand)?, &expr.ty) {
            (Constant::Int(value), Ty::Bool) => truth(value != 0),
            (Constant::Int(value), ty) => Some(Constant::Int(cut(value, ty)?)),
            _ => None,
        },
        ExprKind::Not(operand) => truth(!evaluate(operand)?.is_true()),
        ExprKind::Logical { and, left, right } => {
            // The left side alone may decide.
            let left = evaluate(left)?.is_true();
            match left == *and {
                true => truth(evaluate(right)?.is_true()),
                false => truth(left),
            }
        }
        ExprKind::Compare {
            op, left, right, ..
        } => match (evaluate(left)?, evaluate(right)?) {
            (Constant::Int(left), Constant::Int(right)) => truth(compare(*op, &left, &right)?),
            _ => None,
        },
        ExprKind::Same {
            negate,
            left,
            right,
        } => truth((evaluate(left)? == evaluate(right)?) != *negate),
        ExprKind::Ternary {
            cond,
            then,
            otherwise,
        } => match evaluate(cond)?.is_true() {
            true => evaluate(then),
            false => evaluate(otherwise),
        },
        ExprKind::Tuple(items) => {
            let name = |index: usize| match &expr.ty {
                Ty::Named(fields) => fields.get(index).map_or(String::new(), |f| f.0.clone()),
                _ => index.to_string(),
            };
            let field = |(index, item)| Some((name(index), evaluate(item)?));
            let fields = items.iter().enumerate().map(field);
            fields.collect::<Option<_>>().map(Constant::Fields)
        }
        ExprKind::TupleField { base, index } => match evaluate(base)? {
            Constant::Fields(fields) => fields.into_iter().nth(*index as usize).map(|f| f.1),
            _ => None,
        },
        ExprKind::Block { stmts, value } if stmts.is_empty() => evaluate(value),
        _ => None,
    }
}

pub fn compare<T: Ord>(op: BinaryOp, left: &T, right: &T) -> Option<bool> {
    let order = left.cmp(right);
    Some(match op {
        BinaryOp::Eq => order.is_eq(),
        BinaryOp::Ne => order.is_ne(),
        BinaryOp::Lt => order.is_lt(),
        BinaryOp::Le => order.is_le(),
        BinaryOp::Gt => order.is_gt(),
        BinaryOp::Ge => order.is_ge(),
        _ => return None,
    })
}

/// As a cast to an integer type cuts.
fn cut(value: i128, ty: &Ty) -> Option<i128> {
    let int = ty.as_int()?;
    let unused = 128 - 8 * int.bytes;
    let up = value << unused;
    Some(match int.signed {
        true => up >> unused,
        false => ((up as u128) >> unused) as i128,
    })
}
