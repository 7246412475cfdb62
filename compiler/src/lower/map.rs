//! Maps: look-ups, updates, counts.
//!
//! A map without a key is an array of one entry: its look-up is a few instructions, not a call, on every kernel. A word behind the
//! value says that the script has assigned to it.

use bt_abi::Type;
use bt_grammar::ast::BinaryOp;

use super::Lower;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{MAP_DELETE_ELEM, MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM};
use crate::llvm::{IntValue, PointerValue};
use crate::typed::{Call, Expr, ExprKind, MapId, VarId};
use crate::types::{Agg, Ty};

/// `BPF_ANY` and `BPF_NOEXIST` of the map update helper.
const ANY: i64 = 0;
const NO_EXIST: i64 = 1;

/// First values up to this size are zeroed on the stack, larger ones come from a constant.
const SMALL_VALUE: u32 = 64;

impl<'c> Lower<'c, '_> {
    fn map_ptr(&self, map: MapId) -> Arg<'c> {
        Arg::Ptr(self.maps[map.index()].as_pointer_value())
    }

    /// The map itself, as an argument of a helper.
    pub(super) fn map_global(&self, map: MapId) -> PointerValue<'c> {
        self.maps[map.index()].as_pointer_value()
    }

    fn is_scalar_map(&self, map: MapId) -> bool {
        self.plan.maps[map.index()].key.is_none()
    }

    /// The key in memory.
    pub(super) fn map_key(&mut self, map: MapId, key: Option<&Expr>) -> PointerValue<'c> {
        let plan = &self.plan.maps[map.index()];
        let ptr = self.temp(plan.key_size());
        match (key, &plan.key) {
            (Some(key), Some(ty)) => {
                self.zero_what_stays(key, ptr, ty);
                self.store(key, ptr, ty, true);
            }
            _ => self.b.store(ptr, self.int(0), 4),
        }
        ptr
    }

    /// Zeroes the bytes of a layout that storing the value leaves as they are.
    fn zero_what_stays(&mut self, expr: &Expr, to: PointerValue<'c>, layout: &Type) {
        if let (ExprKind::Tuple(items), Type::Tuple { size, fields }) = (&expr.kind, layout) {
            let mut written = 0;
            for (item, field) in items.iter().zip(fields) {
                self.zero_gap(to, written, field.offset);
                let at = self.b.offset(to, field.offset);
                self.zero_what_stays(item, at, &field.ty);
                written = field.offset + field.ty.size();
            }
            self.zero_gap(to, written, *size);
            return;
        }
        // `comm` too: some kernels (6.1) write nothing behind its NUL.
        if has_holes(layout) {
            self.zero(to, layout.size());
        }
    }

    /// Zeroes what lies between two fields, by aligned words.
    fn zero_gap(&mut self, to: PointerValue<'c>, mut from: u32, end: u32) {
        while from < end {
            let fits = |width: &u32| from.is_multiple_of(*width) && from + width <= end;
            let width = [8, 4, 2].into_iter().find(fits).unwrap_or(1);
            let at = self.b.offset(to, from);
            self.b.store(at, self.int(0), width);
            from += width;
        }
    }

    pub(super) fn lookup(&mut self, map: MapId, key: PointerValue<'c>) -> PointerValue<'c> {
        let map = self.map_ptr(map);
        self.helper_ptr(MAP_LOOKUP_ELEM, &[map, Arg::Ptr(key)])
    }

    /// A scalar's value, 0 if the map has none.
    pub(super) fn map_get(&mut self, map: MapId, key: Option<&Expr>, ty: &Ty) -> IntValue<'c> {
        let found = self.entry(map, key);
        let [present, absent, done] = ["present", "absent", "done"].map(|name| self.b.block(name));
        self.b.branch_null(found, absent, present);
        self.b.at_end(absent);
        if !self.is_scalar_map(map) {
            self.count_missing();
        }
        let absent = self.b.position();
        self.b.jump(done);
        self.b.at_end(present);
        let value = self.stored_scalar(map, found, ty);
        let present = self.b.position();
        self.b.jump(done);
        self.b.at_end(done);
        self.b.phi(&[(self.int(0), absent), (value, present)])
    }

    /// The scalar in a value of the map; of an aggregation, the integer that it stands for.
    pub(super) fn stored_scalar(
        &mut self,
        map: MapId,
        at: PointerValue<'c>,
        ty: &Ty,
    ) -> IntValue<'c> {
        let signed = ty.as_int().is_some_and(|i| i.signed);
        let first = self.b.load(at, ty.size().min(8), signed);
        match &self.script.maps[map.index()].value {
            Ty::Agg(Agg::Avg { .. }) => {
                let count = self.b.load(self.b.offset(at, 8), 8, false);
                let none = self
                    .b
                    .compare(inkwell::IntPredicate::EQ, count, self.int(0));
                let count = self.b.or(count, none);
                self.quotient(false, signed, first, count)
            }
            _ => first,
        }
    }

    /// Where a value lies: in the map, or zeros if it has none.
    pub(super) fn map_value(&mut self, map: MapId, key: Option<&Expr>) -> PointerValue<'c> {
        let size = self.plan.maps[map.index()].value.size();
        let empty = self.temp(size);
        let found = self.entry(map, key);
        let before = self.b.position();
        let [absent, done] = ["absent", "done"].map(|name| self.b.block(name));
        self.b.branch_null(found, absent, done);
        self.b.at_end(absent);
        if !self.is_scalar_map(map) {
            self.count_missing();
        }
        self.zero(empty, size);
        let after = self.b.position();
        self.b.jump(done);
        self.b.at_end(done);
        self.b.phi_ptr(&[(found, before), (empty, after)])
    }

    pub(super) fn map_set(&mut self, map: MapId, key: Option<&Expr>, value: &Expr) {
        let plan = &self.plan.maps[map.index()];
        if self.is_scalar_map(map) {
            let early = value.ty.is_scalar().then(|| self.scalar(value));
            let key = self.map_key(map, None);
            let found = self.lookup(map, key);
            let [present, done] = ["present", "done"].map(|name| self.b.block(name));
            self.b.branch_null(found, done, present);
            self.b.at_end(present);
            match early {
                Some(scalar) => self.b.store(found, scalar, plan.value.size()),
                None => self.sometimes(|lower| lower.store_apart(value, found, &plan.value)),
            }
            self.mark_set(map, found);
            self.b.jump(done);
            self.b.at_end(done);
            return;
        }
        // The value first: `@x[tid] = @x[tid]++` must see the old one.
        let memory = self.temp(plan.value_size);
        if value.ty.is_scalar() {
            let scalar = self.scalar(value);
            self.b.store(memory, scalar, 8);
        } else {
            // The stack must be written before the kernel reads it, and zeros keep what lay there from other events private.
            self.zero(memory, plan.value_size);
            self.store(value, memory, &plan.value, true);
        }
        let key = self.map_key(map, key);
        let status = self.update(map, key, memory, ANY);
        self.check_status(MAP_UPDATE_ELEM, status);
    }

    fn update(
        &mut self,
        map: MapId,
        key: PointerValue<'c>,
        value: PointerValue<'c>,
        flags: i64,
    ) -> IntValue<'c> {
        let map = self.map_ptr(map);
        let flags = self.int(flags);
        let args = [map, Arg::Ptr(key), Arg::Ptr(value), flags.into()];
        self.helper(MAP_UPDATE_ELEM, &args)
    }

    fn mark_set(&mut self, map: MapId, value: PointerValue<'c>) {
        if let Some(offset) = self.plan.maps[map.index()].set_offset {
            let flag = self.b.offset(value, offset);
            self.b.store(flag, self.int(1), 8);
        }
    }

    /// Has an entry changed where it lies, after adding a zero one if there is none. One look-up if it is there.
    fn change(
        &mut self,
        map: MapId,
        key: PointerValue<'c>,
        change: impl FnOnce(&mut Self, PointerValue<'c>),
    ) {
        let found = self.lookup(map, key);
        let before = self.b.position();
        let [absent, present, done] = ["absent", "present", "done"].map(|name| self.b.block(name));
        if self.is_scalar_map(map) {
            self.b.branch_null(found, done, present);
            self.b.at_end(absent);
            self.b.jump(done);
            self.b.at_end(present);
            self.sometimes(|lower| change(lower, found));
            self.mark_set(map, found);
        } else {
            self.b.branch_null(found, absent, present);
            self.b.at_end(absent);
            let size = self.plan.maps[map.index()].value_size;
            let zeros = if size > SMALL_VALUE {
                self.zeros()
            } else {
                let temp = self.temp(size);
                self.zero(temp, size);
                temp
            };
            // Another CPU may have been first: then this fails, and the look-up finds that entry.
            let status = self.update(map, key, zeros, NO_EXIST);
            let added = self.lookup(map, key);
            let [retry, full] = ["added", "full"].map(|name| self.b.block(name));
            self.b.branch_null(added, full, retry);
            self.b.at_end(full);
            self.check_status(MAP_UPDATE_ELEM, status);
            self.b.jump(done);
            self.b.at_end(retry);
            self.b.jump(present);
            self.b.at_end(present);
            let entry = self.b.phi_ptr(&[(found, before), (added, retry)]);
            self.sometimes(|lower| change(lower, entry));
        }
        self.b.jump(done);
        self.b.at_end(done);
    }

    /// `@map[key] op= value`
    pub(super) fn map_update(
        &mut self,
        map: MapId,
        key: Option<&Expr>,
        op: BinaryOp,
        value: &Expr,
    ) {
        let operand = self.scalar(value);
        let ty = self.script.maps[map.index()].value.clone();
        let key = self.map_key(map, key);
        let (bytes, signed) = (ty.size().min(8), ty.as_int().is_some_and(|i| i.signed));
        self.change(map, key, |lower, entry| {
            let addend = match op {
                BinaryOp::Add => Some(operand),
                BinaryOp::Sub => Some(lower.b.sub(lower.int(0), operand)),
                _ => None,
            };
            match addend.filter(|_| bytes == 8) {
                Some(addend) => lower.b.atomic_add(entry, addend),
                None => {
                    let old = lower.b.load(entry, bytes, signed);
                    let new = lower.arith(op, signed, old, operand);
                    lower.b.store(entry, new, bytes);
                }
            }
        });
    }

    /// `@map[key]++` and its like: the old value, or the new one if `prefix`.
    pub(super) fn map_count(
        &mut self,
        map: MapId,
        key: Option<&Expr>,
        step: IntValue<'c>,
        prefix: bool,
    ) -> IntValue<'c> {
        let ty = self.script.maps[map.index()].value.clone();
        let key = self.map_key(map, key);
        let result = self.b.alloca(8);
        self.b.store(result, self.int(0), 8);
        let (bytes, signed) = (ty.size().min(8), ty.as_int().is_some_and(|i| i.signed));
        self.change(map, key, |lower, entry| {
            let old = lower.b.load(entry, bytes, signed);
            let new = lower.b.add(old, step);
            match bytes {
                8 => lower.b.atomic_add(entry, step),
                _ => lower.b.store(entry, new, bytes),
            }
            lower.b.store(result, if prefix { new } else { old }, 8);
        });
        self.b.load(result, 8, true)
    }

    /// `@map[key] = count()` and its like.
    pub(super) fn map_aggregate(&mut self, map: MapId, key: Option<&Expr>, call: &Call) {
        let args: Vec<IntValue> = call.args.iter().map(|a| self.scalar(a)).collect();
        let key = self.map_key(map, key);
        let value = self.script.maps[map.index()].value.clone();
        self.shared = self.script.maps[map.index()].shared;
        if !self.shared
            && !self.is_scalar_map(map)
            && let Some(words) = call.function.first(self, &args)
        {
            return self.aggregate_own(map, key, &value, call, &args, &words);
        }
        self.change(map, key, |lower, entry| {
            call.function.aggregate(lower, &value, &args, entry)
        });
    }

    /// Adds to the own CPU's value, or sets it to `words` if there is none. No other CPU writes there, so that one call does.
    fn aggregate_own(
        &mut self,
        map: MapId,
        key: PointerValue<'c>,
        value: &Ty,
        call: &Call,
        args: &[IntValue<'c>],
        words: &[IntValue<'c>],
    ) {
        let found = self.lookup(map, key);
        let [absent, present, done] = ["absent", "present", "done"].map(|name| self.b.block(name));
        self.b.branch_null(found, absent, present);
        self.b.at_end(present);
        call.function.aggregate(self, value, args, found);
        self.b.jump(done);
        self.b.at_end(absent);
        let first = self.temp(8 * words.len() as u32);
        for (index, word) in words.iter().enumerate() {
            let at = self.b.offset(first, 8 * index as u32);
            self.b.store(at, *word, 8);
        }
        let status = self.update(map, key, first, ANY);
        self.check_status(MAP_UPDATE_ELEM, status);
        self.b.jump(done);
        self.b.at_end(done);
    }

    /// 1 if there is an entry.
    pub fn map_has(&mut self, map: MapId, key: Option<&Expr>) -> IntValue<'c> {
        let key = self.map_key(map, key);
        let found = self.lookup(map, key);
        let address = self.b.to_int(found);
        self.b
            .compare(inkwell::IntPredicate::NE, address, self.int(0))
    }

    /// 1 if there is an entry; the variable then gets its value.
    pub fn map_find(&mut self, map: MapId, key: Option<&Expr>, var: VarId) -> IntValue<'c> {
        let key = self.map_key(map, key);
        let found = self.lookup(map, key);
        let before = self.b.position();
        let [present, done] = ["present", "done"].map(|name| self.b.block(name));
        self.b.branch_null(found, done, present);
        self.b.at_end(present);
        let storage = self.program.vars[var.index()];
        let ty = self.probe().vars[var.index()].ty.clone();
        let value = self.script.maps[map.index()].value.clone();
        if ty.is_scalar() {
            let stored = match &value {
                Ty::Agg(agg) => agg.read_as().unwrap_or(ty.clone()),
                value => value.clone(),
            };
            let loaded = self.stored_scalar(map, found, &stored);
            let loaded = self.fit(loaded, &ty);
            self.b.store(storage, loaded, 8);
        } else if let Some(target) = ty.to_abi() {
            self.copy_value(found, &value, storage, &target, false);
        }
        let after = self.b.position();
        self.b.jump(done);
        self.b.at_end(done);
        self.b.phi(&[(self.int(0), before), (self.int(1), after)])
    }

    /// Takes an entry away; a map without key loses its value.
    pub fn map_delete(&mut self, map: MapId, key: Option<&Expr>) -> IntValue<'c> {
        let key_ptr = self.map_key(map, key);
        if !self.is_scalar_map(map) {
            let map = self.map_ptr(map);
            let status = self.helper(MAP_DELETE_ELEM, &[map, Arg::Ptr(key_ptr)]);
            return self
                .b
                .compare(inkwell::IntPredicate::EQ, status, self.int(0));
        }
        let size = self.plan.maps[map.index()].value_size;
        let found = self.lookup(map, key_ptr);
        let [present, done] = ["present", "done"].map(|name| self.b.block(name));
        self.b.branch_null(found, done, present);
        self.b.at_end(present);
        self.zero(found, size);
        self.b.jump(done);
        self.b.at_end(done);
        self.int(1)
    }
}

/// Whether some bytes of a value may stay unwritten: behind strings, and between fields.
fn has_holes(ty: &Type) -> bool {
    match ty {
        Type::String { .. } | Type::Buffer { .. } => true,
        Type::Struct { size, fields, .. } => {
            fields.iter().map(|f| f.ty.size()).sum::<u32>() != *size
                || fields.iter().any(|f| has_holes(&f.ty))
        }
        Type::Tuple { size, fields } => {
            fields.iter().map(|f| f.ty.size()).sum::<u32>() != *size
                || fields.iter().any(|f| has_holes(&f.ty))
        }
        _ => !ty.size().is_multiple_of(8) && ty.size() > 8,
    }
}
