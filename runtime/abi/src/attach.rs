//! Attach points as text: the compiler reads those of a script, btrun those that hold parameters, once it has their values.

mod counter;
mod kernel;
mod period;
mod user;

use serde::{Deserialize, Serialize};

use crate::events;
use crate::manifest::Attach;
use counter::{counter, watchpoint};
use kernel::{bpf_program, kprobe, kretprobe, traced, tracepoint};
use period::period;
use user::{uprobe, uretprobe, usdt};

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
