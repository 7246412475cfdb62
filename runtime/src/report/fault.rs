//! What went wrong in a program, in words.

use bt_abi::manifest::{FaultKind, Source, Span};

/// Entries of a map are all used.
const TOO_BIG: i64 = -(libc::E2BIG as i64);

/// As bpftrace words it.
pub fn words(kind: &FaultKind, status: i64) -> String {
    match kind {
        FaultKind::DivisionByZero => {
            "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.".into()
        }
        FaultKind::IndexOutOfRange => {
            "Array access out of bounds. This can lead to unexpected results. The first element is being used.".into()
        }
        FaultKind::NoUnwindTable => "No unwind information of this process. Processes are named with -p, -c or --dwarf-pid.".into(),
        FaultKind::StringCut => "The string is longer than max_strlen, and was cut.".into(),
        FaultKind::Lookup => "Can't lookup map element because it does not exist.".into(),
        FaultKind::Helper { helper } if helper == "map_update_elem" && status == TOO_BIG => {
            "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`".into()
        }
        FaultKind::Helper { .. } => {
            let number = i32::try_from(-status).unwrap_or(0);
            let text = std::io::Error::from_raw_os_error(number).to_string();
            text.split(" (os error").next().unwrap_or_default().to_string()
        }
        FaultKind::Unknown => "something went wrong that this btrun has no words for".into(),
    }
}

/// The helper behind it, if it was one.
pub fn helper(kind: &FaultKind) -> Option<&str> {
    match kind {
        FaultKind::Helper { helper } => Some(helper),
        FaultKind::Lookup => Some("map_lookup_elem"),
        FaultKind::DivisionByZero
        | FaultKind::StringCut
        | FaultKind::IndexOutOfRange
        | FaultKind::NoUnwindTable
        | FaultKind::Unknown => None,
    }
}

/// The script's line, and marks below the place.
pub fn excerpt(source: &Source, span: &Span) -> String {
    let mut lines = source.text.lines();
    let Some(line) = lines.nth((span.line as usize).saturating_sub(1)) else {
        return String::new();
    };
    let before = (span.column as usize).saturating_sub(1);
    let marked = source.text.get(span.start as usize..span.end as usize);
    let marked = marked.and_then(|text| text.lines().next());
    let width = marked.map_or(1, |text| text.chars().count().max(1));
    // tabs stay tabs, so that the marks stand below what they mark
    let indent: String = line
        .chars()
        .take(before)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    format!("{line}\n{indent}{}\n", "~".repeat(width))
}
