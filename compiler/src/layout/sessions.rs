//! Pairs of probes on entry and return of the same functions, which can be one program: a kprobe session (since Linux 6.10, with
//! CONFIG_FPROBE). The object has it besides the two; btrun takes it where the kernel can attach it.

use bt_abi::manifest::Attach;

use crate::typed::visit::{self, Node};
use crate::typed::{Probe, Script};
use crate::types::Ty;

/// One program for two probes.
#[derive(Debug)]
pub struct SessionPlan {
    /// The function in the object.
    pub name: String,
    /// Indices of the probes.
    pub entry: u32,
    pub exit: u32,
}

/// As in bpftrace, a kprobe goes with the only kretprobe that has the same functions and no kprobe yet.
pub fn of(script: &Script, programs: &[String]) -> Vec<SessionPlan> {
    let mut found: Vec<SessionPlan> = Vec::new();
    for (entry, probe) in script.probes.iter().enumerate() {
        let Attach::Kprobe {
            module: None,
            function,
            offset: 0,
        } = &probe.attach
        else {
            continue;
        };
        let matches = |(index, other): &(usize, &Probe)| {
            let taken = found.iter().any(|s| s.exit as usize == *index);
            !taken
                && matches!(&other.attach, Attach::Kretprobe { module: None, function: f } if f == function)
        };
        let mut exits = script.probes.iter().enumerate().filter(matches);
        let (Some((exit, other)), None) = (exits.next(), exits.next()) else {
            continue;
        };
        if !(fits(probe) && fits(other)) {
            continue;
        }
        found.push(SessionPlan {
            name: format!("{}__session", programs[entry]),
            entry: entry as u32,
            exit: exit as u32,
        });
    }
    found
}

/// Sessions run as wildcards do: programs cannot change what a function returns. And they do not have all registers, so what a probe
/// of one function reads of them, itself or as the start of the kernel's stack, is left as it is.
fn fits(probe: &Probe) -> bool {
    let one = !probe.attach.is_pattern();
    let mut fits = true;
    visit::probe(probe, &mut |node| match node {
        Node::Call(call, _) => match call.function.name() {
            "override" => fits = false,
            "reg" => fits &= !one,
            _ => {}
        },
        Node::Expr(expr) => fits &= !(one && matches!(expr.ty, Ty::Stack(s) if !s.user)),
        _ => {}
    });
    fits
}
