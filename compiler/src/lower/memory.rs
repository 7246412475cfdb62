//! Values that do not fit in a register: strings, tuples, stacks, arrays. They are written to where they are wanted.

use bt_abi::Type;

use inkwell::IntPredicate;

use super::Lower;
use crate::llvm::PointerValue;
use crate::llvm::helper::PROBE_READ_KERNEL_STR;
use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

/// bpftrace reads one byte more than `max_strlen` if that is below this, and so sees that a string is longer.
const CUTS_SHOWN_BELOW: u32 = 1024;

/// Strings up to this size are copied whole; longer ones only up to their end.
const COPY_WHOLE: u32 = 64;

impl<'c> Lower<'c, '_> {
    /// Writes a value to memory, laid out as `target`, which holds values of the expression's type.
    ///
    /// `clean`: the memory is zero, and what the value does not cover must stay so, since all bytes count (map keys).
    pub fn store(&mut self, expr: &Expr, to: PointerValue<'c>, target: &Type, clean: bool) {
        let around = std::mem::replace(&mut self.program.at, expr.span);
        self.store_value(expr, to, target, clean);
        self.program.at = around;
    }

    fn store_value(&mut self, expr: &Expr, to: PointerValue<'c>, target: &Type, clean: bool) {
        if expr.ty.is_scalar() {
            if let ExprKind::Read(place) = &expr.kind
                && expr.ty.size() == target.size()
                && self.read_straight(place, to, target.size())
            {
                return;
            }
            let value = self.scalar(expr);
            self.b.store(to, value, target.size());
            return;
        }
        match (&expr.kind, target) {
            (ExprKind::Str(bytes), Type::String { size }) => self.store_literal(bytes, to, *size),
            // Bytes of an integer, or of a string, as an array.
            // A string with more room.
            (ExprKind::Cast(operand), Type::String { .. }) => {
                self.store(operand, to, target, clean);
            }
            (ExprKind::Cast(operand), Type::Array { .. }) => {
                if operand.ty.is_scalar() {
                    let value = self.scalar(operand);
                    self.b.store(to, value, target.size().min(8));
                } else {
                    let from = self.memory(operand);
                    self.copy(to, from, target.size().min(operand.ty.size()));
                }
            }
            (ExprKind::Tuple(items), Type::Struct { fields, .. }) => {
                let Ty::Named(own) = &expr.ty else { return };
                // Evaluated in the order of the script; the target's fields may stand in another.
                for (item, (name, _)) in items.iter().zip(own) {
                    let Some(field) = fields.iter().find(|f| f.name == *name) else {
                        continue;
                    };
                    let at = self.b.offset(to, field.offset);
                    self.store(item, at, &field.ty, clean);
                }
            }
            (ExprKind::Tuple(items), Type::Tuple { fields, .. }) => {
                for (item, field) in items.iter().zip(fields) {
                    let at = self.b.offset(to, field.offset);
                    self.store(item, at, &field.ty, clean);
                }
            }
            (
                ExprKind::Ternary {
                    cond,
                    then,
                    otherwise,
                },
                _,
            ) => {
                let cond = self.scalar(cond);
                let [then_block, else_block, done] =
                    ["then", "else", "done"].map(|name| self.b.block(name));
                self.b.branch(cond, then_block, else_block);
                for (block, side) in [(then_block, then), (else_block, otherwise)] {
                    self.b.at_end(block);
                    self.sometimes(|lower| lower.store(side, to, target, clean));
                    self.b.jump(done);
                }
                self.b.at_end(done);
            }
            (ExprKind::Block { stmts, value }, _) => self.sometimes(|lower| {
                lower.stmts(stmts);
                lower.store(value, to, target, clean);
            }),
            (ExprKind::Read(place), Type::String { size }) => {
                self.read_text(place, to, expr.ty.size().min(*size))
            }
            (ExprKind::Read(place), _) => match &expr.ty {
                Ty::Value(record, layout) => self.read_struct(place, *record, to, layout.size()),
                _ => self.read_bytes(place, to, target.size()),
            },
            (ExprKind::Builtin(builtin), _) => builtin.lower_into(self, expr, to),
            (ExprKind::Call(call), _) => call.function.lower_into(self, call, to, target.size()),
            (
                ExprKind::Var(_)
                | ExprKind::Slot(_)
                | ExprKind::SlotTail { .. }
                | ExprKind::TupleField { .. }
                | ExprKind::MapGet { .. },
                _,
            ) => {
                let from = self.memory(expr);
                self.copy_value(from, &expr.ty, to, target, clean);
            }
            // Not `memory`, which would come back here.
            _ => debug_assert!(false, "no value in memory: {expr:?}"),
        }
    }

    /// Stores a value over what it may be made of: `$t = ($t.1, $t.0)`.
    pub(super) fn store_apart(&mut self, expr: &Expr, to: PointerValue<'c>, target: &Type) {
        // Other values are read before they are written, or onto themselves.
        if !matches!(target, Type::Tuple { .. } | Type::Struct { .. }) {
            self.store(expr, to, target, false);
            return;
        }
        let temp = self.temp(target.size());
        self.zero(temp, target.size());
        self.store(expr, temp, target, true);
        self.copy(to, temp, target.size());
    }

    /// The value somewhere in memory, laid out as its own type says. Must not be written to.
    pub fn memory(&mut self, expr: &Expr) -> PointerValue<'c> {
        match &expr.kind {
            ExprKind::Var(var) => self.program.vars[var.index()],
            ExprKind::Slot(slot) => self.slot(self.plan.slots[slot.index()]),
            ExprKind::SlotTail { slot, skip } => self.slot(self.plan.slots[slot.index()] + skip),
            ExprKind::TupleField { base, index } => self.tuple_field(base, *index).0,
            ExprKind::MapGet { map, key } => self.map_value(*map, key.as_deref()),
            _ => {
                let abi = expr.ty.to_abi().unwrap_or(Type::Pointer);
                let temp = self.temp(abi.size());
                self.store(expr, temp, &abi, false);
                temp
            }
        }
    }

    /// Where a field of a tuple lies, and its layout.
    pub(super) fn tuple_field(&mut self, base: &Expr, index: u32) -> (PointerValue<'c>, Type) {
        let from = self.memory(base);
        match base.ty.to_abi() {
            Some(Type::Tuple { fields, .. }) => {
                let field = &fields[index as usize];
                (self.b.offset(from, field.offset), field.ty.clone())
            }
            Some(Type::Struct { fields, .. }) => {
                let field = &fields[index as usize];
                (self.b.offset(from, field.offset), field.ty.clone())
            }
            _ => (from, Type::Pointer),
        }
    }

    /// Copies a value to a layout that may be wider.
    pub(super) fn copy_value(
        &mut self,
        from: PointerValue<'c>,
        ty: &Ty,
        to: PointerValue<'c>,
        target: &Type,
        clean: bool,
    ) {
        match (ty, target) {
            (Ty::Str(have), Type::String { size }) => {
                self.copy_string(from, *have, to, *size, clean)
            }
            (Ty::Tuple(items), Type::Tuple { fields, .. }) => {
                let Some(Type::Tuple { fields: own, .. }) = ty.to_abi() else {
                    return;
                };
                for ((item, own), field) in items.iter().zip(&own).zip(fields) {
                    let (from, to) = (
                        self.b.offset(from, own.offset),
                        self.b.offset(to, field.offset),
                    );
                    self.copy_value(from, item, to, &field.ty, clean);
                }
            }
            (Ty::Named(items), Type::Struct { fields, .. }) => {
                let Some(Type::Struct { fields: own, .. }) = ty.to_abi() else {
                    return;
                };
                // The target's fields may stand in another order.
                for ((name, item), own) in items.iter().zip(&own) {
                    let Some(field) = fields.iter().find(|f| f.name == *name) else {
                        continue;
                    };
                    let from = self.b.offset(from, own.offset);
                    let to = self.b.offset(to, field.offset);
                    self.copy_value(from, item, to, &field.ty, clean);
                }
            }
            (ty, target) if ty.is_scalar() => {
                let signed = ty.as_int().is_some_and(|i| i.signed);
                let value = self.b.load(from, ty.size(), signed);
                self.b.store(to, value, target.size());
            }
            // One buffer may be shorter than another.
            _ => self.copy(to, from, ty.size().min(target.size())),
        }
    }

    fn copy_string(
        &mut self,
        from: PointerValue<'c>,
        have: u32,
        to: PointerValue<'c>,
        size: u32,
        clean: bool,
    ) {
        let length = have.min(size);
        let last = length - 1;
        if length <= COPY_WHOLE && !clean && have <= size {
            self.copy(to, from, length);
            return;
        }
        let length = self.int(i64::from(length));
        let copied = self.helper(
            PROBE_READ_KERNEL_STR,
            &[to.into(), length.into(), from.into()],
        );
        if have <= size && self.shows_cuts(have) {
            // The helper has put a NUL where a string that was cut has its last byte.
            let full = self.b.compare(IntPredicate::EQ, copied, length);
            let [more, done] = ["more", "done"].map(|name| self.b.block(name));
            self.b.branch(full, more, done);
            self.b.at_end(more);
            let byte = self.b.load(self.b.offset(from, last), 1, false);
            self.b.store(self.b.offset(to, last), byte, 1);
            self.b.jump(done);
            self.b.at_end(done);
        }
    }

    /// Bytes of strings for which the script gives no length.
    pub fn max_strlen(&self) -> u32 {
        self.script.config.max_strlen
    }

    /// Whether strings of this size have no NUL if they were cut: bpftrace's of `max_strlen`, if that is below 1024.
    pub fn shows_cuts(&self, size: u32) -> bool {
        size == self.script.config.max_strlen && size < CUTS_SHOWN_BELOW
    }

    /// The bytes and their NUL, by words.
    fn store_literal(&mut self, bytes: &[u8], to: PointerValue<'c>, size: u32) {
        let mut text = bytes.to_vec();
        text.truncate(size.saturating_sub(1) as usize);
        text.push(0);
        let mut at = 0;
        while at < text.len() {
            let rest = text.len() - at;
            let width = if rest > 4 { 8 } else { [1, 1, 2, 4, 4][rest] };
            // Buffers of whole words are aligned; a word may reach past the end of the text in them.
            let width = if size.is_multiple_of(8) { width } else { 1 };
            let mut word = [0; 8];
            let used = rest.min(width);
            word[..used].copy_from_slice(&text[at..at + used]);
            let place = self.b.offset(to, at as u32);
            self.b
                .store(place, self.int(i64::from_le_bytes(word)), width as u32);
            at += width;
        }
    }
}
