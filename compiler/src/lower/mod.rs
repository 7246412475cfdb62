//! Typed program to LLVM IR.
//!
//! Scalars are 64-bit values, widened as their type says; strings, tuples and stacks are written to where they are wanted.
//! What a script may get wrong was found before: there are no errors here, save limits that only show in generated code.

mod core;
mod equality;
mod event;
mod expr;
mod fault;
mod iter;
mod kfunc;
mod known;
mod loops;
mod map;
mod memory;
mod namespace;
mod place;
mod program;
mod scratch;
mod sections;
mod seq;
mod session;
mod stmt;
mod strings;
mod target;
mod traced;
mod unwind;

use std::collections::BTreeMap;

use bt_grammar::span::Span;

use crate::layout::Plan;
use crate::llvm::builder::{Arg, Builder};
use crate::llvm::helper::Helper;
use crate::llvm::{GlobalValue, IntValue, PointerValue};
use crate::probes::ProbeKind;
use crate::source::Source;
use crate::typed::{Expr, ExprKind, Probe, Script};
use crate::types::{RecordId, Records};
use program::Role;

pub use scratch::SCRATCH_LIMIT;

/// A probe that needs more memory than a program can have.
#[derive(Debug)]
pub struct TooLarge {
    pub span: Span,
    pub bytes: u32,
}

/// What lowering found out besides the module.
#[derive(Debug, Default)]
pub struct Used {
    /// Helpers, and where each is first needed.
    pub helpers: BTreeMap<Helper, Span>,
    pub too_large: Vec<TooLarge>,
    /// There are loops in the programs or their subprograms.
    pub loops: bool,
    /// Functions of the kernel that are called, and where each is first.
    pub kfuncs: BTreeMap<String, Span>,
    /// What is counted when it goes wrong.
    pub faults: Vec<bt_abi::manifest::Fault>,
}

/// Lowers a script into a module.
pub struct Lower<'c, 's> {
    pub b: Builder<'c>,
    pub script: &'s Script,
    pub plan: &'s Plan,
    pub records: &'s Records,
    source: &'s Source,
    /// Maps of the script, by id.
    maps: Vec<GlobalValue<'c>>,
    own: sections::OwnMaps<'c>,
    /// Debug types of relocated structs.
    partial: BTreeMap<(RecordId, bool), crate::llvm::di::Node>,
    kfuncs: Vec<kfunc::Declared<'c>>,
    /// The map that is being added to is not kept for each CPU.
    pub shared: bool,
    program: program::State<'c, 's>,
    used: Used,
}

/// Fills the module of the builder.
pub fn lower<'c, 's>(
    b: Builder<'c>,
    script: &'s Script,
    plan: &'s Plan,
    records: &'s Records,
    source: &'s Source,
) -> (Builder<'c>, Used) {
    let mut lower = Lower {
        b,
        script,
        plan,
        records,
        source,
        maps: Vec::new(),
        own: sections::OwnMaps::default(),
        partial: BTreeMap::new(),
        kfuncs: Vec::new(),
        shared: false,
        program: program::State::default(),
        used: Used::default(),
    };
    lower.script_maps();
    for (index, probe) in script.probes.iter().enumerate() {
        let name = &plan.programs[index];
        lower.program(index as u32, probe, name, probe.kind, Role::Program);
    }
    for (index, alternative) in plan.alternatives.iter().enumerate() {
        if let Some(other) = alternative {
            let probe = &script.probes[index];
            lower.program(index as u32, probe, &other.name, other.kind, Role::Program);
        }
    }
    for session in &plan.sessions {
        lower.session(session);
    }
    lower.finish_sections();
    lower.b.di.finish();
    (lower.b, lower.used)
}

impl<'c, 's> Lower<'c, 's> {
    pub fn int(&self, value: i64) -> IntValue<'c> {
        self.b.int(value)
    }

    /// Calls a helper, which the manifest then lists.
    pub fn helper(&mut self, helper: Helper, args: &[Arg<'c>]) -> IntValue<'c> {
        self.note(helper);
        self.b.helper(helper, args)
    }

    pub fn helper_ptr(&mut self, helper: Helper, args: &[Arg<'c>]) -> PointerValue<'c> {
        self.note(helper);
        self.b.helper_ptr(helper, args)
    }

    /// Calls a function of an imported file in C.
    pub fn call_external(
        &mut self,
        name: &str,
        args: &[Expr],
        signed: bool,
    ) -> Option<IntValue<'c>> {
        let function = self.b.find_function(name)?;
        let pointers = self.b.pointer_params(function);
        let args: Vec<Arg> = args
            .iter()
            .zip(pointers)
            .map(|(arg, pointer)| match pointer {
                false => Arg::Int(self.scalar(arg)),
                true => Arg::Ptr(match &arg.kind {
                    _ if !arg.ty.is_scalar() => self.memory(arg),
                    ExprKind::InMemory(value) => self.memory(value),
                    _ => {
                        let address = self.scalar(arg);
                        self.b.to_ptr(address)
                    }
                }),
            })
            .collect();
        Some(self.b.call_c(function, &args, signed))
    }

    /// What is being built has a loop.
    pub fn has_loop(&mut self) {
        self.used.loops = true;
    }

    fn note(&mut self, helper: Helper) {
        self.used.helpers.entry(helper).or_insert(self.program.span);
    }

    /// The probe that is being lowered.
    pub fn probe(&self) -> &'s Probe {
        self.program.probe.expect("inside a program")
    }

    /// What the program that is being lowered is, which may be an alternative to what its probe says.
    pub fn kind(&self) -> ProbeKind {
        self.program.kind
    }

    /// Is this the code of a session's return? Its cookie has the place of the kretprobe in the upper half.
    pub fn is_session_return(&self) -> bool {
        self.program.role == Role::SessionReturn
    }

    /// The context of the program.
    pub fn context(&self) -> PointerValue<'c> {
        self.program.context.expect("inside a program")
    }

    /// From here on, instructions belong to this place of the script.
    fn locate(&mut self, span: Span) {
        self.program.span = span;
        self.program.at = span;
        if let Some(scope) = self.program.scope {
            let (line, column) = self.source.locate(span.start);
            self.b.locate(scope, line, column);
        }
    }
}
