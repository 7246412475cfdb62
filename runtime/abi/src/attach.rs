//! Attach points as text: the compiler reads those of a script, btrun those that hold parameters, once it has their values.

use serde::{Deserialize, Serialize};

use crate::events::{self, Event};
use crate::manifest::{Attach, Period, UserTarget};

/// What stands between two colons behind a provider's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub text: String,
    /// It stood in quotes, in which a `$` means itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quoted: bool,
}

/// A piece of a part.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// `$1`
    Param(u32),
}

impl Part {
    /// The parameters in it, and what lies between them.
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut rest = self.text.as_str();
        while !self.quoted
            && let Some((at, end, index)) = next_param(rest)
        {
            if at > 0 {
                pieces.push(Piece::Text(&rest[..at]));
            }
            pieces.push(Piece::Param(index));
            rest = &rest[end..];
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(rest));
        }
        pieces
    }

    pub fn has_params(&self) -> bool {
        !self.quoted && next_param(&self.text).is_some()
    }
}

/// Start, end and number of the first `$N`. Other dollars are part of some symbols' names.
fn next_param(text: &str) -> Option<(usize, usize, u32)> {
    for (at, _) in text.match_indices('$') {
        let digits = &text[at + 1..];
        let end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        if let Ok(index) = digits[..end].parse()
            && index > 0
        {
            return Some((at, at + 1 + end, index));
        }
    }
    None
}

/// A name that stands for all that match it. `*` is the only wildcard, as in bpftrace.
pub fn is_pattern(name: &str) -> bool {
    name.contains('*')
}

