//! How often timers fire.

use super::{Part, number};
use crate::manifest::Period;

/// The shortest period that is written as a duration.
const SHORTEST: u64 = 1000;

/// Nanoseconds in each unit that a period may have.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

fn unit(name: &str) -> Option<u64> {
    let found = UNITS.iter().find(|(unit, _)| *unit == name)?;
    Some(found.1)
}

pub(super) fn period(parts: &[Part]) -> Result<Period, String> {
    let parts: Vec<&str> = parts.iter().map(|p| p.text.trim()).collect();
    let period = match parts.as_slice() {
        ["hz", rate] => number(rate).map(Period::Hertz),
        [name, count] => {
            let Some(ns) = unit(name) else {
                return Err(format!("`{name}` is no unit of time"));
            };
            number(count)
                .and_then(|n| n.checked_mul(ns))
                .map(Period::Nanoseconds)
        }
        [duration] => match suffixed(duration) {
            Some(ns @ 1..SHORTEST) => {
                return Err(format!(
                    "the shortest period is {SHORTEST} ns (1us); this is {ns} ns"
                ));
            }
            period => period.map(Period::Nanoseconds),
        },
        _ => None,
    };
    match period {
        Some(Period::Hertz(0) | Period::Nanoseconds(0)) => Err("the period must be above 0".into()),
        Some(period) => Ok(period),
        None => Err("this is no period".into()),
    }
}

/// `1s`, `100ms`, or nanoseconds without a unit.
fn suffixed(text: &str) -> Option<u64> {
    let at = text
        .find(|c: char| c.is_ascii_alphabetic() && c != 'x' && c != 'e')
        .unwrap_or(text.len());
    let (count, name) = text.split_at(at);
    let ns = if name.is_empty() { 1 } else { unit(name)? };
    number(count)?.checked_mul(ns)
}
