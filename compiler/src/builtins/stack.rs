//! `kstack` and `ustack`: the stack of the kernel or of the program.
//!
//! A stack is stored once, in a map whose key is a hash of its addresses; the value of the expression is that key. The kernel's own
//! stack maps have a bucket for each hash and drop what collides, which loses samples.

use bt_abi::types::StackMode;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;
use inkwell::IntPredicate;

use super::{Builtin, value};
use crate::check::Checker;
use crate::docs::Example;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{GET_STACK, MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM};
use crate::llvm::{FunctionValue, IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::Expr;
use crate::types::{StackTy, Ty};

pub struct Kstack;
pub struct Ustack;

/// Frames without a limit given, and the most that kernels record (`kernel.perf_event_max_stack`).
pub const DEFAULT_LIMIT: u32 = 127;
pub const MAX_LIMIT: u32 = 127;

/// `BPF_F_USER_STACK`
const USER_STACK: i64 = 1 << 8;
/// `BPF_F_USER_BUILD_ID`
const USER_BUILD_ID: i64 = 1 << 11;

/// The mode of the config block. Addresses of the kernel have no build id, nor have those that our own programs find: they stay raw then.
pub fn mode_without_build_id(cx: &mut Checker, span: Span) -> StackMode {
    if cx.config.stack_mode != StackMode::BuildId {
        return cx.config.stack_mode;
    }
    let message = "the stack mode `build_id` is for `ustack` only";
    let warning = Diagnostic::warning("W0929", span, message);
    cx.report(warning.here("printed in the mode `raw`"));
    StackMode::Raw
}

impl Builtin for Kstack {
    fn names(&self) -> &'static [&'static str] {
        &["kstack"]
    }

    fn about(&self) -> &'static str {
        "the kernel's stack; `kstack(mode, limit)` says more"
    }

    fn examples(&self) -> &'static [Example] {
        const { &[Example::new("kprobe:vfs_read { @[kstack] = count(); }")] }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let stack = StackTy {
            user: false,
            limit: DEFAULT_LIMIT,
            mode: mode_without_build_id(cx, span),
        };
        value(self, Ty::Stack(stack), span)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, expr: &Expr, to: PointerValue<'c>) {
        if let Ty::Stack(stack) = &expr.ty {
            lower_stack(lower, *stack, Unwinding::FramePointers, to);
        }
    }
}

impl Builtin for Ustack {
    fn names(&self) -> &'static [&'static str] {
        &["ustack"]
    }

    fn about(&self) -> &'static str {
        "the program's stack; `ustack(mode, limit)` says more"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "uprobe:/bin/bash:readline { @[ustack] = count(); }",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        cx.namespace_slots(span);
        let stack = StackTy {
            user: true,
            limit: DEFAULT_LIMIT,
            mode: cx.config.stack_mode,
        };
        value(self, Ty::Stack(stack), span)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, expr: &Expr, to: PointerValue<'c>) {
        if let Ty::Stack(stack) = &expr.ty {
            lower_stack(lower, *stack, Unwinding::FramePointers, to);
        }
    }
}

/// How the callers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwinding {
    /// By the kernel.
    FramePointers,
    /// By our own programs.
    Tables,
}

/// Records the stack and writes its key, and for user stacks the process, whose memory map gives addresses a meaning.
pub fn lower_stack<'c>(
    lower: &mut Lower<'c, '_>,
    stack: StackTy,
    unwinding: Unwinding,
    to: PointerValue<'c>,
) {
    let bytes = stack.bytes();
    // One word more, for a zero: what lies behind it does not count, here and for btrun.
    let frames = lower.scratch(bytes + 8);
    let size = lower.int(i64::from(bytes));
    let written = match unwinding {
        Unwinding::FramePointers => {
            let flags = lower.int(match (stack.user, stack.mode) {
                (false, _) => 0,
                (true, StackMode::BuildId) => USER_STACK | USER_BUILD_ID,
                (true, _) => USER_STACK,
            });
            let context = Arg::Ptr(lower.context());
            let args = [context, Arg::Ptr(frames), size.into(), flags.into()];
            lower.helper(GET_STACK, &args)
        }
        Unwinding::Tables => lower.unwind(frames, stack.limit),
    };
    let none = lower.b.compare(IntPredicate::SLE, written, lower.int(0));
    let start = lower.b.position();
    let [some, taken, store, done] =
        ["some", "taken", "store", "done"].map(|name| lower.b.block(name));
    lower.b.branch(none, done, some);

    lower.b.at_end(some);
    // True, and the verifier must see it.
    let inside = lower.b.compare(IntPredicate::ULE, written, size);
    let checked = lower.b.position();
    lower.b.branch(inside, taken, done);

    lower.b.at_end(taken);
    let end = lower.b.offset_by(frames, written);
    lower.b.store(end, lower.int(0), 8);
    let hash = hash_function(lower);
    let frame = lower.int(i64::from(stack.mode.frame_size()));
    let key = lower
        .b
        .call(hash, &[Arg::Ptr(frames), size.into(), frame.into()]);
    let key_at = lower.temp(8);
    lower.b.store(key_at, key, 8);
    let map = Arg::Ptr(lower.stacks(stack));
    let known = lower.helper_ptr(MAP_LOOKUP_ELEM, &[map, Arg::Ptr(key_at)]);
    let after_lookup = lower.b.position();
    lower.b.branch_null(known, store, done);

    lower.b.at_end(store);
    let zero = lower.int(0);
    lower.helper(
        MAP_UPDATE_ELEM,
        &[map, Arg::Ptr(key_at), Arg::Ptr(frames), zero.into()],
    );
    let after_store = lower.b.position();
    lower.b.jump(done);

    lower.b.at_end(done);
    let id = lower.b.phi(&[
        (lower.int(0), start),
        (lower.int(0), checked),
        (key, after_lookup),
        (key, after_store),
    ]);
    lower.b.store(to, id, 8);
    if stack.user {
        let pid = lower.process_id();
        let at = lower.b.offset(to, 8);
        lower.b.store(at, pid, 8);
    }
}

