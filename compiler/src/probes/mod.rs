//! The providers: one file each says how its attach points are written, and what a program of it may use.

mod interval;
mod kprobe;
mod special;
mod tracepoint;
mod uprobe;

use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use crate::types::{Records, Space};

/// What kind of program an attach point needs, and so which builtins it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeKind {
    Special,
    Kprobe,
    Kretprobe,
    Tracepoint,
    Uprobe,
    Uretprobe,
    Timer,
}

impl ProbeKind {
    /// The ELF section, from which libbpf takes the program type.
    pub fn section(self) -> &'static str {
        match self {
            ProbeKind::Special => "raw_tp",
            ProbeKind::Kprobe => "kprobe",
            ProbeKind::Kretprobe => "kretprobe",
            ProbeKind::Tracepoint => "tracepoint",
            ProbeKind::Uprobe => "uprobe",
            ProbeKind::Uretprobe => "uretprobe",
            ProbeKind::Timer => "perf_event",
        }
    }

    /// The context is a `struct pt_regs` of a function's entry: `arg0` and so on.
    pub fn has_arguments(self) -> bool {
        matches!(self, ProbeKind::Kprobe | ProbeKind::Uprobe)
    }

    /// The context begins with a `struct pt_regs`.
    pub fn has_registers(self) -> bool {
        matches!(
            self,
            ProbeKind::Kprobe
                | ProbeKind::Kretprobe
                | ProbeKind::Uprobe
                | ProbeKind::Uretprobe
                | ProbeKind::Timer
        )
    }

    pub fn has_return_value(self) -> bool {
        matches!(self, ProbeKind::Kretprobe | ProbeKind::Uretprobe)
    }

    /// Where pointers point that the probe's arguments hold.
    pub fn argument_space(self) -> Space {
        match self {
            ProbeKind::Uprobe | ProbeKind::Uretprobe => Space::User,
            _ => Space::Any,
        }
    }
}

/// An attach point that was understood.
#[derive(Debug, Clone)]
pub struct Spec {
    pub kind: ProbeKind,
    pub attach: Attach,
    pub text: String,
}

pub trait Provider: Sync {
    /// The name and its short form, the documented one first.
    fn names(&self) -> &'static [&'static str];
    /// How it is written, for messages.
    fn usage(&self) -> &'static str;
    fn parse(&self, point: &AttachPoint, records: &Records) -> Result<Spec, Box<Diagnostic>>;
}

/// Every provider.
pub static PROVIDERS: &[&dyn Provider] = &[
    &special::Begin,
    &special::End,
    &kprobe::Kprobe,
    &kprobe::Kretprobe,
    &tracepoint::Tracepoint,
    &uprobe::Uprobe,
    &uprobe::Uretprobe,
    &interval::Interval,
    &interval::Profile,
];

/// Understands an attach point, or says what is wrong with it.
pub fn parse(point: &AttachPoint, records: &Records) -> Result<Spec, Box<Diagnostic>> {
    let name = point.provider.node.as_str();
    match PROVIDERS.iter().find(|p| p.names().contains(&name)) {
        Some(provider) => provider.parse(point, records),
        None if NOT_YET.contains(&name) => {
            let message = format!("`{name}` probes are not supported by this version of btc");
            let error = Diagnostic::error("E0199", point.provider.span, message);
            Err(Box::new(error.here("understood, but not compiled yet")))
        }
        None => {
            let known: Vec<&str> = PROVIDERS
                .iter()
                .flat_map(|p| p.names())
                .copied()
                .filter(|n| n.len() > 2)
                .collect();
            let diagnostic = Diagnostic::error(
                "E0501",
                point.provider.span,
                format!("unknown probe type `{name}`"),
            );
            let help = match crate::suggest::closest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("probe types are: {}", known.join(", ")),
            };
            Err(Box::new(
                diagnostic.here("no provider has this name").help(help),
            ))
        }
    }
}

/// The attach point is not written as its provider wants it.
fn malformed(point: &AttachPoint, provider: &dyn Provider, here: &str) -> Box<Diagnostic> {
    let name = provider.names()[0];
    Box::new(
        Diagnostic::error("E0502", point.span, format!("malformed `{name}` probe"))
            .here(here)
            .help(format!("it is written `{}`", provider.usage())),
    )
}

/// Wildcards need the target's list of functions or events.
fn refuse_wildcard(point: &AttachPoint, index: usize) -> Result<(), Box<Diagnostic>> {
    match point.parts.get(index) {
        Some(part) if !part.quoted && part.text.contains('$') && is_param(&part.text) => {
            let message = "parameters in probes are not supported by this version";
            Err(Box::new(
                Diagnostic::error("E0504", part.span, message)
                    .here("known only when the object runs")
                    .help("write the target out"),
            ))
        }
        Some(part) if !part.quoted && part.text.contains(['*', '?', '{']) => Err(Box::new(
            Diagnostic::error(
                "E0504",
                part.span,
                "wildcards in probes are not supported by this version",
            )
            .here("matches several targets")
            .help("write the probes out, separated by commas"),
        )),
        _ => Ok(()),
    }
}

/// Whether a `$1` or `$#` is in the text; other dollars are part of some symbols' names.
fn is_param(text: &str) -> bool {
    text.split('$')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '#'))
}

/// Providers of bpftrace that this version does not have, with their short names.
const NOT_YET: &[&str] = &[
    "fentry",
    "f",
    "kfunc",
    "fexit",
    "fr",
    "kretfunc",
    "usdt",
    "U",
    "software",
    "s",
    "hardware",
    "h",
    "rawtracepoint",
    "rt",
    "watchpoint",
    "w",
    "asyncwatchpoint",
    "aw",
    "iter",
    "it",
    "self",
    "test",
    "bench",
];

/// `name+offset`, the offset in any base.
fn split_offset(text: &str) -> (&str, Option<Option<u64>>) {
    match text.rsplit_once('+') {
        Some((name, offset)) => (name, Some(number(offset))),
        None => (text, None),
    }
}

/// An integer as scripts write them: decimal, hex, octal, with exponent or underscores.
fn number(text: &str) -> Option<u64> {
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
