//! Comparing strings.

use inkwell::IntPredicate;

use super::Lower;
use crate::llvm::builder::Arg;
use crate::llvm::{FunctionValue, IntValue, PointerValue};
use crate::typed::{Expr, ExprKind};

/// The subprogram that compares two strings of unknown content.
const STREQ: &str = "btc_streq";

/// The same for long strings, sixteen bytes at a time: the verifier follows at most 8192 branches in a row.
const STREQ_WORDS: &str = "btc_streq_words";

/// Strings above this size are compared by words. They lie in maps, where words need not be aligned.
const BY_WORDS: u32 = 64;

/// Literals up to this size are compared by words, in place.
const INLINE_LITERAL: usize = 64;

impl<'c> Lower<'c, '_> {
    /// 1 if the strings are equal up to their NUL, the other way round if `negate`.
    pub(super) fn strings_equal(
        &mut self,
        left: &Expr,
        right: &Expr,
        negate: bool,
    ) -> IntValue<'c> {
        let equal = match (&left.kind, &right.kind) {
            (ExprKind::Str(a), ExprKind::Str(b)) => self.int(i64::from(a == b)),
            (ExprKind::Str(literal), _) if literal.len() < INLINE_LITERAL => {
                self.equals_literal(right, literal)
            }
            (_, ExprKind::Str(literal)) if literal.len() < INLINE_LITERAL => {
                self.equals_literal(left, literal)
            }
            _ => self.equals(left, right),
        };
        match negate {
            true => self.b.xor(equal, self.int(1)),
            false => equal,
        }
    }

    /// Compares with a literal and its NUL, eight bytes at a time.
    fn equals_literal(&mut self, expr: &Expr, literal: &[u8]) -> IntValue<'c> {
        let have = expr.ty.size() as usize;
        let text: Vec<u8> = literal.iter().copied().chain([0]).collect();
        let memory = self.memory(expr);
        if text.len() > have {
            return self.int(0);
        }
        let aligned = have.is_multiple_of(8);
        let mut difference = self.int(0);
        let mut at = 0;
        while at < text.len() {
            let rest = text.len() - at;
            let width = match rest {
                8.. if aligned => 8,
                4.. if aligned => 4,
                2.. if aligned => 2,
                _ => 1,
            };
            let mut word = [0; 8];
            word[..width].copy_from_slice(&text[at..at + width]);
            let place = self.b.offset(memory, at as u32);
            let loaded = self.b.load(place, width as u32, false);
            let differing = self.b.xor(loaded, self.int(i64::from_le_bytes(word)));
            difference = self.b.or(difference, differing);
            at += width;
        }
        self.b.compare(IntPredicate::EQ, difference, self.int(0))
    }

    fn equals(&mut self, left: &Expr, right: &Expr) -> IntValue<'c> {
        let length = left.ty.size().min(right.ty.size());
        let (a, b) = self.both_in_memory(left, right);
        let function = self.streq(length);
        let length = self.int(i64::from(length));
        self.b
            .call(function, &[Arg::Ptr(a), Arg::Ptr(b), Arg::Int(length)])
    }

    /// 1 if the first bytes of two strings are the same, up to a NUL.
    pub fn begin_alike(&mut self, left: &Expr, right: &Expr, most: u32) -> IntValue<'c> {
        let length = left.ty.size().min(right.ty.size()).min(most);
        let (a, b) = (self.memory(left), self.memory(right));
        let function = self.streq(length);
        let length = self.int(i64::from(length));
        self.b
            .call(function, &[Arg::Ptr(a), Arg::Ptr(b), Arg::Int(length)])
    }

    /// The subprogram that compares strings of which `length` bytes count.
    pub(super) fn streq(&mut self, length: u32) -> FunctionValue<'c> {
        let on_stack = self.script.config.on_stack_limit;
        match length > BY_WORDS.max(on_stack) {
            true => self.streq_words(),
            false => self.streq_bytes(),
        }
    }

    /// As [`Self::streq_bytes`], for long strings.
    fn streq_words(&mut self) -> FunctionValue<'c> {
        self.has_loop();
        let rest = self.streq_bytes();
        let pointers = [true, true, false];
        self.subroutine(
            STREQ_WORDS,
            &["a", "b", "n"],
            &pointers,
            |lower, function| {
                let b = &lower.b;
                let (x, y) = (b.param_ptr(function, 0), b.param_ptr(function, 1));
                let n = b.param_int(function, 2);
                let [head, load, next, found, tail] = ["head", "load", "next", "found", "tail"]
                    .map(|name| b.append_block(function, name));
                let index = b.alloca(8);
                b.store(index, b.int(0), 8);
                b.jump(head);

                b.at_end(head);
                let at = b.load(index, 8, false);
                let more = b.compare(IntPredicate::ULE, b.add(at, b.int(16)), n);
                b.branch(more, load, tail);

                b.at_end(load);
                let word = |from: PointerValue<'c>, by: u32| {
                    b.load(b.offset(b.offset_by(from, at), by), 8, false)
                };
                // For each word: the bits that differ, and the top bit of the first byte that is 0 (of later ones maybe).
                let [first, second] = [0, 8].map(|by| {
                    let (left, right) = (word(x, by), word(y, by));
                    let borrowed = b.sub(left, b.int(0x0101_0101_0101_0101));
                    let zeros = b.and(borrowed, b.xor(left, b.int(-1)));
                    let zeros = b.and(zeros, b.int(0x8080_8080_8080_8080_u64 as i64));
                    (b.xor(left, right), zeros)
                });
                let any = |(differs, zeros): (IntValue<'c>, IntValue<'c>)| b.or(differs, zeros);
                b.branch(b.or(any(first), any(second)), found, next);

                b.at_end(next);
                b.store(index, b.add(at, b.int(16)), 8);
                b.jump(head);

                b.at_end(found);
                let in_first = b.compare(IntPredicate::NE, any(first), b.int(0));
                let differs = b.select(in_first, first.0, second.0);
                let zeros = b.select(in_first, first.1, second.1);
                // Up to the first NUL; all bits if there is none.
                let counted = b.xor(zeros, b.sub(zeros, b.int(1)));
                let difference = b.and(differs, counted);
                b.ret_value(b.compare(IntPredicate::EQ, difference, b.int(0)));

                b.at_end(tail);
                let left = Arg::Ptr(b.offset_by(x, at));
                let right = Arg::Ptr(b.offset_by(y, at));
                b.ret_value(b.call(rest, &[left, right, Arg::Int(b.sub(n, at))]));
            },
        )
    }

    /// `long btc_streq(const char *a, const char *b, long n)`: whether both have the same bytes up to a NUL or `n`.
    fn streq_bytes(&mut self) -> FunctionValue<'c> {
        self.has_loop();
        let pointers = [true, true, false];
        self.subroutine(STREQ, &["a", "b", "n"], &pointers, |lower, function| {
            let (a, b) = (
                lower.b.param_ptr(function, 0),
                lower.b.param_ptr(function, 1),
            );
            let n = lower.b.param_int(function, 2);
            let [head, load, check_end, next, same, different] =
                ["head", "load", "check_end", "next", "same", "different"]
                    .map(|name| lower.b.append_block(function, name));
            let index = lower.b.alloca(8);
            lower.b.store(index, lower.int(0), 8);
            lower.b.jump(head);
            lower.b.at_end(head);
            let at = lower.b.load(index, 8, false);
            let more = lower.b.compare(IntPredicate::ULT, at, n);
            lower.b.branch(more, load, same);
            lower.b.at_end(load);
            let byte = |from: PointerValue<'c>| lower.b.load(lower.b.offset_by(from, at), 1, false);
            let (x, y) = (byte(a), byte(b));
            let differs = lower.b.compare(IntPredicate::NE, x, y);
            lower.b.branch(differs, different, check_end);
            lower.b.at_end(check_end);
            let ends = lower.b.compare(IntPredicate::EQ, x, lower.int(0));
            lower.b.branch(ends, same, next);
            lower.b.at_end(next);
            lower.b.store(index, lower.b.add(at, lower.int(1)), 8);
            lower.b.jump(head);
            lower.b.at_end(same);
            lower.b.ret(1);
            lower.b.at_end(different);
            lower.b.ret(0);
        })
    }
}
