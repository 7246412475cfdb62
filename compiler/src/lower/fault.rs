//! What goes wrong while a program runs: counted by place and kind, for btrun to report.
//!
//! All of it is off the path of what goes right: a jump that is not taken.

use std::collections::HashMap;

use bt_abi::manifest::{Fault, FaultKind};
use bt_abi::names::FAULTS_SECTION;
use bt_grammar::span::Span;
use inkwell::IntPredicate;

use super::Lower;
use crate::llvm::builder::Arg;
use crate::llvm::helper::Helper;
use crate::llvm::{FunctionValue, GlobalValue, IntValue};

/// The subprogram that counts.
const COUNTING: &str = "btc_count_fault";

/// The counters that have been made.
#[derive(Default)]
pub struct Counters<'c> {
    /// The first words of the section.
    head: Option<GlobalValue<'c>>,
    counters: HashMap<(FaultKind, Span), GlobalValue<'c>>,
}

impl<'c> Lower<'c, '_> {
    /// Calls a helper and counts a negative status, which it gives.
    pub fn checked_helper(&mut self, helper: Helper, args: &[Arg<'c>]) -> IntValue<'c> {
        let status = self.helper(helper, args);
        self.check_status(helper, status);
        status
    }

    pub(super) fn check_status(&mut self, helper: Helper, status: IntValue<'c>) {
        let failed = self.b.is_negative_int(status);
        let kind = FaultKind::Helper {
            helper: helper.name.trim_start_matches("bpf_").to_string(),
        };
        self.count_if(failed, kind, status);
    }

    /// Counts if `condition` is true.
    pub fn count_if(&mut self, condition: IntValue<'c>, kind: FaultKind, status: IntValue<'c>) {
        let [fault, done] = ["fault", "done"].map(|name| self.b.block(name));
        self.b.branch(condition, fault, done);
        self.b.at_end(fault);
        self.count_fault(kind, status);
        self.b.jump(done);
        self.b.at_end(done);
    }

    /// Counts, on the path where it went wrong.
    pub fn count_fault(&mut self, kind: FaultKind, status: IntValue<'c>) {
        let counter = self.fault_counter(kind).as_pointer_value();
        let function = self.counting();
        self.b
            .call(function, &[Arg::Ptr(counter), Arg::Int(status)]);
    }

    /// `long btc_count_fault(long counter[2], long status)`, so that a place where something may go wrong takes few instructions. The
    /// lower half of a status counts: before 6.3, map operations gave an `int`.
    fn counting(&mut self) -> FunctionValue<'c> {
        let pointers = [true, false];
        self.subroutine(
            COUNTING,
            &["counter", "status"],
            &pointers,
            |lower, function| {
                let counter = lower.b.param_ptr(function, 0);
                let status = lower.b.param_int(function, 1);
                let one = lower.int(1);
                lower.b.atomic_add(counter, one);
                let status = lower.b.narrow(status, 4, true);
                lower.b.store(lower.b.offset(counter, 8), status, 8);
                lower.b.ret(0);
            },
        )
    }

    /// Counts a look-up that found nothing, if btrun was asked to report these: scripts look for what is not there all the time.
    pub(super) fn count_missing(&mut self) {
        let head = self.faults_head().as_pointer_value();
        let wanted = self.b.load_volatile(head, 8, false);
        let zero = self.int(0);
        let wanted = self.b.compare(IntPredicate::NE, wanted, zero);
        self.count_if(wanted, FaultKind::Lookup, zero);
    }

    fn faults_head(&mut self) -> GlobalValue<'c> {
        if let Some(head) = self.own.faults.head {
            return head;
        }
        let head = self.fault_words("btc_faults");
        *self.own.faults.head.insert(head)
    }

    /// The counter of the place that is being evaluated. A body that is built several times has one of each.
    fn fault_counter(&mut self, kind: FaultKind) -> GlobalValue<'c> {
        self.faults_head();
        let place = (kind, self.program.at);
        if let Some(known) = self.own.faults.counters.get(&place) {
            return *known;
        }
        let counter = self.fault_words(&format!("btc_fault_{}", self.used.faults.len()));
        self.used.faults.push(Fault {
            kind: place.0.clone(),
            span: self.source.manifest_span(place.1),
        });
        self.own.faults.counters.insert(place, counter);
        counter
    }

    fn fault_words(&mut self, name: &str) -> GlobalValue<'c> {
        let size = bt_abi::names::FAULT_SIZE;
        let words = self
            .b
            .add_global_bytes(name, FAULTS_SECTION, &vec![0; size as usize]);
        self.describe_bytes(words, name, u64::from(size));
        words
    }
}
