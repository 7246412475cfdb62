//! `strerror()`, `signal_name()` and `syscall_name()`: numbers by name.

use super::Function;
use crate::check::{CallSite, Checker, literal_size};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::names::Table;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{Printed, Ty};

pub struct Named {
    name: &'static str,
    signature: &'static str,
    about: &'static str,
    examples: &'static [Example],
    table: Table,
    /// In front of a number that has no name.
    unknown: &'static str,
}

pub static STRERROR: Named = Named {
    name: "strerror",
    signature: "string strerror(int error)",
    about: "the text of an error number",
    examples: &[Example::printing(
        "begin { print(strerror(2)); exit(); }",
        "No such file or directory",
    )],
    table: Table::Errors,
    unknown: "Unknown error",
};

pub static SIGNAL_NAME: Named = Named {
    name: "signal_name",
    signature: "string signal_name(int signal)",
    about: "the text of a signal's number",
    examples: &[Example::new("begin { print(signal_name(9)); exit(); }")],
    table: Table::Signals,
    unknown: "Unknown signal",
};

pub static SYSCALL_NAME: Named = Named {
    name: "syscall_name",
    signature: "string syscall_name(int number)",
    about: "the name of a system call",
    examples: &[
        Example::printing("begin { print(syscall_name(0)); exit(); }", "read"),
        Example::new(
            r#"tracepoint:raw_syscalls:sys_enter { @[args.id] = count(); printf("%s\n", syscall_name(args.id)); }"#,
        ),
    ],
    table: Table::Syscalls,
    unknown: "Unknown syscall",
};

impl Function for Named {
    fn name(&self) -> &'static str {
        self.name
    }

    fn signature(&self) -> &'static str {
        self.signature
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn examples(&self) -> &'static [Example] {
        self.examples
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// The name of a literal is a string; other numbers get their names when they are printed.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let number = cx.scalar(arg, "the number");
        if number.ty.is_unknown() {
            return Expr::poison(site.span);
        }
        if let Some(n) = number.flexible_int() {
            let name = self.table.name(n).map(str::to_string);
            let text = name.unwrap_or_else(|| format!("{} {n}", self.unknown));
            return Expr {
                ty: Ty::Str(literal_size(text.as_bytes())),
                kind: ExprKind::Str(text.into_bytes()),
                span: site.span,
            };
        }
        let ty = Ty::Printed(Printed::Named(self.table));
        cx.made(site, self, ty, vec![number], CallData::None)
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        if let Some(number) = call.args.first() {
            let number = lower.scalar(number);
            lower.b.store(to, number, 4);
        }
    }
}
