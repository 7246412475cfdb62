//! What the kernel must offer: map types, program types, BTF, and the helpers that code generation used.

use bt_abi::manifest::{Manifest, Need, NeedKind, Span};

use super::Plan;
use crate::lower::Used;
use crate::probes::ProbeKind;
use crate::source::Source;
use crate::typed::Script;

/// All needs of an object, each with the first place that has it.
pub fn needs(
    script: &Script,
    plan: &Plan,
    manifest: &Manifest,
    used: &Used,
    source: &Source,
) -> Vec<Need> {
    let mut list = Vec::new();
    let mut add = |kind, name: &str, since: &str, span: Span| {
        if !list.iter().any(|n: &Need| n.kind == kind && n.name == name) {
            list.push(Need {
                kind,
                name: name.into(),
                since: since.into(),
                span,
            });
        }
    };
    for probe in &script.probes {
        let (name, since) = match probe.kind {
            // Run by BPF_PROG_TEST_RUN, which raw tracepoint programs have since 5.10.
            ProbeKind::Special => ("raw_tracepoint", "5.10"),
            ProbeKind::Kprobe | ProbeKind::Kretprobe | ProbeKind::Uprobe | ProbeKind::Uretprobe => {
                ("kprobe", "4.1")
            }
            ProbeKind::Tracepoint => ("tracepoint", "4.7"),
            ProbeKind::Timer => ("perf_event", "4.9"),
        };
        add(
            NeedKind::ProgramType,
            name,
            since,
            source.manifest_span(probe.span),
        );
    }
    for (map, planned) in script.maps.iter().zip(&plan.maps) {
        let (name, since) = match (&planned.key, planned.per_cpu, planned.lru) {
            (None, false, _) => ("array", "3.19"),
            (None, true, _) => ("percpu_array", "4.6"),
            (Some(_), false, false) => ("hash", "3.19"),
            (Some(_), true, false) => ("percpu_hash", "4.6"),
            (Some(_), false, true) => ("lru_hash", "4.10"),
            (Some(_), true, true) => ("lru_percpu_hash", "4.10"),
        };
        add(
            NeedKind::MapType,
            name,
            since,
            source.manifest_span(map.span),
        );
    }
    if let Some(event) = manifest.events.first() {
        add(NeedKind::MapType, "ringbuf", "5.8", event.span);
    }
    if let Some(field) = manifest
        .fields
        .iter()
        .find(|f| matches!(f.owner, bt_abi::manifest::FieldOwner::Kernel { .. }))
    {
        add(NeedKind::Feature, "btf", "4.18", field.span);
    }
    for (helper, span) in &used.helpers {
        add(
            NeedKind::Helper,
            helper.name,
            helper.since,
            source.manifest_span(*span),
        );
    }
    list
}
