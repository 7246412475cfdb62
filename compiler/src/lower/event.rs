//! Records to the ring buffer.

use bt_abi::manifest::FaultKind;
use bt_abi::names;
use bt_abi::record::Packet;
use inkwell::IntPredicate;

use super::Lower;
use crate::layout::FieldPlan;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{
    KTIME_GET_BOOT_NS, MAP_LOOKUP_ELEM, RINGBUF_OUTPUT, RINGBUF_RESERVE, RINGBUF_SUBMIT, SKB_OUTPUT,
};
use crate::llvm::{IntValue, PointerValue};
use crate::typed::{Call, Expr};

/// The buffer is full.
const ENOSPC: i32 = 28;

impl<'c> Lower<'c, '_> {
    /// Sends the record of a call whose fields are its arguments.
    ///
    /// What has effects is evaluated before room is reserved, so that a full buffer changes nothing but the report. The rest is
    /// written straight into the buffer.
    pub fn send_args(&mut self, call: &Call, args: &[Expr]) {
        let impure_after = |index: usize| args[index + 1..].iter().any(|arg| !arg.is_pure());
        let early: Vec<Option<Early<'c>>> = args
            .iter()
            .enumerate()
            .map(|(index, arg)| self.evaluate_early(arg, impure_after(index)))
            .collect();
        self.send(call, |lower, record, fields| {
            for ((arg, early), field) in args.iter().zip(early).zip(fields) {
                let at = lower.b.offset(record, field.offset);
                if field.clean {
                    lower.zero(at, field.ty.size());
                }
                match early {
                    Some(Early::Scalar(value)) => lower.b.store(at, value, field.ty.size()),
                    Some(Early::Memory(from)) => lower.copy(at, from, field.ty.size()),
                    None => lower.store(arg, at, &field.ty, field.clean),
                }
            }
        });
    }

    /// Scalars are cheap to hold; large values only if they must be evaluated in order: they have effects, or what follows them has.
    pub(super) fn evaluate_early(&mut self, arg: &Expr, in_order: bool) -> Option<Early<'c>> {
        if arg.ty.is_scalar() {
            return Some(Early::Scalar(self.scalar(arg)));
        }
        let layout = arg.ty.to_abi()?;
        (in_order || !arg.is_pure()).then(|| {
            // In a layout that no one else widens: a field of another layout is never impure.
            let temp = self.temp(layout.size());
            self.store(arg, temp, &layout, false);
            Early::Memory(temp)
        })
    }

    /// Reserves a record, has it filled, and submits it; counts it as lost if there is no room.
    pub fn send(
        &mut self,
        call: &Call,
        fill: impl FnOnce(&mut Self, PointerValue<'c>, &[FieldPlan]),
    ) {
        let Some(event) = self.plan.events.get(&call.id) else {
            return;
        };
        let ring = self.own_map(names::EVENTS_MAP).as_pointer_value();
        let size = self.int(i64::from(event.size));
        let record = self.helper_ptr(
            RINGBUF_RESERVE,
            &[Arg::Ptr(ring), size.into(), self.int(0).into()],
        );
        let [full, reserved, sent] = ["full", "reserved", "sent"].map(|name| self.b.block(name));
        self.b.branch_null(record, full, reserved);
        self.b.at_end(full);
        self.count_lost();
        self.b.jump(sent);
        self.b.at_end(reserved);
        let header = i64::from(event.index) | i64::from(self.program.index) << 32;
        self.b.store(record, self.int(header), 8);
        self.sometimes(|lower| fill(lower, record, &event.fields));
        self.helper(RINGBUF_SUBMIT, &[Arg::Ptr(record), self.int(0).into()]);
        self.b.jump(sent);
        self.b.at_end(sent);
    }

    /// Sends a record that lies in memory, of so many bytes, its header included, which is written here.
    pub fn send_memory(&mut self, call: &Call, record: PointerValue<'c>, size: IntValue<'c>) {
        let Some(event) = self.plan.events.get(&call.id) else {
            return;
        };
        let header = i64::from(event.index) | i64::from(self.program.index) << 32;
        self.b.store(record, self.int(header), 8);
        let ring = self.own_map(names::EVENTS_MAP).as_pointer_value();
        let flags = self.int(0);
        let status = self.helper(
            RINGBUF_OUTPUT,
            &[Arg::Ptr(ring), Arg::Ptr(record), size.into(), flags.into()],
        );
        let [full, sent] = ["full", "sent"].map(|name| self.b.block(name));
        self.b.branch(status, full, sent);
        self.b.at_end(full);
        self.count_lost();
        self.b.jump(sent);
        self.b.at_end(sent);
    }

    /// Sends the first bytes of a packet, and gives the status of that. What finds no room is counted as lost.
    pub fn send_packet(
        &mut self,
        call: &Call,
        packet: PointerValue<'c>,
        [length, offset]: [IntValue<'c>; 2],
    ) -> IntValue<'c> {
        let Some(event) = self.plan.events.get(&call.id) else {
            return self.int(0);
        };
        let most = self.int(i64::from(Packet::MAX_LENGTH));
        let fits = self.b.compare(IntPredicate::ULT, length, most);
        let length = self.b.select(fits, length, most);
        let record = self.temp(Packet::SIZE);
        let header = i64::from(event.index) | i64::from(self.program.index) << 32;
        let time = self.helper(KTIME_GET_BOOT_NS, &[]);
        let words = [self.int(header), time, offset, length];
        for (at, word) in (0..).step_by(8).zip(words) {
            self.b.store(self.b.offset(record, at), word, 8);
        }
        let map = self.own_map(names::PACKETS_MAP).as_pointer_value();
        // bytes of the packet, and "the buffer of this CPU"
        let flags = self.b.shl(length, self.int(32));
        let flags = self.b.or(flags, self.int(0xffff_ffff));
        let size = self.int(i64::from(Packet::SIZE));
        let args = [
            Arg::Ptr(packet),
            Arg::Ptr(map),
            flags.into(),
            Arg::Ptr(record),
            size.into(),
        ];
        let status = self.helper(SKB_OUTPUT, &args);
        let [failed, full, other, sent] =
            ["failed", "full", "other", "sent"].map(|name| self.b.block(name));
        let negative = self.b.is_negative_int(status);
        self.b.branch(negative, failed, sent);
        self.b.at_end(failed);
        let no_room = self.int(-i64::from(ENOSPC));
        let is_full = self.b.compare(IntPredicate::EQ, status, no_room);
        self.b.branch(is_full, full, other);
        self.b.at_end(full);
        self.count_lost();
        self.b.jump(sent);
        self.b.at_end(other);
        let kind = FaultKind::Helper {
            helper: "skb_output".into(),
        };
        self.count_fault(kind, status);
        self.b.jump(sent);
        self.b.at_end(sent);
        status
    }

    fn count_lost(&mut self) {
        let key = self.temp(8);
        self.b
            .store(key, self.int(i64::from(self.program.index)), 4);
        let map = self.own_map(names::LOST_MAP).as_pointer_value();
        let count = self.helper_ptr(MAP_LOOKUP_ELEM, &[Arg::Ptr(map), Arg::Ptr(key)]);
        let [found, done] = ["found", "done"].map(|name| self.b.block(name));
        self.b.branch_null(count, done, found);
        self.b.at_end(found);
        // a uprobe may be preempted here by another task that runs the same program
        self.b.atomic_add(count, self.int(1));
        self.b.jump(done);
        self.b.at_end(done);
    }
}

/// A value that was evaluated before its record exists.
pub(super) enum Early<'c> {
    Scalar(crate::llvm::IntValue<'c>),
    Memory(PointerValue<'c>),
}
