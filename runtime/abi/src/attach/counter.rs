//! Counters and watchpoints, of which each so many are an event.

use super::{Part, number};
use crate::events::{self, Event};
use crate::manifest::Attach;

/// Full name of an event, and how many of it.
pub(super) fn counter(parts: &[Part], known: &'static [Event]) -> Result<(String, u64), String> {
    let (name, count) = match parts {
        [name] => (name, ""),
        [name, count] => (name, count.text.trim()),
        _ => return Err("expected an event and a count".into()),
    };
    let Some(event) = events::find(known, name.text.trim()) else {
        let names: Vec<&str> = known.iter().map(|e| e.name).collect();
        let (name, names) = (&name.text, names.join(", "));
        return Err(format!("`{name}` is no such event; there are {names}"));
    };
    let count = match count {
        "" => event.count,
        text => match number(text) {
            Some(0) => return Err("the count must be above 0".into()),
            Some(count) => count,
            None => return Err("the count is no number".into()),
        },
    };
    Ok((event.name.to_string(), count))
}

/// `watchpoint:ADDRESS:LENGTH:MODE`
pub(super) fn watchpoint(parts: &[Part]) -> Result<Attach, String> {
    let [address, length, mode] = parts else {
        return Err("expected an address, a length and a mode".into());
    };
    let address = match number(&address.text) {
        Some(0) | None => return Err("the address is none".into()),
        Some(address) => address,
    };
    let length = match number(&length.text) {
        Some(length @ (1 | 2 | 4 | 8)) => length,
        _ => return Err("the length is 1, 2, 4 or 8".into()),
    };
    let mode = match mode.text.trim() {
        "w" => "w",
        "rw" | "wr" => "rw",
        "x" => "x",
        _ => {
            return Err(
                "the mode is w, rw or x: other accesses no x86-64 processor watches".into(),
            );
        }
    };
    if address % length != 0 {
        return Err("the address is not a multiple of the length".into());
    }
    Ok(Attach::Watchpoint {
        address,
        length,
        mode: mode.to_string(),
    })
}
