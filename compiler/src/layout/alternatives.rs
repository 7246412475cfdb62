//! What a program can be instead, where a kernel lacks what it needs: a second program of the same probe, of another kind.
//!
//! `fentry` can be a kprobe, and `fexit` a kretprobe, as long as the script reads only what is in registers: btrun finds out which
//! argument is in which register, as it finds out where it lies for `fentry`.

use bt_abi::arch;
use bt_abi::manifest::Attach;

use crate::probes::ProbeKind;
use crate::typed::Probe;
use crate::typed::Step;
use crate::typed::visit::{self, Node};
use crate::types::{FieldRef, FunctionKind, Origin, Records};

/// A second program of a probe.
#[derive(Debug)]
pub struct AlternativePlan {
    /// The function in the object.
    pub name: String,
    pub kind: ProbeKind,
    pub attach: Attach,
}

/// `None` if there is nothing that could stand for the program.
pub fn of(probe: &Probe, name: &str, records: &Records) -> Option<AlternativePlan> {
    let (kind, attach) = match &probe.attach {
        Attach::Fentry { module, function } => (
            ProbeKind::Kprobe,
            Attach::Kprobe {
                module: module.clone(),
                function: function.clone(),
                offset: 0,
            },
        ),
        Attach::Fexit { module, function } => (
            ProbeKind::Kretprobe,
            Attach::Kretprobe {
                module: module.clone(),
                function: function.clone(),
            },
        ),
        _ => return None,
    };
    let (mut fits, mut typed) = (true, false);
    let mut check = |field: FieldRef| fits &= in_register(records, field);
    visit::probe(probe, &mut |node| match node {
        Node::Place(place, _) => {
            for step in &place.steps {
                if let Step::Field(field) = step {
                    check(*field);
                }
            }
        }
        Node::Field(field, _) => check(field),
        Node::Call(call, _) => typed |= call.function.wants_types(),
        _ => {}
    });
    (fits && !typed).then(|| AlternativePlan {
        name: format!("{name}__{}", kind.section()),
        kind,
        attach,
    })
}

/// Is it no argument, or one that a kprobe has? A kretprobe has what the function returned.
fn in_register(records: &Records, field: FieldRef) -> bool {
    let record = records.get(field.record);
    match record.origin {
        Origin::Function {
            of: FunctionKind::Exit,
            ..
        } => record.fields[field.index as usize].name == "retval",
        Origin::Function { .. } => (field.index as usize) < arch::X86_64.arguments.len(),
        _ => true,
    }
}
