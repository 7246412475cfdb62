//! The providers: one file each says how its attach points are written, and what a program of it may use.

mod counter;
mod interval;
pub mod iter;
mod kprobe;
mod special;
pub mod tracepoint;
mod tracing;
mod uprobe;
mod usdt;

use bt_abi::attach::{self, Part};
use bt_abi::manifest::Attach;
use bt_grammar::ast::{AttachPart, AttachPoint};
use bt_grammar::diag::Diagnostic;

use crate::types::{Records, Space};

/// What kind of program an attach point needs, and so which builtins it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProbeKind {
    #[default]
    Special,
    Kprobe,
    Kretprobe,
    Tracepoint,
    Uprobe,
    Uretprobe,
    Usdt,
    Timer,
    Test,
    Bench,
    Fentry,
    Fexit,
    RawTracepoint,
    Iter,
}

impl ProbeKind {
    /// The ELF section, from which libbpf takes the program type.
    pub fn section(self) -> &'static str {
        match self {
            ProbeKind::Special | ProbeKind::Test => "raw_tp",
            ProbeKind::Bench => "xdp",
            ProbeKind::Fentry => "fentry",
            ProbeKind::Fexit => "fexit",
            ProbeKind::RawTracepoint => "tp_btf",
            ProbeKind::Iter => "iter",
            ProbeKind::Kprobe => "kprobe",
            ProbeKind::Kretprobe => "kretprobe",
            ProbeKind::Tracepoint => "tracepoint",
            ProbeKind::Uprobe | ProbeKind::Usdt => "uprobe",
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
                | ProbeKind::Usdt
                | ProbeKind::Timer
        )
    }

    /// It is the entry or the return of a function.
    pub fn is_function(self) -> bool {
        matches!(
            self,
            ProbeKind::Kprobe
                | ProbeKind::Kretprobe
                | ProbeKind::Uprobe
                | ProbeKind::Uretprobe
                | ProbeKind::Fentry
                | ProbeKind::Fexit
        )
    }

    /// Its events are the kernel's, of whatever process. (Probes of programs, timers and counters are attached to a process.)
    pub fn is_of_kernel(self) -> bool {
        matches!(
            self,
            ProbeKind::Kprobe
                | ProbeKind::Kretprobe
                | ProbeKind::Tracepoint
                | ProbeKind::Fentry
                | ProbeKind::Fexit
                | ProbeKind::RawTracepoint
        )
    }

    /// What the script returns says something.
    pub fn is_judged(self) -> bool {
        matches!(self, ProbeKind::Test | ProbeKind::Bench)
    }

    pub fn has_return_value(self) -> bool {
        matches!(self, ProbeKind::Kretprobe | ProbeKind::Uretprobe)
    }

    /// Where pointers point that the probe's arguments hold.
    pub fn argument_space(self) -> Space {
        match self {
            ProbeKind::Uprobe | ProbeKind::Uretprobe | ProbeKind::Usdt => Space::User,
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
    &special::OfBtrun,
    &special::Test,
    &special::Bench,
    &kprobe::Kprobe,
    &kprobe::Kretprobe,
    &tracepoint::Tracepoint,
    &uprobe::Uprobe,
    &uprobe::Uretprobe,
    &usdt::Usdt,
    &interval::Interval,
    &interval::Profile,
    &counter::Software,
    &counter::Hardware,
    &counter::Watchpoint,
    &tracing::Fentry,
    &tracing::Fexit,
    &tracing::RawTracepoint,
    &iter::Iter,
];

/// Understands an attach point, or says what is wrong with it.
pub fn parse(point: &AttachPoint, records: &Records) -> Result<Spec, Box<Diagnostic>> {
    let name = point.provider.node.as_str();
    match PROVIDERS.iter().find(|p| p.names().contains(&name)) {
        Some(provider) => provider.parse(point, records),
        None if GONE.contains(&name) => {
            let message = format!("`{name}` probes are no longer part of the language");
            let error = Diagnostic::error("E0510", point.provider.span, message);
            let error = error.here("bpftrace 0.26 has none either");
            Err(Box::new(error.help(counter::INSTEAD)))
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

/// `kprobe:vfs_{read,write}` is short for two attach points.
pub fn alternatives(point: &AttachPoint) -> Vec<AttachPoint> {
    let braces = |part: &AttachPart| {
        let text = part.text.as_str();
        let start = text.find('{').filter(|_| !part.quoted)?;
        let end = start + text[start..].find('}')?;
        Some((start, end))
    };
    let found = point.parts.iter().enumerate();
    let found = found.filter_map(|(i, part)| Some((i, braces(part)?)));
    let Some((index, (start, end))) = found.into_iter().next() else {
        return vec![point.clone()];
    };
    let text = &point.parts[index].text;
    let words = text[start + 1..end].split(',').map(str::trim);
    words
        .flat_map(|word| {
            let mut one = point.clone();
            one.parts[index].text = format!("{}{word}{}", &text[..start], &text[end + 1..]);
            alternatives(&one)
        })
        .collect()
}

/// What the parts behind the provider's name mean. With parameters in them that is known on the target alone.
fn spec(
    provider: &dyn Provider,
    kind: ProbeKind,
    point: &AttachPoint,
) -> Result<Spec, Box<Diagnostic>> {
    let name = provider.names()[0];
    let parts: Vec<Part> = point
        .parts
        .iter()
        .map(|part| Part {
            text: part.text.clone(),
            quoted: part.quoted,
        })
        .collect();
    let text = attach::text(name, &parts);
    if let Some(count) = point
        .parts
        .iter()
        .find(|p| !p.quoted && p.text.contains("$#"))
    {
        let message = "the number of parameters cannot be part of a probe";
        let error = Diagnostic::error("E0504", count.span, message);
        return Err(Box::new(
            error
                .here("`$#` in an attach point")
                .help("put the part into quotes if the name holds a dollar"),
        ));
    }
    let attach = match parts.iter().any(Part::has_params) {
        true => Attach::Deferred {
            target: name.to_string(),
            parts,
        },
        false => attach::parse(name, &parts).map_err(|here| malformed(point, provider, &here))?,
    };
    Ok(Spec { kind, attach, text })
}

/// Providers that older bpftraces had, with their short names.
const GONE: &[&str] = &["asyncwatchpoint", "aw"];
