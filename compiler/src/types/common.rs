//! What several tracepoints have in common, for a probe that a wildcard attaches to all of them.

use super::{FieldDef, IntTy, Ty};

/// The fields that both have, of a type that holds the values of both. Where they lie is each event's own.
pub fn common_fields(a: Vec<FieldDef>, b: Vec<FieldDef>) -> Vec<FieldDef> {
    let both = a.into_iter().filter_map(|field| {
        let other = b
            .iter()
            .find(|f| f.name == field.name && f.data_loc == field.data_loc)?;
        let ty = common_type(&field.ty, &other.ty)?;
        Some(FieldDef { ty, ..field })
    });
    both.collect()
}

/// Of integers that differ in sign the unsigned one. A signed one cannot be read wider than it is: a relocated load has one width
/// for all events, and extends by zeros.
fn common_type(a: &Ty, b: &Ty) -> Option<Ty> {
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (Ty::Int(a), Ty::Int(b)) if a.bytes == b.bytes => Some(Ty::int(a.bytes, false)),
        (
            Ty::Int(IntTy {
                bytes: a,
                signed: false,
                ..
            }),
            Ty::Int(IntTy {
                bytes: b,
                signed: false,
                ..
            }),
        ) => Some(Ty::int(*a.max(b), false)),
        (Ty::Ptr(_, a), Ty::Ptr(_, b)) if a == b => Some(Ty::Ptr(Box::new(Ty::Void), *a)),
        _ => None,
    }
}
