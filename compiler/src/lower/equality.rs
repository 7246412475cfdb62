//! Comparing values that do not fit in a register: arrays, buffers, tuples and records, part by part.

use inkwell::IntPredicate;

use super::Lower;
use crate::llvm::builder::Arg;
use crate::llvm::{IntValue, PointerValue};
use crate::typed::Expr;
use crate::types::{Printed, Ty};

/// The subprograms that compare memory.
const BYTES: &str = "btc_differ";
const WORDS: &str = "btc_differ_by_words";

/// Up to this size, bytes are compared by words, in place.
const INLINE: u32 = 64;

impl<'c> Lower<'c, '_> {
    /// 1 if two values that the checker found comparable are equal, the other way round if `negate`.
    pub(super) fn equal(&mut self, left: &Expr, right: &Expr, negate: bool) -> IntValue<'c> {
        let equal = match (&left.ty, &right.ty) {
            (Ty::Str(_), Ty::Str(_)) => return self.strings_equal(left, right, negate),
            _ => {
                let (a, b) = self.both_in_memory(left, right);
                self.same(a, &left.ty, b, &right.ty)
            }
        };
        match negate {
            true => self.b.xor(equal, self.int(1)),
            false => equal,
        }
    }

    /// The addresses of two values, the left one safe from what evaluating the right one changes.
    pub fn both_in_memory(
        &mut self,
        left: &Expr,
        right: &Expr,
    ) -> (PointerValue<'c>, PointerValue<'c>) {
        let mut a = self.memory(left);
        if !right.is_pure() {
            let size = left.ty.size();
            let copy = self.temp(size);
            self.copy(copy, a, size);
            a = copy;
        }
        (a, self.memory(right))
    }

    fn same(
        &mut self,
        a: PointerValue<'c>,
        a_ty: &Ty,
        b: PointerValue<'c>,
        b_ty: &Ty,
    ) -> IntValue<'c> {
        match (a_ty, b_ty) {
            (Ty::Str(have), Ty::Str(other)) => {
                let length = *have.min(other);
                let function = self.streq(length);
                let length = self.int(i64::from(length));
                let args = [Arg::Ptr(a), Arg::Ptr(b), Arg::Int(length)];
                self.b.call(function, &args)
            }
            (Ty::Tuple(_) | Ty::Named(_), _) => self.same_parts(a, a_ty, b, b_ty),
            // The length counts, and what lies behind it is zero in both or cut.
            (Ty::Printed(Printed::Buffer(x)), Ty::Printed(Printed::Buffer(y))) => {
                self.same_buffers(a, b, *x.min(y))
            }
            _ if a_ty.is_scalar() => {
                let load = |at, ty: &Ty| {
                    let signed = ty.as_int().is_some_and(|i| i.signed);
                    self.b.load(at, ty.size(), signed)
                };
                let (x, y) = (load(a, a_ty), load(b, b_ty));
                self.b.compare(IntPredicate::EQ, x, y)
            }
            _ if a_ty.size() <= INLINE => self.same_words(a, b, a_ty),
            _ => {
                let most = a_ty.size().min(b_ty.size());
                let size = self.int(i64::from(most));
                let words = a_ty.to_abi().is_some_and(|abi| abi.align() == 8);
                let difference = self.difference(a, b, size, most, words);
                self.b.compare(IntPredicate::EQ, difference, self.int(0))
            }
        }
    }

    /// As many bytes at once as the type is aligned to.
    fn same_words(&mut self, a: PointerValue<'c>, b: PointerValue<'c>, ty: &Ty) -> IntValue<'c> {
        let width = ty.to_abi().map_or(1, |abi| abi.align());
        let mut difference = self.int(0);
        for at in (0..ty.size()).step_by(width as usize) {
            let [x, y] = [a, b].map(|from| self.b.load(self.b.offset(from, at), width, false));
            let differing = self.b.xor(x, y);
            difference = self.b.or(difference, differing);
        }
        self.b.compare(IntPredicate::EQ, difference, self.int(0))
    }

    fn same_parts(
        &mut self,
        a: PointerValue<'c>,
        a_ty: &Ty,
        b: PointerValue<'c>,
        b_ty: &Ty,
    ) -> IntValue<'c> {
        let mut equal = self.int(1);
        let others = parts(b_ty);
        for (index, (name, offset, ty)) in parts(a_ty).into_iter().enumerate() {
            let other = match name {
                Some(_) => others.iter().find(|(other, ..)| *other == name),
                None => others.get(index),
            };
            let Some((_, other_offset, other_ty)) = other else {
                continue;
            };
            let (x, y) = (self.b.offset(a, offset), self.b.offset(b, *other_offset));
            let part = self.same(x, ty, y, other_ty);
            equal = self.b.and(equal, part);
        }
        equal
    }

    fn same_buffers(
        &mut self,
        a: PointerValue<'c>,
        b: PointerValue<'c>,
        capacity: u32,
    ) -> IntValue<'c> {
        let (x, y) = (self.b.load(a, 4, false), self.b.load(b, 4, false));
        let same_length = self.b.compare(IntPredicate::EQ, x, y);
        let most = self.int(i64::from(capacity));
        let fits = self.b.compare(IntPredicate::ULT, x, most);
        let length = self.b.select(fits, x, most);
        let (a, b) = (self.b.offset(a, 4), self.b.offset(b, 4));
        let difference = self.difference(a, b, length, capacity, false);
        let same_bytes = self.b.compare(IntPredicate::EQ, difference, self.int(0));
        self.b.and(same_length, same_bytes)
    }

    /// 0 if two areas have the same bytes; `size` is at most `most`, a fact that old verifiers forget on the way. All are looked at: with a way out of the loop in each step, the verifier of old kernels loses
    /// itself.
    fn difference(
        &mut self,
        a: PointerValue<'c>,
        b: PointerValue<'c>,
        size: IntValue<'c>,
        most: u32,
        words: bool,
    ) -> IntValue<'c> {
        self.has_loop();
        let (name, step) = if words { (WORDS, 8) } else { (BYTES, 1) };
        let pointers = [true, true, false, false];
        let build = |lower: &mut Self, function| {
            let (a, b) = (
                lower.b.param_ptr(function, 0),
                lower.b.param_ptr(function, 1),
            );
            let (n, most) = (
                lower.b.param_int(function, 2),
                lower.b.param_int(function, 3),
            );
            let fits = lower.b.compare(IntPredicate::ULT, n, most);
            let n = lower.b.select(fits, n, most);
            let [head, body, end] =
                ["head", "body", "end"].map(|name| lower.b.append_block(function, name));
            let [index, found] = [8, 8].map(|size| lower.b.alloca(size));
            lower.b.store(index, lower.int(0), 8);
            lower.b.store(found, lower.int(0), 8);
            lower.b.jump(head);
            lower.b.at_end(head);
            let at = lower.b.load(index, 8, false);
            let more = lower.b.compare(IntPredicate::ULT, at, n);
            lower.b.branch(more, body, end);
            lower.b.at_end(body);
            let [x, y] = [a, b].map(|from| lower.b.load(lower.b.offset_by(from, at), step, false));
            let so_far = lower.b.load(found, 8, false);
            let differing = lower.b.or(so_far, lower.b.xor(x, y));
            lower.b.store(found, differing, 8);
            let next = lower.b.add(at, lower.int(i64::from(step)));
            lower.b.store(index, next, 8);
            lower.b.jump(head);
            lower.b.at_end(end);
            let result = lower.b.load(found, 8, false);
            lower.b.ret_value(result);
        };
        let function = self.subroutine(name, &["a", "b", "n", "most"], &pointers, build);
        let most = self.int(i64::from(most));
        let args = [Arg::Ptr(a), Arg::Ptr(b), Arg::Int(size), Arg::Int(most)];
        self.b.call(function, &args)
    }
}

/// Names (of records), offsets and types of the parts of a tuple or record.
fn parts(ty: &Ty) -> Vec<(Option<&str>, u32, &Ty)> {
    let offsets: Vec<u32> = match ty.to_abi() {
        Some(bt_abi::Type::Tuple { fields, .. }) => fields.iter().map(|f| f.offset).collect(),
        Some(bt_abi::Type::Struct { fields, .. }) => fields.iter().map(|f| f.offset).collect(),
        _ => Vec::new(),
    };
    let parts: Vec<(Option<&str>, &Ty)> = match ty {
        Ty::Tuple(items) => items.iter().map(|ty| (None, ty)).collect(),
        Ty::Named(fields) => fields
            .iter()
            .map(|(name, ty)| (Some(name.as_str()), ty))
            .collect(),
        _ => Vec::new(),
    };
    let with_offset = parts.into_iter().zip(offsets);
    with_offset
        .map(|((name, ty), offset)| (name, offset, ty))
        .collect()
}
