//! `dw_ustack`: the stack of a program without frame pointers, by tables that btrun makes of its files (`bt_abi::unwind`).

use bt_abi::manifest::FaultKind;
use bt_abi::unwind::{self, rule};
use inkwell::IntPredicate;

use super::Lower;
use crate::arch::X86_64;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{
    GET_CURRENT_TASK_BTF, MAP_LOOKUP_ELEM, PROBE_READ_KERNEL, PROBE_READ_USER, TASK_PT_REGS,
};
use crate::llvm::{BasicBlock, FunctionValue, IntValue, PointerValue};
use crate::probes::ProbeKind;

const UNWIND: &str = "btc_unwind";
const AREA_SEARCH: &str = "btc_unwind_area";
const ROW_SEARCH: &str = "btc_unwind_row";

/// Words of the memory that the walk keeps its state in. (It is a map's: what is loaded from there the verifier takes for anything, so
/// that the ways to the next frame are one to it.)
mod state {
    pub const PC: u32 = 0;
    pub const SP: u32 = 8;
    pub const BP: u32 = 16;
    /// What was read, or found.
    pub const WORD: u32 = 24;
    pub const SIZE: u32 = 32;
}

/// Registers in the `ucontext_t` of a signal's handler.
mod context {
    pub const BP: i64 = 120;
    pub const SP: i64 = 160;
    pub const PC: i64 = 168;
}

/// Pieces of the walk that is being built.
struct Walk<'c> {
    frames: PointerValue<'c>,
    state: PointerValue<'c>,
    areas: PointerValue<'c>,
    fail: BasicBlock<'c>,
}

/// A binary search by steps that are halved.
struct Search<'c> {
    at: PointerValue<'c>,
    candidate: PointerValue<'c>,
    step: PointerValue<'c>,
    function: FunctionValue<'c>,
    /// A power of two.
    most: u32,
}

impl<'c> Search<'c> {
    fn new(lower: &Lower<'c, '_>, function: FunctionValue<'c>, most: u32) -> Search<'c> {
        let [at, candidate, step] = [(); 3].map(|()| lower.b.alloca(8));
        Search {
            at,
            candidate,
            step,
            function,
            most,
        }
    }

    /// `test` gets a candidate, and where it goes on: at the second block, or at the first if the candidate is good. The builder
    /// then stands behind the loop. (What is added to the position the verifier does not know: else it would tell apart all ways.)
    fn build<'s>(
        &self,
        lower: &mut Lower<'c, 's>,
        test: impl FnOnce(&mut Lower<'c, 's>, IntValue<'c>, [BasicBlock<'c>; 2]),
    ) {
        let [head, look, taken, next, over] = ["search", "look", "taken", "next", "over"]
            .map(|n| lower.b.append_block(self.function, n));
        let zero = lower.opaque_zero();
        lower.b.store(self.at, zero, 8);
        let half = lower.int(i64::from(self.most / 2));
        lower.b.store(self.step, half, 8);
        lower.b.jump(head);

        lower.b.at_end(head);
        let width = lower.b.load(self.step, 8, false);
        lower.b.branch(width, look, over);
        lower.b.at_end(look);
        let candidate = lower.b.add(lower.b.load(self.at, 8, false), width);
        lower.b.store(self.candidate, candidate, 8);
        test(lower, candidate, [taken, next]);

        lower.b.at_end(taken);
        let zero = lower.opaque_zero();
        let good = lower.b.add(lower.b.load(self.candidate, 8, false), zero);
        lower.b.store(self.at, good, 8);
        lower.b.jump(next);
        lower.b.at_end(next);
        let width = lower.b.load(self.step, 8, false);
        lower
            .b
            .store(self.step, lower.b.shr(width, lower.int(1), false), 8);
        lower.b.jump(head);
        lower.b.at_end(over);
    }
}

