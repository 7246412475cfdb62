//! `kprobe` and `kretprobe`: entry and return of kernel functions.

use bt_abi::manifest::Attach;
use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Kprobe;
pub struct Kretprobe;

/// The builtin `probe` gives addresses as bpftrace does: decimal.
fn by_address(spec: Spec) -> Spec {
    match spec.attach {
        Attach::KprobeAddress { address, .. } => {
            let provider = spec.text.split(':').next().unwrap_or_default();
            let text = format!("{provider}:{address}");
            Spec { text, ..spec }
        }
        _ => spec,
    }
}

impl Provider for Kprobe {
    fn names(&self) -> &'static [&'static str] {
        &["kprobe", "k"]
    }

    fn usage(&self) -> &'static str {
        "kprobe:FUNCTION, kprobe:FUNCTION+OFFSET, kprobe:MODULE:FUNCTION or kprobe:ADDRESS"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Kprobe, point).map(by_address)
    }
}

impl Provider for Kretprobe {
    fn names(&self) -> &'static [&'static str] {
        &["kretprobe", "kr"]
    }

    fn usage(&self) -> &'static str {
        "kretprobe:FUNCTION, kretprobe:MODULE:FUNCTION or kretprobe:ADDRESS"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Kretprobe, point).map(by_address)
    }
}
