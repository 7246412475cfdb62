//! `software`, `hardware` and `watchpoint`: what the kernel and the processor count.

use bt_grammar::ast::AttachPoint;
use bt_grammar::diag::Diagnostic;

use super::{ProbeKind, Provider, Spec};
use crate::types::Records;

pub struct Software;
pub struct Hardware;
pub struct Watchpoint;

impl Provider for Software {
    fn names(&self) -> &'static [&'static str] {
        &["software", "s"]
    }

    fn usage(&self) -> &'static str {
        "software:EVENT or software:EVENT:COUNT"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Timer, point)
    }
}

impl Provider for Hardware {
    fn names(&self) -> &'static [&'static str] {
        &["hardware", "h"]
    }

    fn usage(&self) -> &'static str {
        "hardware:EVENT or hardware:EVENT:COUNT"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        super::spec(self, ProbeKind::Timer, point)
    }
}

/// What takes the place of watchpoints on arguments.
pub const INSTEAD: &str =
    "print the address with a uprobe, and watch it in another run: `watchpoint:$1:8:w`";

/// `watchpoint:FUNCTION+argN:LENGTH:MODE`, which older bpftraces had.
fn of_argument(point: &AttachPoint) -> Option<Box<Diagnostic>> {
    let place = point.parts.first()?;
    let (_, argument) = place.text.rsplit_once("+arg")?;
    argument.parse::<u32>().ok()?;
    let message = "watchpoints on arguments are no longer part of the language";
    let error = Diagnostic::error("E0510", place.span, message);
    let error = error.here("bpftrace 0.26 has none either");
    Some(Box::new(error.help(INSTEAD)))
}

impl Provider for Watchpoint {
    fn names(&self) -> &'static [&'static str] {
        &["watchpoint", "w"]
    }

    fn usage(&self) -> &'static str {
        "watchpoint:ADDRESS:LENGTH:MODE"
    }

    fn parse(&self, point: &AttachPoint, _: &Records) -> Result<Spec, Box<Diagnostic>> {
        if let Some(gone) = of_argument(point) {
            return Err(gone);
        }
        super::spec(self, ProbeKind::Timer, point)
    }
}
