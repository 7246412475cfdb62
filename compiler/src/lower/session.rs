//! Kprobe sessions: one program for two probes, on entry and return of the same functions.
//!
//! Both bodies are subprograms, so that each has a stack of its own; the program asks the kernel which of the two it is run for. It always returns 0: anything
//! else would keep the kernel from running it at the return.

use bt_abi::names::SESSION_KFUNC;
use bt_grammar::span::Span;

use super::program::Role;
use super::{Lower, program};
use crate::facts::{RawFunction, RawType};
use crate::layout::SessionPlan;
use crate::llvm::IntValue;
use crate::llvm::builder::Arg;

const SECTION: &str = "kprobe.session";

impl<'c> Lower<'c, '_> {
    /// A program beside those of the two probes.
    pub(super) fn session(&mut self, plan: &SessionPlan) {
        let parts = [
            (plan.entry, Role::SessionEntry, "entry"),
            (plan.exit, Role::SessionReturn, "return"),
        ];
        let [entry, exit] = parts.map(|(index, role, suffix)| {
            let probe = &self.script.probes[index as usize];
            let name = format!("{}_{suffix}", plan.name);
            self.program(index, probe, &name, probe.kind, role)
        });
        let span = self.script.probes[plan.entry as usize].span;
        let function = self.b.add_function(&plan.name, Some(SECTION), &[true]);
        let scope = self.subprogram(function, &plan.name, span, &["ctx"], &[true], false);
        let context = self.b.param_ptr(function, 0);
        self.program = program::State {
            context: Some(context),
            scope: Some(scope),
            ..program::State::default()
        };
        self.locate(span);
        let names = ["start", "at_entry", "at_return", "done"];
        let [start, at_entry, at_return, done] = names.map(|n| self.b.append_block(function, n));
        self.b.at_end(start);
        let returns = self.is_return(span);
        self.b.branch(returns, at_return, at_entry);
        for (block, part) in [(at_entry, entry), (at_return, exit)] {
            self.b.at_end(block);
            self.b.call(part, &[Arg::Ptr(context)]);
            self.b.jump(done);
        }
        self.b.at_end(done);
        self.b.ret(0);
    }

    /// Is the program run for the return? The kernel's function has got a parameter meanwhile. The verifier drops what is not there.
    fn is_return(&mut self, span: Span) -> IntValue<'c> {
        self.program.span = span;
        let prototype = |params: &[RawType]| RawFunction {
            name: SESSION_KFUNC.into(),
            params: params
                .iter()
                .map(|ty| ("ctx".to_string(), ty.clone()))
                .collect(),
            result: Some(RawType::Bool),
        };
        let newer = prototype(&[RawType::Pointer(Box::new(RawType::Void))]);
        let older = prototype(&[]);
        let [with, without, known] = ["with", "without", "known"].map(|name| self.b.block(name));
        let there = self.has_kfunc(&newer);
        self.b.branch(there, with, without);
        self.b.at_end(with);
        let context = Arg::Ptr(self.context());
        let first = self.call_kfunc(&newer, &[context]);
        self.b.jump(known);
        self.b.at_end(without);
        let second = self.call_kfunc(&older, &[]);
        self.b.jump(known);
        self.b.at_end(known);
        self.b.phi(&[(first, with), (second, without)])
    }
}
