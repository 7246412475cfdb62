//! Maps, and the other global variables of the object.

use std::collections::BTreeMap;

use bt_abi::manifest::SlotValue;
use bt_abi::names;
use bt_abi::unwind;

use super::Lower;
use crate::llvm::di::{Encoding, Member, Node};
use crate::llvm::{GlobalValue, IntValue, PointerValue};
use crate::types::StackTy;

/// Map types of `enum bpf_map_type`.
mod map_type {
    pub const HASH: u64 = 1;
    pub const ARRAY: u64 = 2;
    pub const PERF_EVENT_ARRAY: u64 = 4;
    pub const PERCPU_HASH: u64 = 5;
    pub const PERCPU_ARRAY: u64 = 6;
    pub const LRU_HASH: u64 = 9;
    pub const LRU_PERCPU_HASH: u64 = 10;
    pub const ARRAY_OF_MAPS: u64 = 12;
    pub const RINGBUF: u64 = 27;
}

/// Bytes of the ring buffer unless btrun sets another size; a power of two, a multiple of the page size on every architecture.
const RING_BYTES: u64 = 512 << 10;

/// Different stacks that are remembered, for each depth.
const MAX_STACKS: u64 = 16 << 10;

/// Maps and sections that no script names, made when first needed.
#[derive(Default)]
pub struct OwnMaps<'c> {
    maps: BTreeMap<String, GlobalValue<'c>>,
    slots: Option<GlobalValue<'c>>,
    zeros: Option<GlobalValue<'c>>,
    texts: BTreeMap<Vec<u8>, GlobalValue<'c>>,
    opaque: Option<GlobalValue<'c>>,
    pub faults: super::fault::Counters<'c>,
    /// Bytes of a name in each map of names.
    name_sizes: BTreeMap<String, u32>,
    /// Bytes of a value of the maps of stacks.
    stack_sizes: BTreeMap<String, u32>,
    /// Callbacks so far, for their names.
    pub callbacks: u32,
    /// What the hungriest program needs.
    pub scratch_bytes: u32,
}

/// A map's definition, as its BTF says it.
struct Definition {
    kind: u64,
    max_entries: u64,
    key_size: u64,
    value_size: u64,
}

