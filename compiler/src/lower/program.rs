//! One probe, one BPF program.
//!
//! ```text
//! entry -> filter -> early -> predicate -> late -> body -> exit
//! ```
//! The filter is [`super::target`]'s. The look-up of the scratch memory goes into `late`, so that events which the predicate drops do not pay for it; into `early` if
//! the predicate itself needs it.

use bt_grammar::span::Span;

use super::scratch::Temporaries;
use super::{Lower, TooLarge};
use crate::llvm::builder::Builder;
use crate::llvm::di::{Encoding, Node};
use crate::llvm::{BasicBlock, FunctionValue, PointerValue};
use crate::probes::ProbeKind;
use crate::typed::Probe;
use crate::types::{FieldRef, Ty};

/// What a probe's code is in the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    #[default]
    Program,
    /// Subprograms of a program that serves two probes.
    SessionEntry,
    SessionReturn,
}

/// What belongs to the program that is being built.
#[derive(Default)]
pub struct State<'c, 's> {
    pub index: u32,
    pub probe: Option<&'s Probe>,
    pub kind: ProbeKind,
    pub role: Role,
    pub context: Option<PointerValue<'c>>,
    pub exit: Option<BasicBlock<'c>>,
    pub scope: Option<Node>,
    pub span: Span,
    /// The expression that is being evaluated.
    pub at: Span,
    /// Look-ups that need not be made again.
    pub known: super::known::Known<'c>,
    /// Pointers of the context that are known to be there, by their fields.
    pub objects: Vec<(Vec<FieldRef>, PointerValue<'c>)>,
    /// Storage of the variables, by id.
    pub vars: Vec<PointerValue<'c>>,
    pub temporaries: Temporaries<'c>,
    /// Where `continue` and `break` of the innermost loop go.
    pub around: Option<Around<'c>>,
    /// In a loop's callback: the word of the caller that says that the whole program ends.
    pub left: Option<PointerValue<'c>>,
    /// What the program returns, if that says something.
    pub result: Option<PointerValue<'c>>,
    /// Steps of the loops around that are loops in the program, multiplied.
    pub steps: i64,
    /// Something in this function ended the whole program.
    pub leaves: bool,
}

/// The loop around a statement.
#[derive(Clone, Copy)]
pub struct Around<'c> {
    pub next: BasicBlock<'c>,
    pub done: BasicBlock<'c>,
}

impl<'c, 's> Lower<'c, 's> {
    /// `kind`: of the program, of which there may be another.
    pub(super) fn program(
        &mut self,
        index: u32,
        probe: &'s Probe,
        name: &str,
        kind: ProbeKind,
        role: Role,
    ) -> FunctionValue<'c> {
        let section = (role == Role::Program).then(|| kind.section());
        let function = self.b.add_function(name, section, &[true]);
        let local = section.is_none();
        let scope = self.subprogram(function, name, probe.span, &["ctx"], &[true], local);
        let block = |b: &Builder<'c>, name| b.append_block(function, name);
        let entry = block(&self.b, "entry");
        let (early, predicate, late) = (
            block(&self.b, "early"),
            block(&self.b, "predicate"),
            block(&self.b, "late"),
        );
        let (body, exit) = (block(&self.b, "body"), block(&self.b, "exit"));
        self.program = State {
            index,
            probe: Some(probe),
            kind,
            role,
            context: Some(self.b.param_ptr(function, 0)),
            exit: Some(exit),
            scope: Some(scope),
            span: probe.span,
            ..State::default()
        };
        self.locate(probe.span);
        self.b.at_end(entry);
        if probe.kind.is_judged() {
            let result = self.b.alloca(8);
            self.b.store(result, self.b.int(0), 8);
            self.program.result = Some(result);
        }
        self.only_target(exit);
        self.b.jump(early);

        self.b.at_end(predicate);
        self.load_objects(&probe.objects, exit);
        let mark = self.program.temporaries.mark();
        match &probe.predicate {
            Some(expr) => {
                self.locate(expr.span);
                self.watch_lookups(expr);
                let cond = self.scalar(expr);
                self.stop_watching();
                self.b.branch(cond, late, exit);
            }
            None => self.b.jump(late),
        }
        let needed_early = self.program.temporaries.uses_scratch();
        self.program.temporaries.release(mark);