/// The number of frames of a stack that was recorded: those before the first zero.
pub fn stack_length<'c>(
    lower: &mut Lower<'c, '_>,
    stack: StackTy,
    value: PointerValue<'c>,
) -> IntValue<'c> {
    let map = Arg::Ptr(lower.stacks(stack));
    let frames = lower.helper_ptr(MAP_LOOKUP_ELEM, &[map, Arg::Ptr(value)]);
    let start = lower.b.position();
    let [known, done] = ["known", "done"].map(|name| lower.b.block(name));
    lower.b.branch_null(frames, done, known);
    lower.b.at_end(known);
    let count = count_function(lower);
    let [bytes, frame] = [stack.bytes(), stack.mode.frame_size()].map(|n| lower.int(i64::from(n)));
    let reached = lower
        .b
        .call(count, &[Arg::Ptr(frames), bytes.into(), frame.into()]);
    let shift = lower.int(i64::from(stack.mode.frame_size().ilog2()));
    let length = lower.b.shr(reached, shift, false);
    let end = lower.b.position();
    lower.b.jump(done);
    lower.b.at_end(done);
    lower.b.phi(&[(lower.int(0), start), (length, end)])
}

const COUNT: &str = "btc_stack_length";

/// `long btc_stack_length(const u64 *frames, long bytes, long frame)`: bytes up to the first frame that begins with a zero.
fn count_function<'c>(lower: &mut Lower<'c, '_>) -> FunctionValue<'c> {
    lower.has_loop();
    let names = ["frames", "bytes", "frame"];
    lower.subroutine(COUNT, &names, &[true, false, false], |lower, function| {
        let frames = lower.b.param_ptr(function, 0);
        let [bytes, size] = [1, 2].map(|n| lower.b.param_int(function, n));
        let [head, load, next, end] =
            ["head", "load", "next", "end"].map(|n| lower.b.append_block(function, n));
        let at = lower.b.alloca(8);
        lower.b.store(at, lower.int(0), 8);
        lower.b.jump(head);

        lower.b.at_end(head);
        let offset = lower.b.load(at, 8, false);
        let more = lower.b.compare(IntPredicate::ULT, offset, bytes);
        lower.b.branch(more, load, end);

        lower.b.at_end(load);
        let frame = lower.b.load(lower.b.offset_by(frames, offset), 8, false);
        lower.b.branch(frame, next, end);

        lower.b.at_end(next);
        lower.b.store(at, lower.b.add(offset, size), 8);
        lower.b.jump(head);

        lower.b.at_end(end);
        lower.b.ret_value(lower.b.load(at, 8, false));
    })
}

const HASH: &str = "btc_stack_hash";

/// `long btc_stack_hash(const u64 *frames, long bytes, long frame)`: FNV-1a by frames, with a final mix, up to the first frame that begins with
/// a zero; never 0. Of a frame the first and the last word count: with a build id, its beginning and the offset.
fn hash_function<'c>(lower: &mut Lower<'c, '_>) -> FunctionValue<'c> {
    lower.has_loop();
    lower.subroutine(
        HASH,
        &["frames", "bytes", "frame"],
        &[true, false, false],
        |lower, function| {
            let frames = lower.b.param_ptr(function, 0);
            let [bytes, size] = [1, 2].map(|n| lower.b.param_int(function, n));
            let [head, load, mix, end] =
                ["head", "load", "mix", "end"].map(|n| lower.b.append_block(function, n));
            let (at, hash) = (lower.b.alloca(8), lower.b.alloca(8));
            lower.b.store(at, lower.int(0), 8);
            lower
                .b
                .store(hash, lower.int(0xcbf2_9ce4_8422_2325_u64 as i64), 8);
            lower.b.jump(head);

            lower.b.at_end(head);
            let offset = lower.b.load(at, 8, false);
            let more = lower.b.compare(IntPredicate::ULT, offset, bytes);
            lower.b.branch(more, load, end);

            lower.b.at_end(load);
            let frame = lower.b.load(lower.b.offset_by(frames, offset), 8, false);
            lower.b.branch(frame, mix, end);

            lower.b.at_end(mix);
            let last = lower.b.add(offset, lower.b.sub(size, lower.int(8)));
            let last = lower.b.load(lower.b.offset_by(frames, last), 8, false);
            let old = lower.b.load(hash, 8, false);
            let mixed = lower
                .b
                .mul(lower.b.xor(old, frame), lower.int(0x0000_0100_0000_01b3));
            let mixed = lower.b.xor(mixed, last);
            let mixed = lower.b.xor(mixed, lower.b.shr(mixed, lower.int(29), false));
            lower.b.store(hash, mixed, 8);
            lower.b.store(at, lower.b.add(offset, size), 8);
            lower.b.jump(head);

            lower.b.at_end(end);
            let result = lower.b.load(hash, 8, false);
            lower.b.ret_value(lower.b.or(result, lower.int(1)));
        },
    )
}
