//! Scalars: integers, bools and pointers, as 64-bit values that are widened as their type says.

use bt_grammar::ast::{BinaryOp, IncDecOp};
use inkwell::IntPredicate;

use super::Lower;
use bt_abi::manifest::FaultKind;

use crate::llvm::IntValue;
use crate::typed::{Expr, ExprKind};
use crate::types::Ty;

impl<'c> Lower<'c, '_> {
    /// The value of a scalar expression.
    pub fn scalar(&mut self, expr: &Expr) -> IntValue<'c> {
        let around = std::mem::replace(&mut self.program.at, expr.span);
        let value = self.scalar_value(expr);
        self.program.at = around;
        value
    }

    fn scalar_value(&mut self, expr: &Expr) -> IntValue<'c> {
        match &expr.kind {
            ExprKind::Int(value) => self.int(*value),
            ExprKind::Slot(slot) => {
                let at = self.slot(self.plan.slots[slot.index()]);
                self.b.load_volatile(at, expr.ty.size().min(8), true)
            }
            ExprKind::Var(var) => {
                // Whole words, whatever the type.
                self.b.load(self.program.vars[var.index()], 8, true)
            }
            ExprKind::MapGet { map, key } => self.map_get(*map, key.as_deref(), &expr.ty),
            ExprKind::Read(place) => self.read_scalar(place, &expr.ty),
            ExprKind::AddressOf(place) => {
                let address = self.address(place);
                self.b.to_int(address)
            }
            ExprKind::InMemory(value) => {
                let memory = self.memory(value);
                self.b.to_int(memory)
            }
            ExprKind::Neg(operand) => {
                let value = self.scalar(operand);
                self.b.sub(self.int(0), value)
            }
            ExprKind::Not(operand) => {
                let value = self.scalar(operand);
                self.b.compare(IntPredicate::EQ, value, self.int(0))
            }
            ExprKind::BitNot(operand) => {
                let value = self.scalar(operand);
                self.b.xor(value, self.int(-1))
            }
            ExprKind::Arith { op, left, right } => {
                let (l, r) = (self.scalar(left), self.scalar(right));
                let signed = match op {
                    BinaryOp::Shr => false,
                    // Made of numbers that are not negative.
                    _ => matches!(expr.ty, Ty::Int(int) if int.signed && !int.flexible),
                };
                self.arith(*op, signed, l, r)
            }
            ExprKind::Compare {
                op,
                signed,
                left,
                right,
            } => {
                let (l, r) = (self.scalar(left), self.scalar(right));
                self.b.compare(predicate(*op, *signed), l, r)
            }
            ExprKind::Same {
                negate,
                left,
                right,
            } => self.equal(left, right, *negate),
            ExprKind::Logical { and, left, right } => self.logical(*and, left, right),
            ExprKind::Ternary {
                cond,
                then,
                otherwise,
            } => self.choose(cond, then, otherwise),
            ExprKind::IncDecVar {
                var,
                op,
                prefix,
                step,
            } => {
                let storage = self.program.vars[var.index()];
                let old = self.b.load(storage, 8, true);
                let step = self.step(*op, step);
                let sum = self.b.add(old, step);
                let new = self.fit(sum, &expr.ty);
                self.b.store(storage, new, 8);
                if *prefix { new } else { old }
            }
            ExprKind::IncDecMap {
                map,
                key,
                op,
                prefix,
                step,
            } => {
                let step = self.step(*op, step);
                self.map_count(*map, key.as_deref(), step, *prefix)
            }
            ExprKind::Enumerator { name, value } => self.enumerator(&expr.ty, name, *value),
            ExprKind::TypeSize(record) => {
                let node = self.partial_record(*record);
                self.b.type_size(node)
            }
            ExprKind::FieldOffset(path) => self.field_offset(path),
            ExprKind::Cast(operand) if !operand.ty.is_scalar() => {
                let memory = self.memory(operand);
                let signed = expr.ty.as_int().is_some_and(|i| i.signed);
                self.b.load(memory, expr.ty.size().min(8), signed)
            }
            ExprKind::Cast(operand) => {
                let value = self.scalar(operand);
                self.fit(value, &expr.ty)
            }
            ExprKind::TupleField { base, index } => {
                let (at, ty) = self.tuple_field(base, *index);
                let (bytes, signed) = (ty.size(), expr.ty.as_int().is_some_and(|i| i.signed));
                self.b.load(at, bytes.min(8), signed)
            }
            ExprKind::Builtin(builtin) => builtin.lower(self, expr),
            ExprKind::Call(call) => call
                .function
                .lower(self, call)
                .unwrap_or_else(|| self.int(0)),
            ExprKind::Block { stmts, value } => self.sometimes(|lower| {
                lower.stmts(stmts);
                lower.scalar(value)
            }),
            ExprKind::MapRef(map) => {
                let map = self.map_global(*map);
                self.b.to_int(map)
            }
            ExprKind::Str(_)
            | ExprKind::SlotTail { .. }
            | ExprKind::Tuple(_)
            | ExprKind::Poison => {
                debug_assert!(false, "not a scalar: {expr:?}");
                self.int(0)
            }
        }
    }

    /// What `++` or `--` adds.
    fn step(&mut self, op: IncDecOp, step: &Expr) -> IntValue<'c> {
        let step = self.scalar(step);
        match op {
            IncDecOp::Inc => step,
            IncDecOp::Dec => self.b.sub(self.int(0), step),
        }
    }

    /// Cuts a value to its type and widens it again.
    pub fn fit(&self, value: IntValue<'c>, ty: &Ty) -> IntValue<'c> {
        match ty {
            Ty::Bool => self.b.compare(IntPredicate::NE, value, self.int(0)),
            ty => match ty.as_int() {
                Some(int) => self.b.narrow(value, int.bytes, int.signed),
                None => value,
            },
        }
    }

    pub(super) fn arith(
        &mut self,
        op: BinaryOp,
        signed: bool,
        l: IntValue<'c>,
        r: IntValue<'c>,
    ) -> IntValue<'c> {
        match op {
            BinaryOp::Add => self.b.add(l, r),
            BinaryOp::Sub => self.b.sub(l, r),
            BinaryOp::Mul => self.b.mul(l, r),
            BinaryOp::BitAnd => self.b.and(l, r),
            BinaryOp::BitOr => self.b.or(l, r),
            BinaryOp::BitXor => self.b.xor(l, r),
            // LLVM leaves shifts by 64 and more undefined; BPF masks the count.
            BinaryOp::Shl => self.b.shl(l, self.b.and(r, self.int(63))),
            BinaryOp::Shr => self.b.shr(l, self.b.and(r, self.int(63)), signed),
            BinaryOp::Div | BinaryOp::Rem => self.divide(op == BinaryOp::Rem, signed, l, r),
            _ => {
                debug_assert!(false, "{op:?} is no arithmetic");
                l
            }
        }
    }

    /// By zero gives 1, as in bpftrace.
    fn divide(
        &mut self,
        remainder: bool,
        signed: bool,
        l: IntValue<'c>,
        r: IntValue<'c>,
    ) -> IntValue<'c> {
        if r.get_zero_extended_constant().is_some_and(|r| r != 0) {
            return self.quotient(remainder, signed, l, r);
        }
        let zero = self.b.compare(IntPredicate::EQ, r, self.int(0));
        let one = self.int(1);
        self.count_if(zero, FaultKind::DivisionByZero, one);
        // LLVM calls division by zero undefined, so it must not see one.
        let divisor = self.b.or(r, zero);
        let result = self.quotient(remainder, signed, l, divisor);
        self.b.select(zero, one, result)
    }

    /// The quotient or remainder by what is not zero. Signed division, which BPF has only since v4, is made of unsigned division and signs.
    pub(super) fn quotient(
        &mut self,
        remainder: bool,
        signed: bool,
        l: IntValue<'c>,
        r: IntValue<'c>,
    ) -> IntValue<'c> {
        let unsigned = |b: &crate::llvm::builder::Builder<'c>, x, y| match remainder {
            true => b.urem(x, y),
            false => b.udiv(x, y),
        };
        if !signed {
            return unsigned(&self.b, l, r);
        }
        let sign = |b: &crate::llvm::builder::Builder<'c>, v| b.shr(v, b.int(63), true);
        let magnitude =
            |b: &crate::llvm::builder::Builder<'c>, v, sign| b.sub(b.xor(v, sign), sign);
        let (l_sign, r_sign) = (sign(&self.b, l), sign(&self.b, r));
        let (l_abs, r_abs) = (magnitude(&self.b, l, l_sign), magnitude(&self.b, r, r_sign));
        let positive = unsigned(&self.b, l_abs, r_abs);
        let result_sign = match remainder {
            true => l_sign,
            false => self.b.xor(l_sign, r_sign),
        };
        magnitude(&self.b, positive, result_sign)
    }

    fn logical(&mut self, and: bool, left: &Expr, right: &Expr) -> IntValue<'c> {
        let l = self.scalar(left);
        let first = self.b.position();
        let (second, done) = (self.b.block("second"), self.b.block("done"));
        match and {
            true => self.b.branch(l, second, done),
            false => self.b.branch(l, done, second),
        }
        self.b.at_end(second);
        let r = self.sometimes(|lower| lower.scalar(right));
        let r = self.b.compare(IntPredicate::NE, r, self.int(0));
        let last = self.b.position();
        self.b.jump(done);
        self.b.at_end(done);
        self.b.phi(&[(self.int(i64::from(!and)), first), (r, last)])
    }

    fn choose(&mut self, cond: &Expr, then: &Expr, otherwise: &Expr) -> IntValue<'c> {
        let cond = self.scalar(cond);
        let [then_block, else_block, done] =
            ["then", "else", "done"].map(|name| self.b.block(name));
        self.b.branch(cond, then_block, else_block);
        let mut incoming = Vec::new();
        for (block, side) in [(then_block, then), (else_block, otherwise)] {
            self.b.at_end(block);
            let value = self.sometimes(|lower| lower.scalar(side));
            incoming.push((value, self.b.position()));
            self.b.jump(done);
        }
        self.b.at_end(done);
        self.b.phi(&incoming)
    }
}

fn predicate(op: BinaryOp, signed: bool) -> IntPredicate {
    match (op, signed) {
        (BinaryOp::Ne, _) => IntPredicate::NE,
        (BinaryOp::Lt, true) => IntPredicate::SLT,
        (BinaryOp::Lt, false) => IntPredicate::ULT,
        (BinaryOp::Le, true) => IntPredicate::SLE,
        (BinaryOp::Le, false) => IntPredicate::ULE,
        (BinaryOp::Gt, true) => IntPredicate::SGT,
        (BinaryOp::Gt, false) => IntPredicate::UGT,
        (BinaryOp::Ge, true) => IntPredicate::SGE,
        (BinaryOp::Ge, false) => IntPredicate::UGE,
        _ => IntPredicate::EQ,
    }
}