        self.b.at_end(body);
        self.locate(probe.span);
        self.tell_reader();
        self.variables(probe);
        self.stmts(&probe.body);
        self.b.jump(exit);

        self.b.at_end(exit);
        self.locate(probe.span);
        match self.program.result {
            Some(result) => self.b.ret_value(self.b.load(result, 8, true)),
            None => self.b.ret(0),
        }

        let needed = self.program.temporaries.uses_scratch();
        self.b.at_end(early);
        self.scratch_lookup(needed_early, predicate, exit);
        self.b.at_end(late);
        self.scratch_lookup(needed && !needed_early, body, exit);
        let bytes = self.program.temporaries.scratch_bytes();
        if bytes > super::SCRATCH_LIMIT {
            self.used.too_large.push(TooLarge {
                span: probe.span,
                bytes,
            });
        }
        self.own.scratch_bytes = self.own.scratch_bytes.max(bytes);
        function
    }

    /// Memory for the variables, zeroed: `let $x;` makes one that is read before it is set.
    fn variables(&mut self, probe: &Probe) {
        for var in &probe.vars {
            let size = var.ty.size().max(8).next_multiple_of(8);
            let storage = if var.ty.is_scalar() {
                self.b.alloca(8)
            } else {
                self.permanent(size)
            };
            match &var.ty {
                Ty::Str(_) => self.b.store(storage, self.b.int(0), 8),
                _ => self.zero(storage, size),
            }
            self.program.vars.push(storage);
        }
    }

    /// A static subprogram, built when first asked for. The builder stands in its first block when `build` is called.
    pub fn subroutine(
        &mut self,
        name: &str,
        params: &[&str],
        pointers: &[bool],
        build: impl FnOnce(&mut Self, FunctionValue<'c>),
    ) -> FunctionValue<'c> {
        self.subprogram_once(name, params, pointers, true, build)
    }

    /// The same of integers, that the verifier looks at by itself (since Linux 5.6): what many calls would make it walk again and again.
    pub fn global_subroutine(
        &mut self,
        name: &str,
        params: &[&str],
        build: impl FnOnce(&mut Self, FunctionValue<'c>),
    ) -> FunctionValue<'c> {
        let integers = vec![false; params.len()];
        let function = self.subprogram_once(name, params, &integers, false, build);
        self.b.verify_alone(function);
        function
    }

    fn subprogram_once(
        &mut self,
        name: &str,
        params: &[&str],
        pointers: &[bool],
        local: bool,
        build: impl FnOnce(&mut Self, FunctionValue<'c>),
    ) -> FunctionValue<'c> {
        if let Some(function) = self.b.find_function(name) {
            return function;
        }
        let back = self.b.position();
        let function = self.b.add_function(name, None, pointers);
        let scope = self.subprogram(function, name, self.program.span, params, pointers, local);
        let outer = self.program.scope.replace(scope);
        self.locate(self.program.span);
        let entry = self.b.append_block(function, "entry");
        self.b.at_end(entry);
        build(self, function);
        self.program.scope = outer;
        self.b.at_end(back);
        self.locate(self.program.span);
        function
    }

    /// Debug info of a function of pointers and integers; makes its lines begin at the span.
    pub(super) fn subprogram(
        &self,
        function: FunctionValue<'c>,
        name: &str,
        span: Span,
        names: &[&str],
        pointers: &[bool],
        local: bool,
    ) -> Node {
        let di = &self.b.di;
        let long = di.int("long", 8, Encoding::Signed);
        let pointer = di.pointer(Some(di.int("char", 1, Encoding::Signed)));
        let params: Vec<(&str, Node)> = names
            .iter()
            .zip(pointers)
            .map(|(n, p)| (*n, if *p { pointer } else { long }))
            .collect();
        let (line, _) = self.source.locate(span.start);
        di.function(function, name, line, long, &params, local)
    }
}
