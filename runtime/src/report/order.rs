//! The order in which a map's entries are printed: by value where it is a number, by key otherwise.

use std::cmp::Ordering;

use bt_abi::manifest::Map;
use bt_abi::types::Type;

use crate::maps::Entry;
use crate::value;

/// Ascending. Entries with equal numbers are in the order of their keys, so that two runs over the same data print the same.
pub fn sort(map: &Map, entries: &mut [Entry]) {
    if let Some(key) = &map.key {
        entries.sort_by(|a, b| by_key(key, &a.key, &b.key));
    }
    if let Some(number) = weight(&map.value) {
        entries.sort_by_key(|e| number(&e.value));
    }
}

/// The number that an entry is sorted by; histograms by how much they have counted.
fn weight(ty: &Type) -> Option<Box<dyn Fn(&[u8]) -> i128>> {
    let (size, signed) = match ty {
        Type::Int { size, signed } | Type::Enum { size, signed, .. } => (*size, *signed),
        Type::Count => (8, false),
        Type::Sum { signed } => (8, *signed),
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
                let part = |bytes: &[u8]| -> Vec<u8> {
                    let start = f.offset as usize;
                    let end = start + f.ty.size() as usize;
                    bytes.get(start..end).unwrap_or_default().to_vec()
                };
                by_key(&f.ty, &part(a), &part(b))
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal),
        _ => a.cmp(b),
    }
}
