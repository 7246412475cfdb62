//! Records to the ring buffer.

use bt_abi::names;

use super::Lower;
use crate::layout::FieldPlan;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{MAP_LOOKUP_ELEM, RINGBUF_OUTPUT, RINGBUF_RESERVE, RINGBUF_SUBMIT};
use crate::llvm::{IntValue, PointerValue};
use crate::typed::{Call, Expr};

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
