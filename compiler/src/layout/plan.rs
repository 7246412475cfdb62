//! The numbers that code generation needs.

use std::collections::{BTreeMap, HashMap};

use bt_abi::types::{Layout, Type};

use super::{AlternativePlan, SessionPlan};
use crate::typed::{CallId, Script};
use crate::types::{FieldRef, RecordId};

#[derive(Debug, Default)]
pub struct Plan {
    pub events: HashMap<CallId, EventPlan>,
    /// By [`crate::typed::MapId`].
    pub maps: Vec<MapPlan>,
    /// Offsets by [`crate::typed::SlotId`].
    pub slots: Vec<u32>,
    /// Bytes of the slots section.
    pub slots_size: u32,
    /// Function names, by the probe's index.
    pub programs: Vec<String>,
    /// Second programs, by the probe's index.
    pub alternatives: Vec<Option<AlternativePlan>>,
    /// Programs that stand for two.
    pub sessions: Vec<SessionPlan>,
    /// Members that are read, in the order of first use: what the partial structs hold.
    pub fields: BTreeMap<RecordId, Vec<u32>>,
}

/// A record that a call sends.
#[derive(Debug)]
pub struct EventPlan {
    /// In the manifest's events.
    pub index: u32,
    /// Bytes, header included.
    pub size: u32,
    /// In the order in which the function named them.
    pub fields: Vec<FieldPlan>,
}

/// A field of a record.
#[derive(Debug)]
pub struct FieldPlan {
    /// From the start of the record.
    pub offset: u32,
    pub ty: Type,
    /// All bytes count, as in a map's key.
    pub clean: bool,
}

#[derive(Debug)]
pub struct MapPlan {
    pub symbol: String,
    pub key: Option<Type>,
    pub value: Type,
    pub value_size: u32,
    pub set_offset: Option<u32>,
    pub per_cpu: bool,
    /// Drops old entries when it is full.
    pub lru: bool,
    pub max_entries: u32,
}

impl MapPlan {
    pub fn key_size(&self) -> u32 {
        self.key.as_ref().map_or(4, Type::size)
    }
}

impl Plan {
    pub(super) fn use_field(&mut self, field: FieldRef) {
        let used = self.fields.entry(field.record).or_default();
        if !used.contains(&field.index) {
            used.push(field.index);
        }
    }

    /// Position of a member in its partial struct.
    pub fn field_position(&self, field: FieldRef) -> Option<u32> {
        self.fields
            .get(&field.record)?
            .iter()
            .position(|i| *i == field.index)
            .map(|p| p as u32)
    }

    pub(super) fn place_slots(&mut self, script: &Script) {
        let mut layout = Layout::new(0);
        for slot in &script.slots {
            // All on 8 bytes: they are read as words.
            self.slots
                .push(layout.push_raw(slot.ty.size().next_multiple_of(8), 8));
        }
        self.slots_size = layout.size();
    }

    pub(super) fn place_maps(&mut self, script: &Script) {
        let integer = Type::Int {
            size: 8,
            signed: true,
        };
        for map in &script.maps {
            let key = map
                .key
                .as_ref()
                .map(|k| k.to_abi().unwrap_or(integer.clone()));
            let value = map.value.to_abi().unwrap_or(integer.clone());
            let size = value.size().max(1).next_multiple_of(8);
            let set_offset = key.is_none().then_some(size);
            self.maps.push(MapPlan {
                symbol: format!("AT_{}", &map.name[1..]),
                per_cpu: value.is_aggregation() && !map.shared,
                lru: map.declared.is_some_and(|d| d.lru),
                max_entries: match (&key, map.declared) {
                    (None, _) => 1,
                    (Some(_), Some(declared)) => declared.max_entries,
                    (Some(_), None) => script.config.max_map_keys,
                },
                value_size: if set_offset.is_some() { size + 8 } else { size },
                key,
                value,
                set_offset,
            });
        }
    }
}