/// Does a name match a pattern?
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(start) else {
        return false;
    };
    // each piece where it comes first, save the last, which is the end
    let mut pieces = rest.split('*');
    let end = pieces.next_back().unwrap_or_default();
    for piece in pieces {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

/// Understands the parts behind a provider's full name, all parameters replaced. The error says what is wrong with them.
pub fn parse(provider: &str, parts: &[Part]) -> Result<Attach, String> {
    match provider {
        "self" => signal(parts),
        "test" => named(parts).map(|name| Attach::Test { name }),
        "bench" => named(parts).map(|name| Attach::Bench { name }),
        "kprobe" => kprobe(parts),
        "kretprobe" => kretprobe(parts),
        "fentry" => match bpf_program(parts)? {
            Some((id, function)) => Ok(Attach::FentryProgram { id, function }),
            None => traced(parts).map(|(module, function)| Attach::Fentry { module, function }),
        },
        "fexit" => match bpf_program(parts)? {
            Some((id, function)) => Ok(Attach::FexitProgram { id, function }),
            None => traced(parts).map(|(module, function)| Attach::Fexit { module, function }),
        },
        "rawtracepoint" => {
            traced(parts).map(|(module, event)| Attach::RawTracepoint { module, event })
        }
        "tracepoint" => tracepoint(parts),
        "uprobe" => uprobe(parts),
        "uretprobe" => uretprobe(parts),
        "usdt" => usdt(parts),
        "software" => {
            counter(parts, events::SOFTWARE).map(|(event, count)| Attach::Software { event, count })
        }
        "hardware" => {
            counter(parts, events::HARDWARE).map(|(event, count)| Attach::Hardware { event, count })
        }
        "watchpoint" => watchpoint(parts),
        "iter" => iterator(parts),
        "interval" => period(parts).map(|period| Attach::Interval { period }),
        "profile" => period(parts).map(|period| Attach::Profile { period }),
        _ => Err(format!("`{provider}` takes no parameters")),
    }
}

/// The attach point as the builtin `probe` says it.
pub fn text(provider: &str, parts: &[Part]) -> String {
    let mut text = provider.to_string();
    for part in parts {
        text.push(':');
        text.push_str(part.text.trim());
    }
    text
}

/// `self:signal:SIGUSR1`
fn signal(parts: &[Part]) -> Result<Attach, String> {
    match parts {
        [event, signal] if event.text == "signal" => match signal.text.as_str() {
            "SIGUSR1" => Ok(Attach::Signal {
                signal: signal.text.clone(),
            }),
            other => Err(format!("`{other}` is no signal that a script can have")),
        },
        [event, ..] if event.text != "signal" => Err(format!("`{}` is no event", event.text)),
        _ => Err("expected `signal` and the name of a signal".into()),
    }
}

/// The name of a test or benchmark.
fn named(parts: &[Part]) -> Result<String, String> {
    match parts {
        [name] if !name.text.is_empty() => Ok(name.text.clone()),
        _ => Err("expected a name".into()),
    }
}

/// The module, if there is one, and the function.
fn kernel_function(parts: &[Part]) -> Result<(Option<String>, &str), String> {
    let (module, function) = match parts {
        [function] => (None, function),
        [module, function] => (Some(module.text.clone()), function),
        _ => return Err("expected the name of a function".into()),
    };
    if function.text.is_empty() {
        return Err("the function has no name".into());
    }
    let strange = |c: char| !c.is_alphanumeric() && !"_.$+*".contains(c);
    match function.text.chars().find(|c| strange(*c)) {
        Some(c) => Err(format!("`{c}` cannot be part of a function's name")),
        None => Ok((module, &function.text)),
    }
}

/// `kprobe:0xffffffff81000000`
fn kernel_address(parts: &[Part], at_return: bool) -> Result<Option<Attach>, String> {
    match parts {
        [.., place] => match number(&place.text) {
            None => Ok(None),
            Some(_) if parts.len() > 1 => Err("an address is not that of a module".into()),
            Some(0) => Err("nothing is at address 0".into()),
            Some(address) => Ok(Some(Attach::KprobeAddress { address, at_return })),
        },
        [] => Ok(None),
    }
}

fn kprobe(parts: &[Part]) -> Result<Attach, String> {
    if let Some(attach) = kernel_address(parts, false)? {
        return Ok(attach);
    }
    let (module, function) = kernel_function(parts)?;
    let (name, offset) = split_offset(function);
    let offset = match offset {
        None => 0,
        Some(_) if is_pattern(name) => return Err("a wildcard takes no offset".into()),
        Some(Some(offset)) => offset,
        Some(None) => return Err("the offset is no number".into()),
    };
    Ok(Attach::Kprobe {
        module,
        function: name.to_string(),
        offset,
    })
}

fn kretprobe(parts: &[Part]) -> Result<Attach, String> {
    if let Some(attach) = kernel_address(parts, true)? {
        return Ok(attach);
    }
    let (module, function) = kernel_function(parts)?;
    if function.contains('+') {
        return Err("a return probe has no offset".into());
    }
    Ok(Attach::Kretprobe {
        module,
        function: function.to_string(),
    })
}

/// A module, if there is one, and a name of the kernel's BTF.
fn traced(parts: &[Part]) -> Result<(Option<String>, String), String> {
    let (module, name) = kernel_function(parts)?;
    if name.contains('+') {
        return Err("it has no offset".into());
    }
    Ok((module, name.to_string()))
}

/// `bpf:NAME` or `bpf:ID:NAME`: a function of a BPF program, and the id of the program if it is given.
fn bpf_program(parts: &[Part]) -> Result<Option<(Option<u32>, String)>, String> {
    let (id, name) = match parts {
        [first, ..] if first.text != "bpf" => return Ok(None),
        [_, name] => (None, name),
        [_, id, name] if id.text == "*" => (None, name),
        [_, id, name] => match number(&id.text).map(u32::try_from) {
            Some(Ok(id)) if id > 0 => (Some(id), name),
            _ => return Err("the id of a BPF program is a number, or `*`".into()),
        },
        _ => return Err("expected the name of a function".into()),
    };
    let strange = |c: char| !c.is_alphanumeric() && !"_.*".contains(c);
    match name.text.chars().find(|c| strange(*c)) {
        _ if name.text.is_empty() => Err("the function has no name".into()),
        Some(c) => Err(format!("`{c}` cannot be part of a function's name")),
        None => Ok(Some((id, name.text.clone()))),
    }
}

/// A single wildcard is about the event, in whatever category.
fn tracepoint(parts: &[Part]) -> Result<Attach, String> {
    let (category, event) = match parts {
        [event] if is_pattern(&event.text) => ("*", event),
        [category, event] => (category.text.as_str(), event),
        _ => return Err("expected a category and an event".into()),
    };
    if category.is_empty() || event.text.is_empty() {
        return Err("expected a category and an event".into());
    }
    Ok(Attach::Tracepoint {
        category: category.to_string(),
        event: event.text.clone(),
    })
}

fn uprobe(parts: &[Part]) -> Result<Attach, String> {
    let (binary, target) = user_target(parts)?;
    Ok(Attach::Uprobe { binary, target })
}

fn uretprobe(parts: &[Part]) -> Result<Attach, String> {
    let (binary, target) = user_target(parts)?;
    match target {
        UserTarget::Function { offset: 1.., .. } => Err("a return probe has no offset".into()),
        UserTarget::Line { .. } => Err("a line does not return; name the function".into()),
        target => Ok(Attach::Uretprobe { binary, target }),
    }
}

/// `usdt:NAME` alone is about the traced process. An empty namespace (provider) stands for any.
fn usdt(parts: &[Part]) -> Result<Attach, String> {
    let (binary, namespace, name) = match parts {
        [name] => ("", "", name),
        [binary, name] => (binary.text.as_str(), "", name),
        [binary, namespace, name] => (binary.text.as_str(), namespace.text.as_str(), name),
        _ => return Err("expected a binary and the name of a probe".into()),
    };
    if name.text.is_empty() {
        return Err("the probe has no name".into());
    }
    Ok(Attach::Usdt {
        binary: binary.to_string(),
        namespace: Some(namespace.to_string()).filter(|p| !p.is_empty()),
        name: name.text.clone(),
    })
}

fn user_target(parts: &[Part]) -> Result<(String, UserTarget), String> {
    if let Some(found) = source_line(parts)? {
        return Ok(found);
    }
    let (binary, function) = match parts {
        [binary, function] => (binary, function),
        [binary, language, name] if language.text == "cpp" && !name.text.is_empty() => {
            return Ok((
                binary.text.clone(),
                UserTarget::Demangled(name.text.clone()),
            ));
        }
        [_, language, _] => {
            let language = &language.text;
            return Err(format!(
                "`{language}` is no language whose names can be written out: there is `cpp`"
            ));
        }
        _ => return Err("expected a binary and a function".into()),
    };
    if binary.text.is_empty() || function.text.is_empty() {
        return Err("expected a binary and a function".into());
    }
    let named = |name: &str, offset| UserTarget::Function {
        name: name.to_string(),
        offset,
    };
    let target = match number(&function.text) {
        Some(_) if !function.quoted && is_pattern(&binary.text) => {
            return Err("an address belongs to one file, not to all that match".into());
        }
        Some(address) if !function.quoted => UserTarget::Address(address),
        _ => match split_offset(&function.text) {
            (name, Some(Some(_))) if is_pattern(name) => {
                return Err("a wildcard takes no offset".into());
            }
            (name, Some(Some(offset))) => named(name, offset),
            _ => named(&function.text, 0),
        },
    };
    Ok((binary.text.clone(), target))
}

/// `BINARY@FILE:LINE[:COLUMN]`, or with a colon instead of the `@`.
fn source_line(parts: &[Part]) -> Result<Option<(String, UserTarget)>, String> {
    let numbers = |parts: &[Part]| -> Option<Vec<u64>> {
        let plain = parts.iter().filter(|p| !p.quoted);
        let numbers: Option<Vec<u64>> = plain.map(|p| number(&p.text)).collect();
        numbers.filter(|n| n.len() == parts.len() && matches!(n.len(), 1 | 2))
    };
    let (binary, file, place) = match parts {
        [first, place @ ..]
            if !first.quoted
                && let Some((binary, file)) = first.text.rsplit_once('@') =>
        {
            match numbers(place) {
                Some(place) => (binary, file, place),
                // another path with such a letter
                None => return Ok(None),
            }
        }
        [binary, file, place @ ..] if file.text != "cpp" => match numbers(place) {
            Some(place) => (binary.text.as_str(), file.text.as_str(), place),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    if binary.is_empty() || file.is_empty() {
        return Err("expected a binary, a source file and a line".into());
    }
    if is_pattern(binary) || is_pattern(file) {
        return Err("a line belongs to one file, not to all that match".into());
    }
    let column = place.get(1).copied();
    if place[0] == 0 || column == Some(0) {
        return Err("lines and columns count from 1".into());
    }
    let target = UserTarget::Line {
        file: file.to_string(),
        line: place[0],
        column,
    };
    Ok(Some((binary.to_string(), target)))
}

/// Full name of an event, and how many of it.
fn counter(parts: &[Part], known: &'static [Event]) -> Result<(String, u64), String> {
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
fn watchpoint(parts: &[Part]) -> Result<Attach, String> {
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

/// Where pins without a folder lie.
pub const PINS: &str = "/sys/fs/bpf/";

/// `iter:NAME` or `iter:NAME:PIN`
fn iterator(parts: &[Part]) -> Result<Attach, String> {
    let (name, pin) = match parts {
        [name] => (name, None),
        [name, pin] => (name, Some(pin)),
        _ => return Err("expected the name of an iterator".into()),
    };
    let pin = match pin.map(|p| p.text.trim()) {
        Some("") => return Err("the pin has no name".into()),
        Some(pin) if pin.ends_with('/') => return Err("the pin is a folder".into()),
        Some(pin) if pin.rsplit('/').next().is_some_and(|n| n.contains('.')) => {
            return Err("BPF file systems know no names with a dot".into());
        }
        Some(pin) if pin.contains('*') => return Err("a pin is one file".into()),
        Some(pin) if pin.starts_with('/') => Some(pin.to_string()),
        pin => pin.map(|pin| format!("{PINS}{pin}")),
    };
    let strange = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    match name.text.chars().find(|c| strange(*c)) {
        _ if name.text.is_empty() => Err("the iterator has no name".into()),
        Some('*') => Err("iterators take no wildcards".into()),
        Some(c) => Err(format!("`{c}` cannot be part of an iterator's name")),
        None => Ok(Attach::Iter {
            name: name.text.clone(),
            pin,
        }),
    }
}

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

fn period(parts: &[Part]) -> Result<Period, String> {
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

/// `name+offset`, the offset in any base.
fn split_offset(text: &str) -> (&str, Option<Option<u64>>) {
    match text.rsplit_once('+') {
        Some((name, offset)) => (name, Some(number(offset))),
        None => (text, None),
    }
}

/// An integer as scripts write them: decimal, hex, octal, with exponent or underscores.
pub fn number(text: &str) -> Option<u64> {
    let text = text.trim().replace('_', "");
    if let Some(hex) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        return mantissa
            .parse::<u64>()
            .ok()?
            .checked_mul(10u64.checked_pow(exponent.parse().ok()?)?);
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part {
        Part {
            text: text.into(),
            quoted: false,
        }
    }

    #[test]
    fn parameters_and_other_dollars() {
        let pieces = |text: &str| format!("{:?}", part(text).pieces());
        assert_eq!(pieces("$1"), "[Param(1)]");
        assert_eq!(pieces("a$12b"), r#"[Text("a"), Param(12), Text("b")]"#);
        assert_eq!(pieces("$LT$x"), r#"[Text("$LT$x")]"#);
        assert!(!part("$0").has_params());
        let quoted = Part {
            text: "$1".into(),
            quoted: true,
        };
        assert!(!quoted.has_params());
    }

    #[test]
    fn patterns() {
        for (pattern, name) in [
            ("*", ""),
            ("vfs_*", "vfs_read"),
            ("*_read", "vfs_read"),
            ("v*s*d", "vfs_read"),
            ("*a*a*", "banana"),
            ("**", "x"),
            ("x", "x"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("vfs_*", "xvfs_"),
            ("ab*ba", "aba"),
            ("*a*b", "ba"),
            ("x", "xy"),
            ("*.c", "c"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn parts() {
        let all = |texts: &[&str]| texts.iter().map(|t| part(t)).collect::<Vec<_>>();
        let event = |category: &str, event: &str| Attach::Tracepoint {
            category: category.into(),
            event: event.into(),
        };
        assert_eq!(
            parse("tracepoint", &all(&["*wake*"])),
            Ok(event("*", "*wake*"))
        );
        assert!(parse("tracepoint", &all(&["sched"])).is_err());
        assert!(parse("kprobe", &all(&["vfs_*+8"])).is_err());
        assert!(parse("kretprobe", &all(&["vfs_*"])).is_ok());
        assert!(parse("uprobe", &all(&["/bin/*", "0x1234"])).is_err());
        let user = |parts: &[&str]| match parse("uprobe", &all(parts)) {
            Ok(Attach::Uprobe { binary, target }) => format!("{binary} {target:?}"),
            other => format!("{other:?}"),
        };
        let line = r#"/bin/x Line { file: "a/b.c", line: 12, column: "#;
        assert_eq!(user(&["/bin/x@a/b.c", "12"]), format!("{line}None }}"));
        assert_eq!(
            user(&["/bin/x", "a/b.c", "12", "3"]),
            format!("{line}Some(3) }}")
        );
        assert_eq!(
            user(&["/bin/x", "cpp", "a::b*"]),
            r#"/bin/x Demangled("a::b*")"#
        );
        assert_eq!(
            user(&["/opt/x@1/y", "f"]),
            r#"/opt/x@1/y Function { name: "f", offset: 0 }"#
        );
        for bad in [
            &["/bin/x@a.c", "0"][..],
            &["/bin/*@a.c", "1"],
            &["@a.c", "1"],
            &["/bin/x", "go", "f"],
        ] {
            assert!(parse("uprobe", &all(bad)).is_err(), "{bad:?}");
        }
        assert!(parse("uretprobe", &all(&["/bin/x@a.c", "1"])).is_err());
        assert!(parse("interval", &all(&["s", "0"])).is_err());
    }
}
