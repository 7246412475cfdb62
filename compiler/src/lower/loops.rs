//! Loops.
//!
//! Short ranges and `while` are loops in the program, which every kernel since 5.3 verifies step by step. Other ranges and loops over maps
//! are callbacks of `bpf_loop` and `bpf_for_each_map_elem`. A callback reaches what it uses of its program through one array of
//! pointers on the stack, the frame.

use std::collections::BTreeSet;

use inkwell::IntPredicate;

use super::Lower;
use super::known::Known;
use super::program::{Around, State};
use crate::llvm::builder::Arg;
use crate::llvm::helper::{FOR_EACH_MAP_ELEM, LOOP};
use crate::llvm::{FunctionValue, IntValue, PointerValue};
use crate::typed::visit::{self, Node};
use crate::typed::{Expr, ExprKind, MapId, Stmt, VarId};
use crate::types::Ty;

/// Ranges of so many steps are loops in the program.
const INLINE_STEPS: i64 = 64;

/// Of loops within loops together: the verifier walks through each step.
const NESTED_STEPS: i64 = 1024;

/// What `bpf_loop` takes (`BPF_MAX_LOOPS`).
const MAX_STEPS: i64 = 1 << 23;

/// Words of the frame: the context, the scratch memory, whether the program ends, the start of a range; then the variables.
const CONTEXT: u32 = 0;
const SCRATCH: u32 = 8;
const LEFT: u32 = 16;
const START: u32 = 24;
const VARS: u32 = 32;

/// What a callback gets, and in which parameter.
enum Element {
    /// `bpf_loop`: the index; the frame is the second parameter.
    Index,
    /// `bpf_for_each_map_elem`: map, key, value; the frame is the fourth.
    Entry(MapId),
}

impl<'c, 's> Lower<'c, 's> {
    pub(super) fn while_loop(&mut self, cond: &Expr, body: &[Stmt]) {
        self.has_loop();
        let [head, inside, done] = ["head", "inside", "done"].map(|name| self.b.block(name));
        self.b.jump(head);
        self.b.at_end(head);
        let mark = self.program.temporaries.mark();
        let cond = self.scalar(cond);
        self.program.temporaries.release(mark);
        self.b.branch(cond, inside, done);
        self.b.at_end(inside);
        self.loop_body(body, Around { next: head, done });
        self.b.jump(head);
        self.b.at_end(done);
    }

    fn loop_body(&mut self, body: &[Stmt], around: Around<'c>) {
        let outer = self.program.around.replace(around);
        self.stmts(body);
        self.program.around = outer;
    }

    pub(super) fn for_range(&mut self, var: VarId, start: &Expr, end: &Expr, body: &[Stmt]) {
        if let (Some(from), Some(to)) = (start.flexible_int(), end.flexible_int())
            && to.saturating_sub(from) <= INLINE_STEPS
            && self.program.steps.max(1) * to.saturating_sub(from).max(1) <= NESTED_STEPS
        {
            self.range_inline(var, from, to, body);
            return;
        }
        let start = self.scalar(start);
        let end = self.scalar(end);
        let steps = self.b.sub(end, start);
        let empty = self.b.compare(IntPredicate::SGE, start, end);
        let steps = self.b.select(empty, self.int(0), steps);
        let most = self.int(MAX_STEPS);
        let many = self.b.compare(IntPredicate::UGT, steps, most);
        let steps = self.b.select(many, most, steps);
        self.with_callback(
            Element::Index,
            var,
            body,
            Some(start),
            |lower, function, frame| {
                let callback = function.as_global_value().as_pointer_value();
                let flags = lower.int(0);
                lower.helper(
                    LOOP,
                    &[
                        steps.into(),
                        Arg::Ptr(callback),
                        Arg::Ptr(frame),
                        flags.into(),
                    ],
                );
            },
        );
    }

    fn range_inline(&mut self, var: VarId, from: i64, to: i64, body: &[Stmt]) {
        self.has_loop();
        let storage = self.program.vars[var.index()];
        // The script may change its variable; the loop counts on its own.
        let counter = self.b.alloca(8);
        self.b.store(counter, self.int(from), 8);
        let [head, inside, next, done] =
            ["head", "inside", "next", "done"].map(|name| self.b.block(name));
        self.b.jump(head);
        self.b.at_end(head);
        let at = self.b.load(counter, 8, true);
        let more = self.b.compare(IntPredicate::SLT, at, self.int(to));
        self.b.branch(more, inside, done);
        self.b.at_end(inside);
        self.b.store(storage, at, 8);
        let outer = self.program.steps;
        self.program.steps = outer.max(1) * (to - from).max(1);
        self.loop_body(body, Around { next, done });
        self.program.steps = outer;
        self.b.jump(next);
        self.b.at_end(next);
        let at = self.b.load(counter, 8, true);
        self.b.store(counter, self.b.add(at, self.int(1)), 8);
        self.b.jump(head);
        self.b.at_end(done);
    }

