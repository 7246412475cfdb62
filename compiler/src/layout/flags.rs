//! What a reader must understand to run an object: what older readers do not know, in `must_understand`.

use bt_abi::Type;
use bt_abi::manifest::{
    Attach, EventKind, Fault, FaultKind, Manifest, SlotValue, UserTarget, flags,
};
use bt_abi::types::StackMode;

/// The flags of a manifest, sorted.
pub fn flags_of(manifest: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    for map in &manifest.maps {
        map.key.iter().for_each(|key| of_type(key, &mut found));
        of_type(&map.value, &mut found);
    }
    for event in &manifest.events {
        of_event(&event.kind, &mut found);
    }
    if manifest.programs.iter().any(|p| p.attach.is_late()) {
        found.push(flags::TARGETS);
    }
    let called = |attach: &Attach| {
        matches!(
            attach,
            Attach::Signal { .. } | Attach::Test { .. } | Attach::Bench { .. }
        )
    };
    if manifest.programs.iter().any(|p| called(&p.attach)) {
        found.push(flags::CALLED);
    }
    let counts = |attach: &Attach| {
        matches!(
            attach,
            Attach::Software { .. } | Attach::Hardware { .. } | Attach::Watchpoint { .. }
        )
    };
    if manifest.programs.iter().any(|p| counts(&p.attach)) {
        found.push(flags::COUNTERS);
    }
    let by_address = |attach: &Attach| matches!(attach, Attach::KprobeAddress { .. });
    if manifest.programs.iter().any(|p| by_address(&p.attach)) {
        found.push(flags::ADDRESSES);
    }
    if manifest.programs.iter().any(|p| !p.alternatives.is_empty()) {
        found.push(flags::ALTERNATIVES);
    }
    if !manifest.fixed.is_empty() {
        found.push(flags::FIXED);
    }
    for (index, program) in manifest.programs.iter().enumerate() {
        if !program.attach.is_traced() {
            continue;
        }
        found.push(flags::TRACING);
        let named = SlotValue::ProbeId {
            program: index as u32,
        };
        let of_program = matches!(
            program.attach,
            Attach::FentryProgram { .. } | Attach::FexitProgram { .. }
        );
        if of_program || program.attach.is_late() || manifest.slots.iter().any(|s| s.value == named)
        {
            found.push(flags::TRACED);
        }
    }
    let is_place = |attach: &Attach| match attach {
        Attach::Uprobe { target, .. } | Attach::Uretprobe { target, .. } => {
            matches!(target, UserTarget::Demangled(_) | UserTarget::Line { .. })
        }
        _ => false,
    };
    if manifest.programs.iter().any(|p| is_place(&p.attach)) {
        found.push(flags::PLACES);
    }
    let is_static = |attach: &Attach| matches!(attach, Attach::Usdt { .. });
    if manifest.programs.iter().any(|p| is_static(&p.attach)) {
        found.push(flags::USDT);
    }
    let iterates = |attach: &Attach| matches!(attach, Attach::Iter { .. });
    if manifest.programs.iter().any(|p| iterates(&p.attach)) {
        found.push(flags::ITERATORS);
    }
    if script_pins(manifest) {
        found.push(flags::PINS);
    }
    for slot in &manifest.slots {
        match slot.value {
            SlotValue::KernelAddress(_)
            | SlotValue::CgroupId(_)
            | SlotValue::Cpus
            | SlotValue::TaiOffset => found.push(flags::SLOTS),
            SlotValue::UserAddress { .. } | SlotValue::UserMask { .. } => {
                found.push(flags::VARIABLES)
            }
            SlotValue::PidNamespace { .. } | SlotValue::ChildPid | SlotValue::Target { .. } => {
                found.push(flags::PROCESS)
            }
            SlotValue::ProbeId { .. } => found.push(flags::TARGETS),
            SlotValue::KfuncExists(_) => found.push(flags::KFUNCS),
            SlotValue::KfuncAllowed { .. } => found.push(flags::PERMISSIONS),
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(str::to_string).collect()
}

fn script_pins(manifest: &Manifest) -> bool {
    let pinned = |attach: &Attach| matches!(attach, Attach::Iter { pin: Some(_), .. });
    manifest.programs.iter().any(|p| pinned(&p.attach))
}

fn of_event(kind: &EventKind, found: &mut Vec<&str>) {
    match kind {
        EventKind::Printf(f) => f.args.iter().for_each(|a| of_type(&a.ty, found)),
        EventKind::Print { value } => of_type(&value.ty, found),
        EventKind::PrintMapEntry { key, .. } => of_type(&key.ty, found),
        EventKind::Cat(f) | EventKind::System(f) | EventKind::Errorf(f) | EventKind::Warnf(f) => {
            found.push(flags::OUTPUTS);
            f.args.iter().for_each(|a| of_type(&a.ty, found));
        }
        EventKind::Join { .. } => found.push(flags::OUTPUTS),
        EventKind::Packet { .. } => found.push(flags::PACKETS),
        EventKind::Unwatch { .. } => found.push(flags::UNWATCHING),
        _ => {}
    }
}

fn of_type(ty: &Type, found: &mut Vec<&str>) {
    match ty {
        Type::Inet
        | Type::KernelSymbol
        | Type::UserSymbol
        | Type::Buffer { .. }
        | Type::Timestamp { .. }
        | Type::MacAddress
        | Type::CgroupPath { .. }
        | Type::UserName => found.push(flags::VALUES),
        Type::Avg(_) | Type::Stats(_) | Type::Min(_) | Type::Max(_) => {
            found.push(flags::AGGREGATIONS);
        }
        Type::UserStack { mode, .. } if *mode == StackMode::BuildId => found.push(flags::BUILD_IDS),
        Type::TimeSeries(_) => found.push(flags::SERIES),
        Type::Chars { .. } | Type::BitField { .. } | Type::KernelStruct { .. } => {
            found.push(flags::STRUCTS)
        }
        Type::Array { element, .. } => of_type(element, found),
        Type::Tuple { fields, .. } => fields.iter().for_each(|f| of_type(&f.ty, found)),
        Type::Struct { fields, .. } => fields.iter().for_each(|f| of_type(&f.ty, found)),
        _ => {}
    }
}

/// What only the faults tell, which code generation finds.
pub fn flag_faults(manifest: &mut Manifest) {
    let unwinds = |f: &Fault| f.kind == FaultKind::NoUnwindTable;
    if manifest.faults.iter().any(unwinds) {
        manifest.must_understand.push(flags::UNWINDING.to_string());
        manifest.must_understand.sort();
    }
}
