//! Arithmetic on literals.

use bt_grammar::ast::{BinaryOp, UnaryOp};

/// No 64-bit integer is the result.
#[derive(Debug, PartialEq, Eq)]
pub struct Overflow;

/// Literals are 64 bits, with a sign or without.
fn bounded(value: i128) -> Result<Option<i128>, Overflow> {
    let fits = value >= i128::from(i64::MIN) && value <= i128::from(u64::MAX);
    fits.then_some(Some(value)).ok_or(Overflow)
}

/// The result of an operation on literals; `None` for comparisons and logic.
pub fn fold(op: BinaryOp, l: i128, r: i128) -> Result<Option<i128>, Overflow> {
    let unsigned = l >= 0 && r >= 0;
    // As two's complement of 64 bits, and read as what the operands are.
    let bits = |value: u64| match unsigned {
        true => i128::from(value),
        false => i128::from(value as i64),
    };
    let count = || u32::try_from(r).ok().filter(|r| *r < 64).ok_or(Overflow);
    bounded(match op {
        BinaryOp::Add => l + r,
        BinaryOp::Sub => l - r,
        BinaryOp::Mul => l.checked_mul(r).ok_or(Overflow)?,
        BinaryOp::Div => l.checked_div(r).ok_or(Overflow)?,
        BinaryOp::Rem => l.checked_rem(r).ok_or(Overflow)?,
        BinaryOp::BitAnd => bits(l as u64 & r as u64),
        BinaryOp::BitOr => bits(l as u64 | r as u64),
        BinaryOp::BitXor => bits(l as u64 ^ r as u64),
        BinaryOp::Shl => bits((l as u64) << count()?),
        // Unlike at run time, the sign of a negative literal stays, as in bpftrace.
        BinaryOp::Shr => l >> count()?,
        _ => return Ok(None),
    })
}

/// The result of `-` and `~` on a literal.
pub fn fold_unary(op: UnaryOp, value: i128) -> Result<Option<i128>, Overflow> {
    bounded(match op {
        UnaryOp::Neg => -value,
        UnaryOp::BitNot if value >= 0 => i128::from(!(value as u64)),
        UnaryOp::BitNot => !value,
        _ => return Ok(None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations() {
        assert_eq!(fold(BinaryOp::Shl, 1, 63), Ok(Some(1 << 63)));
        assert_eq!(fold(BinaryOp::Shl, -1, 4), Ok(Some(-16)));
        assert_eq!(fold(BinaryOp::Sub, 3, 5), Ok(Some(-2)));
        assert_eq!(fold(BinaryOp::BitAnd, 0xff, -1), Ok(Some(0xff)));
        assert_eq!(fold(BinaryOp::Div, -7, 2), Ok(Some(-3)));
        assert_eq!(fold(BinaryOp::Div, 1, 0), Err(Overflow));
        assert_eq!(fold(BinaryOp::Shl, 1, 64), Err(Overflow));
        assert_eq!(fold(BinaryOp::Add, u64::MAX.into(), 1), Err(Overflow));
        assert_eq!(fold_unary(UnaryOp::BitNot, 0), Ok(Some(u64::MAX.into())));
    }
}
