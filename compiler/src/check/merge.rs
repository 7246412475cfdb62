//! One type for several uses of a name.

use crate::types::{Agg, IntTy, Printed, Space, Ty};

/// The type that holds values of both, if there is one. `Unknown` gives way to anything.
pub fn merge(a: &Ty, b: &Ty) -> Option<Ty> {
    match (a, b) {
        (Ty::Unknown, other) | (other, Ty::Unknown) => Some(other.clone()),
        (Ty::Str(m), Ty::Str(n)) => Some(Ty::Str(*m.max(n))),
        (Ty::Bool, Ty::Bool) => Some(Ty::Bool),
        (Ty::Agg(Agg::Sum { signed: a }), Ty::Agg(Agg::Sum { signed: b })) => {
            Some(Ty::Agg(Agg::Sum { signed: *a || *b }))
        }
        (Ty::Agg(Agg::Avg { signed: a }), Ty::Agg(Agg::Avg { signed: b })) => {
            Some(Ty::Agg(Agg::Avg { signed: *a || *b }))
        }
        (Ty::Agg(Agg::Stats { signed: a }), Ty::Agg(Agg::Stats { signed: b })) => {
            Some(Ty::Agg(Agg::Stats { signed: *a || *b }))
        }
        (Ty::Agg(Agg::Min { signed: a }), Ty::Agg(Agg::Min { signed: b })) => {
            Some(Ty::Agg(Agg::Min { signed: *a || *b }))
        }
        (Ty::Agg(Agg::Max { signed: a }), Ty::Agg(Agg::Max { signed: b })) => {
            Some(Ty::Agg(Agg::Max { signed: *a || *b }))
        }
        (Ty::Printed(Printed::Buffer(m)), Ty::Printed(Printed::Buffer(n))) => {
            Some(Ty::Printed(Printed::Buffer(*m.max(n))))
        }
        (Ty::Enum(..), Ty::Enum(..)) if a == b => Some(a.clone()),
        (Ty::Ptr(x, s), Ty::Ptr(y, t)) => {
            let space = if s == t { *s } else { Space::Any };
            match (&**x, &**y) {
                (Ty::Void, other) | (other, Ty::Void) => {
                    Some(Ty::Ptr(Box::new(other.clone()), space))
                }
                (x, y) if x == y => Some(Ty::Ptr(Box::new(x.clone()), space)),
                _ => None,
            }
        }
        (Ty::Array(x, m), Ty::Array(y, n)) if m == n && x.size() == y.size() => {
            Some(Ty::Array(Box::new(merge(x, y)?), *m))
        }
        (Ty::Tuple(xs), Ty::Tuple(ys)) if xs.len() == ys.len() => xs
            .iter()
            .zip(ys)
            .map(|(x, y)| merge(x, y))
            .collect::<Option<Vec<_>>>()
            .map(Ty::Tuple),
        (Ty::Named(xs), Ty::Named(ys)) if xs.len() == ys.len() => {
            let field = |(name, x): &(String, Ty)| {
                let (_, y) = ys.iter().find(|(other, _)| other == name)?;
                Some((name.clone(), merge(x, y)?))
            };
            xs.iter()
                .map(field)
                .collect::<Option<Vec<_>>>()
                .map(Ty::Named)
        }
        _ if a == b => Some(a.clone()),
        _ => Some(Ty::Int(merge_ints(number(a)?, number(b)?))),
    }
}

/// What a type is next to integers. A comparison is 0 or 1, whatever the sign.
fn number(ty: &Ty) -> Option<IntTy> {
    match ty {
        Ty::Bool => Some(IntTy {
            bytes: 1,
            ..IntTy::flexible()
        }),
        ty => ty.as_int(),
    }
}

/// The integer type that holds both; where none does, `int64`, as in bpftrace.
pub fn merge_ints(a: IntTy, b: IntTy) -> IntTy {
    let bytes = a.bytes.max(b.bytes);
    let flexible = a.flexible && b.flexible;
    let signed = common_sign(a, b);
    if a.signed == b.signed || a.flexible || b.flexible {
        return IntTy {
            bytes,
            signed,
            flexible,
        };
    }
    let (signed, unsigned) = if a.signed { (a, b) } else { (b, a) };
    let bytes = if unsigned.bytes < signed.bytes {
        signed.bytes
    } else {
        (unsigned.bytes * 2).min(8)
    };
    IntTy::new(bytes, true)
}

/// Whether an operation on two integers is signed: a flexible one takes the sign of the other.
pub fn common_sign(a: IntTy, b: IntTy) -> bool {
    match (a.flexible, b.flexible) {
        (true, false) => b.signed,
        (false, true) => a.signed,
        _ => a.signed || b.signed,
    }
}

/// Whether all values of a type are values of another, which holds them: what warnings of implicit casts are about.
pub fn fits(ty: &Ty, target: &Ty) -> bool {
    match (ty, target) {
        (Ty::Int(a), Ty::Int(b)) => a.fits(*b),
        (Ty::Tuple(a), Ty::Tuple(b)) => a.iter().zip(b).all(|(a, b)| fits(a, b)),
        (Ty::Named(a), Ty::Named(b)) => a.iter().all(|(name, a)| {
            let found = b.iter().find(|(other, _)| other == name);
            found.is_none_or(|(_, b)| fits(a, b))
        }),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{INT64, UINT32, UINT64};

    #[test]
    fn integers_widen() {
        assert_eq!(merge(&UINT32, &UINT64), Some(UINT64));
        assert_eq!(merge(&UINT32, &Ty::int(4, true)), Some(INT64));
        assert_eq!(merge(&UINT64, &INT64), Some(INT64));
        assert_eq!(merge(&Ty::Str(4), &Ty::Str(16)), Some(Ty::Str(16)));
        assert_eq!(merge(&Ty::Str(4), &INT64), None);
        assert_eq!(merge(&Ty::Unknown, &Ty::Bool), Some(Ty::Bool));
    }

    #[test]
    fn literals_take_signs() {
        let of = |value| Ty::Int(IntTy::of_literal(value));
        assert_eq!(merge(&of(1), &UINT64), Some(UINT64));
        assert_eq!(
            merge(&of(1000), &Ty::int(1, false)),
            Some(Ty::int(2, false))
        );
        assert_eq!(merge(&of(-1), &UINT64), Some(INT64));
        assert_eq!(merge(&of(-1), &of(1000)), Some(Ty::int(2, true)));
        assert_eq!(merge(&of(1), &of(1 << 40)), Some(of(1 << 40)));
        assert_eq!(of(1 << 63), UINT64);
    }
}
