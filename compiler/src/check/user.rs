//! `args` of uprobes: arguments of functions of programs, as their DWARF describes them.

use bt_abi::manifest::{Attach, UserTarget};
use bt_grammar::ast::{self, BinaryOp};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Checker;
use crate::typed::{Expr, ExprKind, Place, Step};
use crate::types::{ArgumentPlace, FieldRef, RecordId, Space, Ty, UINT64};

impl Checker<'_> {
    /// The record of the arguments of the function that the probe is attached to.
    pub fn user_arguments(&mut self, span: Span) -> Option<RecordId> {
        let spec = self.spec();
        let text = spec.text.clone();
        let (why, help) = match spec.attach.clone() {
            Attach::Uprobe {
                binary,
                target: UserTarget::Function { name, offset: 0 },
            } if !spec.attach.is_pattern() => match self.records.user_arguments(&binary, &name) {
                Ok(record) => return Some(record),
                Err(why) => (
                    why,
                    "compile where the binary or its debug file is (`--sysroot DIR`: below a folder), built with -g; or use `arg0`, `arg1`, ...",
                ),
            },
            attach if attach.is_late() => (
                "which function this is, only the target knows".into(),
                "write the binary and the function out; or use `arg0`, `arg1`, ...",
            ),
            _ => (
                "its arguments may be elsewhere by then".into(),
                "only the entry of a function has them: a probe by the function's name, without an offset",
            ),
        };
        let message = format!("the arguments of `{text}` are not known here: {why}");
        let error = Diagnostic::error("E0506", span, message);
        self.report(
            error
                .here("debug information is needed to compile this")
                .help(help),
        );
        None
    }

    /// A struct or union of the program that the probe is attached to.
    pub(super) fn user_record(&self, name: &str, is_union: bool) -> Option<Ty> {
        let spec = self.current.spec.as_ref()?;
        let (Attach::Uprobe { binary, .. } | Attach::Uretprobe { binary, .. }) = &spec.attach
        else {
            return None;
        };
        let id = self.records.user_named(binary, name, is_union)?;
        Some(Ty::Record(id))
    }

    /// The place of an argument, from which the path goes on. `None`: it was reported that there is none.
    pub(super) fn argument(
        &mut self,
        mut args: Place,
        field: FieldRef,
        found: ArgumentPlace,
        span: Span,
    ) -> Option<Place> {
        let def = self.records.field(field);
        let here = |base: Expr| {
            Some(Place {
                base: Box::new(base),
                steps: Vec::new(),
            })
        };
        let pointer = Ty::Ptr(Box::new(def.ty.clone()), Space::User);
        match found {
            ArgumentPlace::Register => Some(args),
            ArgumentPlace::Stack(offset) => here(self.on_stack(offset, pointer, span)),
            // put together in memory of the program
            ArgumentPlace::Registers(first) => {
                let items: Vec<Expr> = [first, first + 1]
                    .map(|n| {
                        let kind = ast::ExprKind::Ident(format!("arg{n}"));
                        self.expr(&ast::Expr { kind, span })
                    })
                    .into();
                let both = Expr {
                    ty: Ty::Tuple(items.iter().map(|i| i.ty.clone()).collect()),
                    kind: ExprKind::Tuple(items),
                    span,
                };
                here(Expr {
                    kind: ExprKind::InMemory(Box::new(both)),
                    ty: Ty::Ptr(Box::new(def.ty.clone()), Space::Own),
                    span,
                })
            }
            ArgumentPlace::Reference => {
                args.steps.push(Step::Field(field));
                here(self.read(args, pointer, span))
            }
            ArgumentPlace::Nowhere(why) => {
                let message = format!("the argument `{}` cannot be read: {why}", def.name);
                let error = Diagnostic::error("E0506", span, message);
                self.report(error.here("this argument"));
                None
            }
        }
    }

    /// A word of the stack of the function that is entered, so many bytes from the stack pointer on.
    pub fn stack_word(&mut self, offset: u32, space: Space, span: Span) -> Expr {
        let pointer = Ty::Ptr(Box::new(UINT64), space);
        let place = Place {
            base: Box::new(self.on_stack(offset, pointer, span)),
            steps: Vec::new(),
        };
        self.read(place, UINT64, span)
    }

    /// The address of what lies there.
    fn on_stack(&mut self, offset: u32, pointer: Ty, span: Span) -> Expr {
        let left = Box::new(self.stack_pointer(span));
        let right = Box::new(Expr::int(i64::from(offset), UINT64, span));
        let op = BinaryOp::Add;
        Expr {
            kind: ExprKind::Arith { op, left, right },
            ty: pointer,
            span,
        }
    }

    fn stack_pointer(&mut self, span: Span) -> Expr {
        let name = ast::Expr {
            kind: ast::ExprKind::Str(b"sp".to_vec()),
            span,
        };
        let call = ast::ExprKind::Call {
            name: Ident {
                node: "reg".into(),
                span,
            },
            args: vec![ast::Arg::Expr(name)],
        };
        self.expr(&ast::Expr { kind: call, span })
    }

    /// Whether `args` as a whole has it.
    pub(super) fn is_readable(&self, field: FieldRef) -> bool {
        let place = self.records.argument_place(field);
        let nowhere = matches!(place, Some(ArgumentPlace::Nowhere(_)));
        let is_argument = place.is_some();
        !(nowhere || is_argument && self.records.field(field).ty == Ty::Void)
    }
}
