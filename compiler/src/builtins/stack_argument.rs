//! `sarg0` to `sarg9`: words of the stack where arguments lie that have no register. bpftrace has had them until 0.24.

use bt_grammar::span::Span;

use super::{Builtin, unavailable};
use crate::arch::X86_64;
use crate::check::Checker;
use crate::docs::Example;
use crate::probes::ProbeKind;
use crate::typed::Expr;
use crate::types::Space;

/// The word of that number.
pub struct StackArgument(pub u32);

const NAMES: [&[&str]; 10] = [
    &["sarg0"],
    &["sarg1"],
    &["sarg2"],
    &["sarg3"],
    &["sarg4"],
    &["sarg5"],
    &["sarg6"],
    &["sarg7"],
    &["sarg8"],
    &["sarg9"],
];

impl Builtin for StackArgument {
    fn names(&self) -> &'static [&'static str] {
        NAMES[self.0 as usize]
    }

    fn about(&self) -> &'static str {
        "argument of the traced function that is passed on the stack, counted from 0: the seventh of x86-64 (kprobe, uprobe)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "uprobe:/bin/bash:main { printf(\"%d\\n\", sarg0); }",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, name: &str, span: Span) -> Expr {
        let space = match cx.spec().kind {
            ProbeKind::Kprobe => Space::Kernel,
            ProbeKind::Uprobe => Space::User,
            _ => {
                let help = "only the entries of functions have them: kprobes and uprobes";
                return unavailable(cx, name, span, help);
            }
        };
        cx.stack_word(X86_64.convention.stack_arguments + 8 * self.0, space, span)
    }
}