impl<'c> Lower<'c, '_> {
    /// Writes the frames of the current program, innermost first, and gives their bytes. There is room for `limit` of them.
    pub fn unwind(&mut self, frames: PointerValue<'c>, limit: u32) -> IntValue<'c> {
        let state = self.scratch(state::SIZE);
        self.user_registers(state);
        let areas = self.areas();
        let [unknown, known, done] = ["unknown", "known", "done"].map(|n| self.b.block(n));
        self.b.branch_null(areas, unknown, known);

        self.b.at_end(unknown);
        let zero = self.int(0);
        self.count_fault(FaultKind::NoUnwindTable, zero);
        let pc = self.b.load(state, 8, false);
        self.b.store(frames, pc, 8);
        let eight = self.int(8);
        let unknown = self.b.position();
        self.b.jump(done);

        self.b.at_end(known);
        let function = self.unwind_function();
        let bytes = self.int(i64::from(limit * 8));
        let args = [
            Arg::Ptr(frames),
            Arg::Ptr(state),
            Arg::Ptr(areas),
            bytes.into(),
        ];
        let walked = self.b.call(function, &args);
        let known = self.b.position();
        self.b.jump(done);

        self.b.at_end(done);
        self.b.phi(&[(eight, unknown), (walked, known)])
    }

    /// The registers with which the program entered the kernel, or was stopped.
    fn user_registers(&mut self, state: PointerValue<'c>) {
        let wanted = [(state::PC, "ip"), (state::SP, "sp"), (state::BP, "bp")];
        let kind = self.probe().kind;
        let of_program = matches!(kind, ProbeKind::Uprobe | ProbeKind::Uretprobe);
        let may_be = kind == ProbeKind::Timer;
        let [own, entry, done] = ["own", "entry", "done"].map(|n| self.b.block(n));
        if of_program {
            self.b.jump(own);
        } else if may_be {
            let segment = self.context_word(X86_64.code_segment);
            let level = self.b.and(segment, self.int(3));
            self.b.branch(level, own, entry);
        } else {
            self.b.jump(entry);
        }
        self.b.at_end(own);
        if of_program || may_be {
            for (to, name) in wanted {
                let value = self.context_word(X86_64.offset(name));
                self.b.store(self.b.offset(state, to), value, 8);
            }
        }
        self.b.jump(done);
        self.b.at_end(entry);
        if !of_program {
            let task = self.helper(GET_CURRENT_TASK_BTF, &[]);
            let registers = self.helper(TASK_PT_REGS, &[task.into()]);
            for (to, name) in wanted {
                let from = self
                    .b
                    .add(registers, self.int(i64::from(X86_64.offset(name))));
                let to = Arg::Ptr(self.b.offset(state, to));
                let eight = self.int(8);
                self.helper(PROBE_READ_KERNEL, &[to, eight.into(), from.into()]);
            }
        }
        self.b.jump(done);
        self.b.at_end(done);
    }

    /// `long btc_unwind(u64 *frames, u64 *state, struct areas *areas, long bytes)`
    fn unwind_function(&mut self) -> FunctionValue<'c> {
        self.has_loop();
        let names = ["frames", "state", "areas", "bytes"];
        let pointers = [true, true, true, false];
        self.subroutine(UNWIND, &names, &pointers, |lower, function| {
            let [frames, state, areas] = [0, 1, 2].map(|i| lower.b.param_ptr(function, i));
            let bytes = lower.b.param_int(function, 3);
            let [head, body, fail, mark, end] =
                ["head", "body", "fail", "mark", "end"].map(|n| lower.b.append_block(function, n));
            let walk = Walk {
                frames,
                state,
                areas,
                fail,
            };
            let at = lower.b.alloca(8);
            lower.b.store(at, lower.int(0), 8);
            lower.b.jump(head);

            lower.b.at_end(head);
            let offset = lower.b.load(at, 8, false);
            let more = lower.b.compare(IntPredicate::ULT, offset, bytes);
            lower.b.branch(more, body, end);

            lower.b.at_end(body);
            let pc = lower.word(&walk, state::PC);
            lower.b.store(lower.b.offset_by(walk.frames, offset), pc, 8);
            lower.b.store(at, lower.b.add(offset, lower.int(8)), 8);
            // the others are where calls return to
            let first = lower.b.compare(IntPredicate::EQ, offset, lower.int(0));
            let back = lower.b.select(first, lower.int(0), lower.int(1));
            let address = lower.b.sub(pc, back);
            lower.frame(&walk, address, head, end);

            lower.b.at_end(fail);
            let offset = lower.b.load(at, 8, false);
            let room = lower.b.compare(IntPredicate::ULT, offset, bytes);
            lower.b.branch(room, mark, end);
            lower.b.at_end(mark);
            let failure = lower.int(unwind::FAILURE as i64);
            lower
                .b
                .store(lower.b.offset_by(walk.frames, offset), failure, 8);
            lower.b.store(at, lower.b.add(offset, lower.int(8)), 8);
            lower.b.jump(end);

            lower.b.at_end(end);
            lower.b.ret_value(lower.b.load(at, 8, false));
        })
    }

    /// From one frame to its caller's: goes on at `next`, or at `end` if there is none.
    fn frame(
        &mut self,
        walk: &Walk<'c>,
        address: IntValue<'c>,
        next: BasicBlock<'c>,
        end: BasicBlock<'c>,
    ) {
        let area = self.find_area(walk, address);
        let base = self.b.load(self.b.offset(area, 16), 8, false);
        let row = self.find_row(walk, area, self.b.sub(address, base));
        let field = |lower: &Self, at| lower.b.load(lower.b.offset(row, at), 4, true);
        let kind = self.b.load(self.b.offset(row, 4), 4, false);
        let (offset, saved) = (field(self, 8), field(self, 12));
        let (sp, bp) = (self.word(walk, state::SP), self.word(walk, state::BP));

        let found = self.b.block("found");
        // the CFA, and from where the saved frame pointer counts
        let (mut addresses, mut bases) = (Vec::new(), Vec::new());
        let rules = [rule::STACK, rule::FRAME, rule::AT_FRAME, rule::LINKAGE];
        for wanted in rules {
            let [this, other] = ["this", "other"].map(|n| self.b.block(n));
            let is = self
                .b
                .compare(IntPredicate::EQ, kind, self.int(i64::from(wanted)));
            self.b.branch(is, this, other);
            self.b.at_end(this);
            let cfa = match wanted {
                rule::STACK => self.b.add(sp, offset),
                rule::FRAME => self.b.add(bp, offset),
                rule::AT_FRAME => {
                    let at = self.b.add(bp, offset);
                    self.read_word(walk, at)
                }
                _ => {
                    let place = self.b.and(address, self.int(15));
                    let late = self.b.compare(IntPredicate::UGE, place, self.int(11));
                    let more = self.b.select(late, self.int(16), self.int(8));
                    self.b.add(sp, more)
                }
            };
            let here = self.b.position();
            addresses.push((cfa, here));
            bases.push((if wanted == rule::AT_FRAME { bp } else { cfa }, here));
            self.b.jump(found);
            self.b.at_end(other);
        }
        let [signal, no_signal] = ["signal", "no_signal"].map(|n| self.b.block(n));
        let is_signal = self
            .b
            .compare(IntPredicate::EQ, kind, self.int(i64::from(rule::SIGNAL)));
        self.b.branch(is_signal, signal, no_signal);
        self.b.at_end(no_signal);
        let is_end = self
            .b
            .compare(IntPredicate::EQ, kind, self.int(i64::from(rule::END)));
        self.b.branch(is_end, end, walk.fail);

        self.b.at_end(signal);
        let registers = [
            (state::BP, context::BP),
            (state::PC, context::PC),
            (state::SP, context::SP),
        ];
        for (to, at) in registers {
            let value = self.read_word(walk, self.b.add(sp, self.int(at)));
            self.b.store(self.b.offset(walk.state, to), value, 8);
        }
        self.b.jump(next);

        self.b.at_end(found);
        let (cfa, base) = (self.b.phi(&addresses), self.b.phi(&bases));
        let back = self.read_word(walk, self.b.sub(cfa, self.int(8)));
        let [restore, step] = ["restore", "step"].map(|n| self.b.block(n));
        let same = self
            .b
            .compare(IntPredicate::EQ, saved, self.int(i64::from(unwind::SAME)));
        self.b.branch(same, step, restore);
        self.b.at_end(restore);
        let value = self.read_word(walk, self.b.add(base, saved));
        self.b.store(self.b.offset(walk.state, state::BP), value, 8);
        self.b.jump(step);
        self.b.at_end(step);
        self.b.store(self.b.offset(walk.state, state::SP), cfa, 8);
        self.b.store(self.b.offset(walk.state, state::PC), back, 8);
        self.b.branch(back, next, end);
    }

    /// The area that holds an address.
    fn find_area(&mut self, walk: &Walk<'c>, address: IntValue<'c>) -> PointerValue<'c> {
        let function = self.area_search();
        let index = self.b.call(function, &[address.into()]);
        let area = self.area(walk.areas, index);
        let start = self.b.load(area, 8, false);
        let end = self.b.load(self.b.offset(area, 8), 8, false);
        let [after, inside] = ["after", "inside"].map(|n| self.b.block(n));
        let before = self.b.compare(IntPredicate::ULT, address, start);
        self.b.branch(before, walk.fail, after);
        self.b.at_end(after);
        let below = self.b.compare(IntPredicate::ULT, address, end);
        self.b.branch(below, inside, walk.fail);
        self.b.at_end(inside);
        area
    }

    /// Of that number, which the verifier sees to be within bounds.
    fn area(&self, areas: PointerValue<'c>, index: IntValue<'c>) -> PointerValue<'c> {
        let bounded = self
            .b
            .and(index, self.int(i64::from(unwind::MAX_AREAS - 1)));
        let bytes = self.b.mul(bounded, self.int(i64::from(unwind::AREA_SIZE)));
        self.b.offset_by(self.b.offset(areas, 8), bytes)
    }

    /// The areas of the current process, or null.
    fn areas(&mut self) -> PointerValue<'c> {
        let pid = self.b.alloca(8);
        let process = self.process_id();
        self.b.store(pid, process, 4);
        let map = self.own_map(unwind::AREAS_MAP).as_pointer_value();
        self.helper_ptr(MAP_LOOKUP_ELEM, &[Arg::Ptr(map), Arg::Ptr(pid)])
    }

    /// `long btc_unwind_area(u64 address)`: the number of the last area of the process that does not begin behind the address, or 0.
    fn area_search(&mut self) -> FunctionValue<'c> {
        self.global_subroutine(AREA_SEARCH, &["address"], |lower, function| {
            let address = lower.b.param_int(function, 0);
            let areas = lower.areas();
            let [some, none] = ["some", "none"].map(|n| lower.b.append_block(function, n));
            lower.b.branch_null(areas, none, some);
            lower.b.at_end(none);
            lower.b.ret(0);
            lower.b.at_end(some);
            let count = lower.b.load(areas, 8, false);
            let search = Search::new(lower, function, unwind::MAX_AREAS);
            search.build(lower, |lower, candidate, [taken, next]| {
                let there = lower.b.append_block(function, "there");
                let exists = lower.b.compare(IntPredicate::ULT, candidate, count);
                lower.b.branch(exists, there, next);
                lower.b.at_end(there);
                let start = lower.b.load(lower.area(areas, candidate), 8, false);
                let before = lower.b.compare(IntPredicate::ULE, start, address);
                lower.b.branch(before, taken, next);
            });
            lower.b.ret_value(lower.b.load(search.at, 8, false));
        })
    }

    /// The last row of an area's file that does not begin behind the address.
    fn find_row(
        &mut self,
        walk: &Walk<'c>,
        area: PointerValue<'c>,
        address: IntValue<'c>,
    ) -> PointerValue<'c> {
        let file = self.b.offset(area, 24);
        let number = self.b.load(file, 4, false);
        let rows = self.b.load(self.b.offset(area, 28), 4, false);
        let function = self.row_search();
        let args = [number.into(), rows.into(), address.into()];
        let index = self.b.call(function, &args);
        let at = self.b.offset(walk.state, state::WORD);
        self.b.store(at, index, 8);
        let [some, found, good] = ["some", "found", "good"].map(|n| self.b.block(n));
        let table = self.rows(file);
        self.b.branch_null(table, walk.fail, some);
        self.b.at_end(some);
        let row = self.helper_ptr(MAP_LOOKUP_ELEM, &[Arg::Ptr(table), Arg::Ptr(at)]);
        self.b.branch_null(row, walk.fail, found);
        self.b.at_end(found);
        let start = self.b.load(row, 4, false);
        let before = self.b.compare(IntPredicate::ULE, start, address);
        self.b.branch(before, good, walk.fail);
        self.b.at_end(good);
        row
    }

    /// The rows of the file whose number lies there, or null.
    fn rows(&mut self, file: PointerValue<'c>) -> PointerValue<'c> {
        let map = self.own_map(unwind::FILES_MAP).as_pointer_value();
        self.helper_ptr(MAP_LOOKUP_ELEM, &[Arg::Ptr(map), Arg::Ptr(file)])
    }

    /// `long btc_unwind_row(u64 file, u64 rows, u64 address)`: the number of the last row that does not begin behind the address, or 0.
    fn row_search(&mut self) -> FunctionValue<'c> {
        let names = ["file", "rows", "address"];
        self.global_subroutine(ROW_SEARCH, &names, |lower, function| {
            let [number, rows, address] = [0, 1, 2].map(|i| lower.b.param_int(function, i));
            let file = lower.b.alloca(8);
            lower.b.store(file, number, 8);
            let table = lower.rows(file);
            let [some, none] = ["some", "none"].map(|n| lower.b.append_block(function, n));
            lower.b.branch_null(table, none, some);
            lower.b.at_end(none);
            lower.b.ret(0);
            lower.b.at_end(some);
            let search = Search::new(lower, function, unwind::MAX_ROWS);
            search.build(lower, |lower, candidate, [taken, next]| {
                let [there, test] = ["there", "test"].map(|n| lower.b.append_block(function, n));
                let exists = lower.b.compare(IntPredicate::ULT, candidate, rows);
                lower.b.branch(exists, there, next);
                lower.b.at_end(there);
                let key = Arg::Ptr(search.candidate);
                let row = lower.helper_ptr(MAP_LOOKUP_ELEM, &[Arg::Ptr(table), key]);
                lower.b.branch_null(row, next, test);
                lower.b.at_end(test);
                let start = lower.b.load(row, 4, false);
                let before = lower.b.compare(IntPredicate::ULE, start, address);
                lower.b.branch(before, taken, next);
            });
            lower.b.ret_value(lower.b.load(search.at, 8, false));
        })
    }

    fn word(&self, walk: &Walk<'c>, at: u32) -> IntValue<'c> {
        self.b.load(self.b.offset(walk.state, at), 8, false)
    }

    /// A word of the program's memory.
    fn read_word(&mut self, walk: &Walk<'c>, address: IntValue<'c>) -> IntValue<'c> {
        let to = self.b.offset(walk.state, state::WORD);
        let eight = self.int(8);
        let status = self.helper(
            PROBE_READ_USER,
            &[Arg::Ptr(to), eight.into(), address.into()],
        );
        let read = self.b.block("read");
        self.b.branch(status, walk.fail, read);
        self.b.at_end(read);
        self.b.load(to, 8, false)
    }
}
