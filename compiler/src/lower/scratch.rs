//! Memory for values in flight: the BPF stack for small ones, a map for the rest.
//!
//! The stack has 512 bytes, for everything. What a statement takes it gives back at its end, so that a script may have any number of
//! statements.

use bt_abi::names;

use super::Lower;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{GET_SMP_PROCESSOR_ID, MAP_LOOKUP_ELEM, PROBE_READ_KERNEL};
use crate::llvm::{BasicBlock, PointerValue};

/// What temporaries and variables may take of the stack; the rest is for spilled registers.
const STACK_BUDGET: u32 = 320;

/// What a program may need for its values, far above what any script should.
pub const SCRATCH_LIMIT: u32 = 1 << 20;

/// Up to this size memory is copied and zeroed by instructions, above by a helper.
const INLINE_LIMIT: u32 = 128;

/// Stack and scratch memory of one program.
#[derive(Default)]
pub struct Temporaries<'c> {
    /// All stack areas that were ever made: place, size, in use.
    areas: Vec<(PointerValue<'c>, u32, bool)>,
    /// Indexes of areas in use, the latest last.
    in_use: Vec<usize>,
    /// Scratch offsets at which each mark was taken.
    scratch_tops: Vec<u32>,
    stack: u32,
    scratch_top: u32,
    scratch_max: u32,
    /// The variable that holds the scratch memory's address.
    base: Option<PointerValue<'c>>,
}

impl Temporaries<'_> {
    pub fn uses_scratch(&self) -> bool {
        self.scratch_max > 0
    }

    /// For a callback of this function: its own stack areas, on the same stack, and the scratch memory that is free here. `base` is
    /// where the callback keeps the scratch memory's address.
    pub fn nested<'c>(&self, base: PointerValue<'c>) -> Temporaries<'c> {
        Temporaries {
            stack: self.stack,
            scratch_top: self.scratch_top,
            base: Some(base),
            ..Temporaries::default()
        }
    }

    /// Takes over what a callback needed.
    pub fn include(&mut self, nested: &Temporaries<'_>) {
        self.scratch_max = self.scratch_max.max(nested.scratch_max);
        self.stack = self.stack.max(nested.stack);
    }

    pub fn scratch_bytes(&self) -> u32 {
        self.scratch_max
    }

    pub fn mark(&mut self) -> usize {
        self.scratch_tops.push(self.scratch_top);
        self.in_use.len()
    }

    /// Gives back what was taken since the mark.
    pub fn release(&mut self, mark: usize) {
        for index in self.in_use.drain(mark..) {
            self.areas[index].2 = false;
        }
        if let Some(top) = self.scratch_tops.pop() {
            self.scratch_top = top;
        }
    }
}

impl<'c> Lower<'c, '_> {
    /// Memory until the end of the statement, 8-byte aligned.
    pub fn temp(&mut self, size: u32) -> PointerValue<'c> {
        let size = size.max(8).next_multiple_of(8);
        let limit = self.script.config.on_stack_limit.max(8);
        let state = &mut self.program.temporaries;
        if let Some(index) = state
            .areas
            .iter()
            .position(|(_, s, busy)| *s == size && !busy)
        {
            state.areas[index].2 = true;
            state.in_use.push(index);
            return state.areas[index].0;
        }
        if size > limit || state.stack + size > STACK_BUDGET {
            return self.scratch(size);
        }
        let ptr = self.b.alloca(size);
        let state = &mut self.program.temporaries;
        state.stack += size;
        state.in_use.push(state.areas.len());
        state.areas.push((ptr, size, true));
        ptr
    }

    /// Memory for the rest of the program.
    pub(super) fn permanent(&mut self, size: u32) -> PointerValue<'c> {
        let limit = self.script.config.on_stack_limit.max(8);
        let state = &mut self.program.temporaries;
        if size > limit || state.stack + size > STACK_BUDGET {
            return self.scratch(size);
        }
        state.stack += size;
        self.b.alloca(size)
    }

    /// The variable that holds the scratch memory's address.
    pub(super) fn scratch_base(&mut self) -> PointerValue<'c> {
        let base = match self.program.temporaries.base {
            Some(base) => base,
            None => self.b.alloca_ptr(),
        };
        *self.program.temporaries.base.insert(base)
    }

    /// Memory of the map until the end of the statement, which holds something from the start as the verifier sees it.
    pub fn scratch(&mut self, size: u32) -> PointerValue<'c> {
        let base = self.scratch_base();
        let state = &mut self.program.temporaries;
        let at = state.scratch_top;
        state.scratch_top += size;
        state.scratch_max = state.scratch_max.max(state.scratch_top);
        let loaded = self.b.load_ptr(base);
        self.b.offset(loaded, at)
    }

    /// Gets this program's scratch memory and goes on; without it there is nothing to do.
    pub(super) fn scratch_lookup(
        &mut self,
        needed: bool,
        next: BasicBlock<'c>,
        exit: BasicBlock<'c>,
    ) {
        let Some(base) = self.program.temporaries.base.filter(|_| needed) else {
            self.b.jump(next);
            return;
        };
        let cpu = self.helper(GET_SMP_PROCESSOR_ID, &[]);
        let programs = self.int(self.script.probes.len() as i64);
        let entry = self.b.mul(self.b.narrow(cpu, 4, false), programs);
        let entry = self.b.add(entry, self.int(i64::from(self.program.index)));
        let key = self.b.alloca(8);
        self.b.store(key, entry, 4);
        let map = self.own_map(names::SCRATCH_MAP).as_pointer_value();
        let memory = self.helper_ptr(MAP_LOOKUP_ELEM, &[Arg::Ptr(map), Arg::Ptr(key)]);
        self.b.store_ptr(base, memory);
        self.b.branch_null(memory, exit, next);
    }

    pub fn zero(&mut self, ptr: PointerValue<'c>, size: u32) {
        if size == 0 {
            return;
        }
        if size <= INLINE_LIMIT {
            self.b
                .zero(ptr, size, if size.is_multiple_of(8) { 8 } else { 1 });
            return;
        }
        // A read that fails zeroes its target: the one memset that BPF has.
        let (size, nowhere) = (self.int(i64::from(size)), self.int(0));
        self.helper(
            PROBE_READ_KERNEL,
            &[ptr.into(), size.into(), nowhere.into()],
        );
    }

    /// Copies between areas that do not overlap, both readable and at least so long.
    pub fn copy(&mut self, to: PointerValue<'c>, from: PointerValue<'c>, size: u32) {
        match size {
            0 => {}
            1..=INLINE_LIMIT => {
                self.b
                    .copy(to, from, size, if size.is_multiple_of(8) { 8 } else { 1 })
            }
            _ => {
                let size = self.int(i64::from(size));
                self.helper(PROBE_READ_KERNEL, &[to.into(), size.into(), from.into()]);
            }
        }
    }
}
