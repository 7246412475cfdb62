//! `interval` and `profile`: timers, on one CPU or on each.

use bt_abi::manifest::{Attach, Period};
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec, malformed, number};
use crate::types::Records;

pub struct Interval;
pub struct Profile;

impl Provider for Interval {
    fn names(&self) -> &'static [&'static str] {
        &["interval", "i"]
    }

    fn usage(&self) -> &'static str {
        "interval:s:1, interval:ms:100, interval:us:100, interval:hz:10 or interval:1s"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        let (period, text) = period(point, self)?;
        Ok(Spec {
            kind: ProbeKind::Timer,
            attach: Attach::Interval { period },
            text,
        })
    }
}

impl Provider for Profile {
    fn names(&self) -> &'static [&'static str] {
        &["profile", "p"]
    }

    fn usage(&self) -> &'static str {
        "profile:hz:99, profile:s:1, profile:ms:10, profile:us:100 or profile:10ms"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        let (period, text) = period(point, self)?;
        Ok(Spec {
            kind: ProbeKind::Timer,
            attach: Attach::Profile { period },
            text,
        })
    }
}

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

fn period(
    point: &AttachPoint,
    provider: &dyn Provider,
) -> Result<(Period, String), Box<Diagnostic>> {
    let parts: Vec<&str> = point.parts.iter().map(|p| p.text.trim()).collect();
    let period = match parts.as_slice() {
        ["hz", rate] => number(rate).map(Period::Hertz),
        [unit, count] => {
            let Some((_, ns)) = UNITS.iter().find(|(name, _)| name == unit) else {
                return Err(malformed(
                    point,
                    provider,
                    &format!("`{unit}` is no unit of time"),
                ));
            };
            number(count)
                .and_then(|n| n.checked_mul(*ns))
                .map(Period::Nanoseconds)
        }
        [duration] => suffixed(duration).map(Period::Nanoseconds),
        _ => None,
    };
    match period {
        Some(Period::Hertz(0) | Period::Nanoseconds(0)) => {
            Err(malformed(point, provider, "the period must be above 0"))
        }
        Some(period) => Ok((
            period,
            format!("{}:{}", provider.names()[0], parts.join(":")),
        )),
        None => Err(malformed(point, provider, "this is no period")),
    }
}

/// `1s`, `100ms`, or nanoseconds without a unit.
fn suffixed(text: &str) -> Option<u64> {
    let at = text
        .find(|c: char| c.is_ascii_alphabetic() && c != 'x' && c != 'e')
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(at);
    let ns = if unit.is_empty() {
        1
    } else {
        UNITS.iter().find(|(name, _)| *name == unit)?.1
    };
    number(count)?.checked_mul(ns)
}
