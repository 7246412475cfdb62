//! Does a manifest agree with itself? What is checked here, the rest of the program relies on; it still never indexes unchecked.

use bt_abi::manifest::{Arg, Attach, EventKind, Format, Manifest, Map, Session, SlotValue};
use bt_abi::record::{HEADER_SIZE, Packet};
use bt_abi::types::{Type, lhist_buckets};

/// No value is larger: a BPF map value or a record cannot be.
const MAX_SIZE: u32 = 1 << 26;

/// `slots` is the size of the slots section. The error says what is wrong.
pub fn check(manifest: &Manifest, slots: usize) -> Result<(), String> {
    for (i, map) in manifest.maps.iter().enumerate() {
        check_map(map).map_err(|e| format!("map {i}: {e}"))?;
    }
    for (i, event) in manifest.events.iter().enumerate() {
        check_event(manifest, &event.kind, event.size).map_err(|e| format!("event {i}: {e}"))?;
    }
    for (i, slot) in manifest.slots.iter().enumerate() {
        check_type(&slot.ty).map_err(|e| format!("slot {i}: {e}"))?;
        if slot.offset as usize + slot.ty.size() as usize > slots {
            return Err(format!("slot {i} lies outside of the slots section"));
        }
        let numeric = matches!(slot.ty, Type::Int { .. } | Type::Bool);
        let free = matches!(
            slot.value,
            SlotValue::Param { .. } | SlotValue::Option { .. }
        );
        if !free && !numeric {
            return Err(format!("slot {i} is not a number"));
        }
    }
    for (i, session) in manifest.sessions.iter().enumerate() {
        if !is_pair(manifest, session) {
            return Err(format!("session {i} is no kprobe with its kretprobe"));
        }
    }
    Ok(())
}

fn is_pair(manifest: &Manifest, session: &Session) -> bool {
    let attach = |index: u32| Some(&manifest.programs.get(index as usize)?.attach);
    match (attach(session.entry), attach(session.exit)) {
        (
            Some(Attach::Kprobe {
                module: None,
                function,
                offset: 0,
            }),
            Some(Attach::Kretprobe {
                module: None,
                function: other,
            }),
        ) => function == other,
        _ => false,
    }
}

fn check_map(map: &Map) -> Result<(), String> {
    check_type(&map.value)?;
    if let Some(key) = &map.key {
        check_type(key)?;
    }
    let set = map.set_offset.map_or(0, |o| o.saturating_add(8));
    if map.value.size() > map.value_size
        || set > map.value_size
        || !map.value_size.is_multiple_of(8)
    {
        return Err("the value does not fit".into());
    }
    Ok(())
}

fn check_event(manifest: &Manifest, kind: &EventKind, size: u32) -> Result<(), String> {
    if size < HEADER_SIZE {
        return Err("shorter than a header".into());
    }
    let fits = |arg: &Arg| {
        check_type(&arg.ty)?;
        let end = arg.offset.checked_add(arg.ty.size());
        match end.is_some_and(|end| end <= size) {
            true => Ok(()),
            false => Err("an argument lies outside of the record".to_string()),
        }
    };
    let map_exists = |map: u32| match manifest.maps.get(map as usize) {
        Some(_) => Ok(()),
        None => Err("no such map".to_string()),
    };
    match kind {
        EventKind::Printf(f)
        | EventKind::Cat(f)
        | EventKind::System(f)
        | EventKind::Errorf(f)
        | EventKind::Warnf(f) => {
            let Format { format, args } = f;
            args.iter().try_for_each(fits)?;
            let pieces = bt_abi::format::parse(format).map_err(|e| e.message)?;
            let conversion = |p: &&_| matches!(p, bt_abi::format::Piece::Conversion(_));
            if pieces.iter().filter(conversion).count() != args.len() {
                return Err("conversions and arguments differ in number".into());
            }
            Ok(())
        }
        EventKind::Print { value } => fits(value),
        EventKind::PrintMapEntry { map, key } => fits(key).and_then(|()| map_exists(*map)),
        EventKind::PrintMap { map, .. } | EventKind::Clear { map } | EventKind::Zero { map } => {
            map_exists(*map)
        }
        EventKind::Time { .. } | EventKind::Join { .. } => Ok(()),
        EventKind::Packet { slot, .. } => {
            match slot.map(|slot| manifest.slots.get(slot as usize)) {
                _ if size != Packet::SIZE => Err("not the size of a packet".into()),
                None => Ok(()),
                Some(Some(slot)) if matches!(slot.ty, Type::String { .. }) => Ok(()),
                Some(_) => Err("the path is no string".into()),
            }
        }
        EventKind::Exit { code: at } | EventKind::Unwatch { address: at } => {
            match at.checked_add(8).is_some_and(|end| end <= size) {
                true => Ok(()),
                false => Err("the value lies outside of the record".into()),
            }
        }
    }
}

fn check_type(ty: &Type) -> Result<(), String> {
    let parts = |size: u32, fields: &mut dyn Iterator<Item = (u32, &Type)>| {
        for (offset, ty) in fields {
            check_type(ty)?;
            if offset.checked_add(ty.size()).is_none_or(|end| end > size) {
                return Err("a field lies outside of its tuple or struct".to_string());
            }
        }
        check_size(size)
    };
    match ty {
        Type::Int { size, .. } | Type::Enum { size, .. } => match size {
            1 | 2 | 4 | 8 => Ok(()),
            _ => Err(format!("an integer of {size} bytes")),
        },
        Type::String { size } | Type::Buffer { capacity: size } => check_size(*size),
        Type::Array { element, count } => {
            check_type(element)?;
            check_size(element.size().saturating_mul(*count))
        }
        Type::Tuple { size, fields } => parts(*size, &mut fields.iter().map(|f| (f.offset, &f.ty))),
        Type::Struct { size, fields, .. } => {
            parts(*size, &mut fields.iter().map(|f| (f.offset, &f.ty)))
        }
        Type::BitField {
            size, shift, bits, ..
        } => match (size, shift.checked_add(*bits)) {
            (1 | 2 | 4 | 8, Some(end)) if (1..=size * 8).contains(&end) && *bits > 0 => Ok(()),
            _ => Err("an impossible bit-field".into()),
        },
        Type::KernelStruct { size, .. } | Type::Chars { size } => check_size(*size),
        Type::KernelStack { limit, .. } | Type::UserStack { limit, .. } => check_size(*limit),
        Type::Hist { bits } if *bits > 5 => Err(format!("hist with {bits} bits")),
        Type::LinearHist { min, max, step } => {
            let steps = (i128::from(*max) - i128::from(*min)) / i128::from((*step).max(1));
            if *step <= 0 || max <= min || steps > i128::from(MAX_SIZE / 8) {
                return Err("lhist with impossible bounds".into());
            }
            check_size(8 * lhist_buckets(*min, *max, *step))
        }
        Type::TimeSeries(series) => match (series.interval, series.count) {
            (0, _) | (_, 0) => Err("an empty time series".into()),
            _ => check_size(ty.size()),
        },
        _ => Ok(()),
    }
}

fn check_size(size: u32) -> Result<(), String> {
    match size <= MAX_SIZE {
        true => Ok(()),
        false => Err(format!("a size of {size} bytes")),
    }
}