    pub(super) fn for_map(&mut self, var: VarId, map: MapId, body: &[Stmt]) {
        let global = self.map_global(map);
        self.with_callback(
            Element::Entry(map),
            var,
            body,
            None,
            |lower, function, frame| {
                let callback = function.as_global_value().as_pointer_value();
                let flags = lower.int(0);
                let args = [
                    Arg::Ptr(global),
                    Arg::Ptr(callback),
                    Arg::Ptr(frame),
                    flags.into(),
                ];
                lower.helper(FOR_EACH_MAP_ELEM, &args);
            },
        );
    }

    /// The number of entries: how often a callback that does nothing is called.
    pub fn map_length(&mut self, map: MapId) -> IntValue<'c> {
        let names = ["map", "key", "value", "frame"];
        let function = self.subroutine("btc_entry", &names, &[true; 4], |lower, _| {
            lower.b.ret(0);
        });
        let callback = function.as_global_value().as_pointer_value();
        let frame = self.b.alloca(8);
        let flags = self.int(0);
        let args = [
            Arg::Ptr(self.map_global(map)),
            Arg::Ptr(callback),
            Arg::Ptr(frame),
            flags.into(),
        ];
        self.helper(FOR_EACH_MAP_ELEM, &args)
    }

    /// Builds the callback of a loop, fills its frame, has it called, and ends the program if the body said so.
    fn with_callback(
        &mut self,
        element: Element,
        var: VarId,
        body: &[Stmt],
        start: Option<IntValue<'c>>,
        call: impl FnOnce(&mut Self, FunctionValue<'c>, PointerValue<'c>),
    ) {
        let used: Vec<VarId> = used_variables(body)
            .into_iter()
            .filter(|v| *v != var)
            .collect();
        let (function, uses_scratch, leaves) = self.callback(element, var, &used, body);
        let frame = self.b.alloca(VARS + 8 * used.len() as u32);
        let word = |lower: &Self, at| lower.b.offset(frame, at);
        let context = self.context();
        self.b.store_ptr(word(self, CONTEXT), context);
        if uses_scratch {
            let base = self.scratch_base();
            let memory = self.b.load_ptr(base);
            self.b.store_ptr(word(self, SCRATCH), memory);
        }
        self.b.store(word(self, LEFT), self.int(0), 8);
        if let Some(start) = start {
            self.b.store(word(self, START), start, 8);
        }
        for (index, used) in used.iter().enumerate() {
            let storage = self.program.vars[used.index()];
            self.forget(*used, storage);
            self.b
                .store_ptr(word(self, VARS + 8 * index as u32), storage);
        }
        call(self, function, frame);
        if leaves {
            let [leave, stay] = ["leave", "stay"].map(|name| self.b.block(name));
            let left = self.b.load(word(self, LEFT), 8, false);
            self.b.branch(left, leave, stay);
            self.b.at_end(leave);
            let value = self.b.shr(left, self.int(1), true);
            self.leave_with(value);
            self.b.jump(stay);
            self.b.at_end(stay);
        }
    }

    /// Hides a variable's value from the verifier. It walks through a callback again and again until nothing changes, and a counter
    /// that it knows would change forever.
    fn forget(&mut self, var: VarId, storage: PointerValue<'c>) {
        if self.probe().vars[var.index()].ty.is_scalar() {
            let zero = self.opaque_zero();
            let value = self.b.load(storage, 8, true);
            self.b.store(storage, self.b.add(value, zero), 8);
        }
    }

    /// The callback: 0 goes on, 1 ends the loop. Says whether it uses the scratch memory, and whether it may end the program.
    fn callback(
        &mut self,
        element: Element,
        var: VarId,
        used: &[VarId],
        body: &[Stmt],
    ) -> (FunctionValue<'c>, bool, bool) {
        let (names, pointers): (&[&str], &[bool]) = match element {
            Element::Index => (&["index", "frame"], &[false, true]),
            Element::Entry(_) => (&["map", "key", "value", "frame"], &[true; 4]),
        };
        self.own.callbacks += 1;
        let name = format!("btc_loop_{}", self.own.callbacks);
        let mut state = State::default();
        let function = self.subroutine(&name, names, pointers, |lower, function| {
            let frame = lower.b.param_ptr(function, names.len() as u32 - 1);
            let [next, done] = ["next", "done"].map(|name| lower.b.append_block(function, name));
            let outer = lower.enter_callback(frame, used, Around { next, done });
            lower.set_element(&element, function, frame, var);
            lower.stmts(body);
            lower.b.jump(next);
            lower.b.at_end(next);
            lower.b.ret(0);
            lower.b.at_end(done);
            lower.b.ret(1);
            state = std::mem::replace(&mut lower.program, outer);
        });
        self.program.temporaries.include(&state.temporaries);
        (function, state.temporaries.uses_scratch(), state.leaves)
    }

    /// Everything that belongs to the function changes to the callback's; the program's own state is given back.
    fn enter_callback(
        &mut self,
        frame: PointerValue<'c>,
        used: &[VarId],
        around: Around<'c>,
    ) -> State<'c, 's> {
        let word = |lower: &Self, at: u32| lower.b.offset(frame, at);
        let context = self.b.load_ptr(word(self, CONTEXT));
        let base = self.b.alloca_ptr();
        let memory = self.b.load_ptr(word(self, SCRATCH));
        self.b.store_ptr(base, memory);
        let mut vars = self.program.vars.clone();
        for (index, var) in used.iter().enumerate() {
            vars[var.index()] = self.b.load_ptr(word(self, VARS + 8 * index as u32));
        }
        let state = State {
            kind: self.program.kind,
            role: self.program.role,
            index: self.program.index,
            probe: self.program.probe,
            context: Some(context),
            exit: Some(around.done),
            scope: self.program.scope,
            span: self.program.span,
            at: self.program.at,
            // Found in another function.
            known: Known::default(),
            objects: Vec::new(),
            vars,
            temporaries: self.program.temporaries.nested(base),
            around: Some(around),
            left: Some(word(self, LEFT)),
            result: None,
            steps: 0,
            leaves: false,
        };
        std::mem::replace(&mut self.program, state)
    }

    /// Sets the loop's variable.
    fn set_element(
        &mut self,
        element: &Element,
        function: FunctionValue<'c>,
        frame: PointerValue<'c>,
        var: VarId,
    ) {
        match element {
            Element::Index => {
                let index = self.b.param_int(function, 0);
                let index = self.b.narrow(index, 4, false);
                let start = self.b.load(self.b.offset(frame, START), 8, true);
                let storage = self.b.alloca(8);
                self.b.store(storage, self.b.add(start, index), 8);
                self.program.vars[var.index()] = storage;
            }
            Element::Entry(map) => {
                let ty = self.probe().vars[var.index()].ty.clone();
                let Some(bt_abi::Type::Tuple { size, fields }) = ty.to_abi() else {
                    return;
                };
                let storage = self.permanent(size);
                let plan = &self.plan.maps[map.index()];
                let key = self.b.param_ptr(function, 1);
                let value = self.b.param_ptr(function, 2);
                let sizes = [plan.key_size(), fields[1].ty.size()];
                let [key_at, value_at] =
                    [0, 1].map(|i: usize| self.b.offset(storage, fields[i].offset));
                self.copy(key_at, key, sizes[0]);
                match (&ty, &self.script.maps[map.index()].value) {
                    (Ty::Tuple(parts), Ty::Agg(_)) => {
                        let scalar = self.stored_scalar(*map, value, &parts[1]);
                        self.b.store(value_at, scalar, 8);
                    }
                    _ => self.copy(value_at, value, sizes[1]),
                }
                self.program.vars[var.index()] = storage;
            }
        }
    }
}

/// The variables that statements read or set.
fn used_variables(body: &[Stmt]) -> BTreeSet<VarId> {
    let mut used = BTreeSet::new();
    visit::stmts(body, &mut |node| match node {
        Node::SetVar(var) => {
            used.insert(var);
        }
        Node::Expr(expr) => {
            if let ExprKind::Var(var) | ExprKind::IncDecVar { var, .. } = &expr.kind {
                used.insert(*var);
            }
        }
        Node::Call(..) | Node::Place(..) | Node::Field(..) | Node::SetMap(_) | Node::Entries(_) => {
        }
    });
    used
}
