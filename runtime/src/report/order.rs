//! The order in which a map's entries are printed: by value where it is a number, by key otherwise.

use std::cmp::Ordering;

use bt_abi::manifest::Map;
use bt_abi::types::Type;

use crate::maps::Entry;
use crate::value;

/// Ascending. Entries with equal numbers are in the order of their keys, so that two runs over the same data print the same.
pub fn sort(map: &Map, entries: &mut [Entry]) {
    let number = weight(&map.value);
    entries.sort_unstable_by(|a, b| {
        let by_value = match &number {
            Some(number) => number(&a.value).cmp(&number(&b.value)),
            None => Ordering::Equal,
        };
        by_value.then_with(|| match &map.key {
            Some(key) => by_key(key, &a.key, &b.key),
            None => Ordering::Equal,
        })
    });
}

/// From a value's bytes to the number that counts.
type Weight = dyn Fn(&[u8]) -> i128;

/// The number that an entry is sorted by; histograms by how much they have counted.
fn weight(ty: &Type) -> Option<Box<Weight>> {
    let (size, signed) = match ty {
        Type::Int { size, signed } | Type::Enum { size, signed, .. } => (*size, *signed),
        Type::Count => (8, false),
        Type::Sum { signed } => (8, *signed),
        Type::Min(sign) | Type::Max(sign) => (8, sign.signed),
        Type::Avg(sign) | Type::Stats(sign) => {
            let signed = sign.signed;
            return Some(Box::new(move |bytes| {
                value::average(bytes, signed).map_or(0, value::Int::value)
            }));
        }
        Type::Hist { .. } | Type::LinearHist { .. } => {
            return Some(Box::new(|bytes| {
                let words = bytes.chunks_exact(8);
                words.map(|w| number(w, 8, false)).sum()
            }));
        }
        _ => return None,
    };
    Some(Box::new(move |bytes| number(bytes, size, signed)))
}

fn number(bytes: &[u8], size: u32, signed: bool) -> i128 {
    value::int(bytes, size, signed).map_or(0, value::Int::value)
}

/// Integers as numbers, everything else by its bytes; tuples field by field.
fn by_key(ty: &Type, a: &[u8], b: &[u8]) -> Ordering {
    match ty {
        Type::Int { size, signed } | Type::Enum { size, signed, .. } => {
            number(a, *size, *signed).cmp(&number(b, *size, *signed))
        }
        Type::Pointer => number(a, 8, false).cmp(&number(b, 8, false)),
        Type::Tuple { fields, .. } => fields
            .iter()
            .map(|f| {
                let (start, size) = (f.offset as usize, f.ty.size() as usize);
                let part = |bytes| <[u8]>::get(bytes, start..start + size).unwrap_or_default();
                by_key(&f.ty, part(a), part(b))
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal),
        _ => a.cmp(b),
    }
}