impl<'c> Lower<'c, '_> {
    pub(super) fn script_maps(&mut self) {
        for plan in &self.plan.maps {
            let kind = match (&plan.key, plan.per_cpu, plan.lru) {
                (None, false, _) => map_type::ARRAY,
                (None, true, _) => map_type::PERCPU_ARRAY,
                (Some(_), false, false) => map_type::HASH,
                (Some(_), true, false) => map_type::PERCPU_HASH,
                (Some(_), false, true) => map_type::LRU_HASH,
                (Some(_), true, true) => map_type::LRU_PERCPU_HASH,
            };
            let global = self.b.add_map(&plan.symbol, 4);
            let definition = Definition {
                kind,
                max_entries: u64::from(plan.max_entries),
                key_size: u64::from(plan.key_size()),
                value_size: u64::from(plan.value_size),
            };
            self.describe_map(global, &plan.symbol, &definition);
            self.maps.push(global);
        }
    }

    /// One of the maps of [`bt_abi::names`].
    pub(super) fn own_map(&mut self, name: &str) -> GlobalValue<'c> {
        if let Some(map) = self.own.maps.get(name) {
            return *map;
        }
        let members = if name == names::EVENTS_MAP { 2 } else { 4 };
        let map = self.b.add_map(name, members);
        self.own.maps.insert(name.to_string(), map);
        map
    }

    /// The map of stacks of that depth and kind of frames.
    pub fn stacks(&mut self, stack: StackTy) -> PointerValue<'c> {
        let name = names::stacks_map(stack.limit, stack.mode);
        self.own.stack_sizes.insert(name.clone(), stack.bytes());
        self.own_map(&name).as_pointer_value()
    }

    /// A map of names that btrun fills; each use says how many bytes it reads.
    pub fn names_map(&mut self, name: &str, size: u32) -> PointerValue<'c> {
        let largest = self.own.name_sizes.entry(name.to_string()).or_insert(0);
        *largest = size.max(*largest);
        self.own_map(name).as_pointer_value()
    }

    /// The value of the first slot that `is` says yes to, given the program's index.
    pub fn own_slot(&mut self, is: impl Fn(&SlotValue, u32) -> bool) -> IntValue<'c> {
        let index = self.program.index;
        let slots = &self.script.slots;
        let Some(at) = slots.iter().position(|slot| is(&slot.value, index)) else {
            return self.int(0);
        };
        let place = self.slot(self.plan.slots[at]);
        self.b.load_volatile(place, 8, false)
    }

    /// A late-bound value.
    pub(super) fn slot(&mut self, offset: u32) -> PointerValue<'c> {
        let slots = match self.own.slots {
            Some(slots) => slots,
            None => {
                let bytes = vec![0; self.plan.slots_size as usize];
                let slots = self
                    .b
                    .add_global_bytes("btc_slots", names::SLOTS_SECTION, &bytes);
                slots.set_constant(true);
                // btrun writes them: LLVM must not take the zeros for their values.
                slots.set_externally_initialized(true);
                self.describe_bytes(slots, "btc_slots", bytes.len() as u64);
                *self.own.slots.insert(slots)
            }
        };
        self.b.offset(slots.as_pointer_value(), offset)
    }

    /// Constant zeros, as many as the largest value of an aggregation has.
    pub(super) fn zeros(&mut self) -> PointerValue<'c> {
        let zeros = match self.own.zeros {
            Some(zeros) => zeros,
            None => {
                let size = self
                    .plan
                    .maps
                    .iter()
                    .map(|m| m.value_size)
                    .max()
                    .unwrap_or(8) as usize;
                let zeros = self
                    .b
                    .add_global_bytes("btc_zeros", ".rodata", &vec![0; size]);
                zeros.set_constant(true);
                self.describe_bytes(zeros, "btc_zeros", size as u64);
                *self.own.zeros.insert(zeros)
            }
        };
        zeros.as_pointer_value()
    }

    /// Constant bytes.
    pub(super) fn text(&mut self, bytes: &[u8]) -> PointerValue<'c> {
        if let Some(text) = self.own.texts.get(bytes) {
            return text.as_pointer_value();
        }
        let name = format!("btc_text_{}", self.own.texts.len());
        let text = self.b.add_global_bytes(&name, ".rodata", bytes);
        text.set_constant(true);
        self.describe_bytes(text, &name, bytes.len() as u64);
        self.own.texts.insert(bytes.to_vec(), text);
        text.as_pointer_value()
    }

    /// A zero of which the verifier knows nothing.
    pub(super) fn opaque_zero(&mut self) -> IntValue<'c> {
        let global = match self.own.opaque {
            Some(global) => global,
            None => {
                let global = self.b.add_global_bytes("btc_opaque", ".bss", &[0; 8]);
                self.describe_bytes(global, "btc_opaque", 8);
                *self.own.opaque.insert(global)
            }
        };
        self.b.load_volatile(global.as_pointer_value(), 8, false)
    }

    pub(super) fn finish_sections(&mut self) {
        let text = [self.script.config.license.as_bytes(), b"\0"].concat();
        let license = self.b.add_global_bytes("LICENSE", "license", &text);
        self.describe_bytes(license, "LICENSE", text.len() as u64);
        // The manifest speaks of them, so they must be there even if no program came to read one.
        if !self.script.slots.is_empty() {
            self.slot(0);
        }
        let programs = self.script.probes.len() as u64;
        let maps = std::mem::take(&mut self.own.maps);
        for (name, map) in &maps {
            let words = |size: u64| size.next_multiple_of(8);
            let definition = match name.as_str() {
                names::EVENTS_MAP => Definition {
                    kind: map_type::RINGBUF,
                    max_entries: self.ring_bytes(),
                    key_size: 0,
                    value_size: 0,
                },
                // libbpf makes an entry for each CPU
                names::PACKETS_MAP => Definition {
                    kind: map_type::PERF_EVENT_ARRAY,
                    max_entries: 0,
                    key_size: 4,
                    value_size: 4,
                },
                names::LOST_MAP => Definition {
                    kind: map_type::PERCPU_ARRAY,
                    max_entries: programs,
                    key_size: 4,
                    value_size: 8,
                },
                names::SCRATCH_MAP => Definition {
                    kind: map_type::ARRAY,
                    max_entries: programs,
                    key_size: 4,
                    value_size: words(u64::from(self.own.scratch_bytes)),
                },
                names::PROBE_NAMES_MAP | names::FUNCTION_NAMES_MAP => Definition {
                    kind: map_type::ARRAY,
                    // btrun makes room for as many as there are
                    max_entries: 1,
                    key_size: 4,
                    value_size: u64::from(self.own.name_sizes.get(name).copied().unwrap_or(8)),
                },
                unwind::AREAS_MAP => Definition {
                    kind: map_type::HASH,
                    max_entries: u64::from(unwind::MAX_PROCESSES),
                    key_size: 4,
                    value_size: u64::from(unwind::AREAS_SIZE),
                },
                // btrun says what the maps in it are
                unwind::FILES_MAP => Definition {
                    kind: map_type::ARRAY_OF_MAPS,
                    max_entries: u64::from(unwind::MAX_FILES),
                    key_size: 4,
                    value_size: 4,
                },
                stacks => Definition {
                    kind: map_type::HASH,
                    max_entries: MAX_STACKS,
                    key_size: 8,
                    value_size: u64::from(self.own.stack_sizes.get(stacks).copied().unwrap_or(8)),
                },
            };
            self.describe_map(*map, name, &definition);
        }
    }

    /// Bytes of the ring buffer: as the script says, but room for several of the largest records.
    fn ring_bytes(&self) -> u64 {
        let wanted = self
            .script
            .config
            .perf_rb_pages
            .map_or(RING_BYTES, |pages| pages * 4096);
        let largest = self
            .plan
            .events
            .values()
            .map(|e| u64::from(e.size))
            .max()
            .unwrap_or(0);
        wanted.max(largest * 4).next_power_of_two()
    }

    /// `struct { int (*type)[T]; int (*max_entries)[N]; K *key; V *value; }`: how libbpf reads maps.
    fn describe_map(&self, map: GlobalValue<'c>, name: &str, def: &Definition) {
        let di = &self.b.di;
        let int = di.int("int", 4, Encoding::Signed);
        let number = |n: u64| di.pointer(Some(di.array(int, 32, n)));
        let mut members = vec![
            ("type", number(def.kind)),
            ("max_entries", number(def.max_entries)),
        ];
        if def.key_size > 0 {
            members.push(("key", di.pointer(Some(self.sized(def.key_size)))));
            members.push(("value", di.pointer(Some(self.sized(def.value_size)))));
        }
        let members: Vec<Member> = members
            .iter()
            .enumerate()
            .map(|(i, (name, ty))| Member {
                name,
                offset: 64 * i as u64,
                size: 64,
                ty: *ty,
                storage: None,
            })
            .collect();
        di.global(
            map,
            name,
            di.record("", false, 64 * members.len() as u64, &members),
        );
    }

    /// A type of so many bytes.
    fn sized(&self, bytes: u64) -> Node {
        let di = &self.b.di;
        match bytes {
            4 => di.int("unsigned int", 4, Encoding::Unsigned),
            8 => di.int("unsigned long", 8, Encoding::Unsigned),
            n if n.is_multiple_of(8) => {
                di.array(di.int("unsigned long", 8, Encoding::Unsigned), 64, n / 8)
            }
            n => di.array(di.int("char", 1, Encoding::Signed), 8, n),
        }
    }

    pub(super) fn describe_bytes(&self, global: GlobalValue<'c>, name: &str, bytes: u64) {
        let di = &self.b.di;
        let array = di.array(di.int("char", 1, Encoding::Signed), 8, bytes);
        di.global(global, name, di.const_volatile(array));
    }
}
