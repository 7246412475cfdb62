//! Arguments of static user probes.
//!
//! Where one is, btrun learns from the notes of the traced binary, and writes it into two slots of constants. The verifier knows their
//! values, and drops the branches that they do not take.

use bt_abi::manifest::{SlotValue, UsdtArgument};
use bt_abi::usdt::{NONE, shifts};
use bt_grammar::span::Span;
use inkwell::IntPredicate;

use crate::check::Checker;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{PROBE_READ_KERNEL, PROBE_READ_USER};
use crate::llvm::{FunctionValue, IntValue};
use crate::lower::Lower;
use crate::types::UINT64;

/// Slots for an argument of this probe.
pub fn check(cx: &mut Checker, argument: u32, span: Span) {
    let program = cx.probe_index();
    let argument = UsdtArgument { program, argument };
    cx.slot(SlotValue::UsdtPlace(argument), UINT64, span);
    cx.slot(SlotValue::UsdtOffset(argument), UINT64, span);
}

/// The value of an argument.
pub fn lower<'c>(lower: &mut Lower<'c, '_>, argument: u32) -> IntValue<'c> {
    let this = |a: &UsdtArgument, program| a.program == program && a.argument == argument;
    let place = lower.own_slot(|v, p| matches!(v, SlotValue::UsdtPlace(a) if this(a, p)));
    let offset = lower.own_slot(|v, p| matches!(v, SlotValue::UsdtOffset(a) if this(a, p)));
    let function = evaluator(lower);
    let context = lower.context();
    lower.b.call(
        function,
        &[Arg::Ptr(context), Arg::Int(place), Arg::Int(offset)],
    )
}

/// `long btc_usdt_argument(void *ctx, u64 place, s64 offset)`, see [`bt_abi::usdt::Argument`].
fn evaluator<'c>(lower: &mut Lower<'c, '_>) -> FunctionValue<'c> {
    let params = ["ctx", "place", "offset"];
    lower.subroutine(
        "btc_usdt_argument",
        &params,
        &[true, false, false],
        |lower, function| {
            let place = lower.b.param_int(function, 1);
            let offset = lower.b.param_int(function, 2);
            let value = lower.b.alloca(8);
            let part = |lower: &Lower<'c, '_>, shift: u32, mask: i64| {
                let part = lower.b.shr(place, lower.int(i64::from(shift)), false);
                lower.b.and(part, lower.int(mask))
            };
            let none = i64::from(NONE);
            let base = part(lower, shifts::BASE, none);
            let sum = register(lower, function, base, lower.int(0), offset);
            let index = part(lower, shifts::INDEX, none);
            let scale = part(lower, shifts::SCALE, 3);
            let sum = register(lower, function, index, scale, sum);
            lower.b.store(value, sum, 8);
            let memory = part(lower, shifts::MEMORY, 1);
            // as bits, of which the value has the lowest
            let size = part(lower, shifts::SIZE, 15);
            let [read, cut, signed, unsigned] =
                ["read", "cut", "signed", "unsigned"].map(|name| lower.b.block(name));
            lower.b.branch_kept(memory, read, cut);
            lower.b.at_end(read);
            lower.b.store(value, lower.int(0), 8);
            let address = lower.b.to_ptr(sum);
            lower.helper(
                PROBE_READ_USER,
                &[value.into(), size.into(), address.into()],
            );
            lower.b.jump(cut);
            lower.b.at_end(cut);
            let whole = lower.b.load(value, 8, true);
            let bits = lower.b.shl(size, lower.int(3));
            let spare = lower.b.sub(lower.int(64), bits);
            let spare = lower.b.and(spare, lower.int(63));
            let high = lower.b.shl(whole, spare);
            let sign = part(lower, shifts::SIGNED, 1);
            lower.b.branch(sign, signed, unsigned);
            lower.b.at_end(signed);
            lower.b.ret_value(lower.b.shr(high, spare, true));
            lower.b.at_end(unsigned);
            lower.b.ret_value(lower.b.shr(high, spare, false));
        },
    )
}

/// `sum` and a register, if there is one, shifted to the left.
fn register<'c>(
    lower: &mut Lower<'c, '_>,
    function: FunctionValue<'c>,
    register: IntValue<'c>,
    scale: IntValue<'c>,
    sum: IntValue<'c>,
) -> IntValue<'c> {
    let before = lower.b.position();
    let [add, done] = ["add", "done"].map(|name| lower.b.block(name));
    let none = lower.int(i64::from(NONE));
    let absent = lower.b.compare(IntPredicate::EQ, register, none);
    lower.b.branch(absent, done, add);
    lower.b.at_end(add);
    let context = lower.b.param_ptr(function, 0);
    // The verifier lets no load have an offset that is not in the instruction.
    let value = lower.b.alloca(8);
    let from = lower.b.offset_by(context, register);
    let size = lower.int(8);
    lower.helper(PROBE_READ_KERNEL, &[value.into(), size.into(), from.into()]);
    let value = lower.b.load(value, 8, true);
    let more = lower.b.add(sum, lower.b.shl(value, scale));
    lower.b.jump(done);
    lower.b.at_end(done);
    lower.b.phi(&[(sum, before), (more, add)])
}
