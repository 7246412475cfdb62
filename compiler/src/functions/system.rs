//! `system()`: a command of the shell, run when the record is read.

use bt_abi::manifest::EventKind;

use super::{Function, printf};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, Expr};

pub struct System;

impl Function for System {
    fn name(&self) -> &'static str {
        "system"
    }

    fn signature(&self) -> &'static str {
        "system(const string command_format, args...)"
    }

    fn about(&self) -> &'static str {
        "runs a command of the shell when btrun reads the record, and prints its output (unsafe)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { system("echo hello"); exit(); }"#,
                "hello",
            )]
        }
    }

    fn is_unsafe(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        printf::formatted(self, cx, site)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        Some(EventKind::System(printf::fields(call, layout)?))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &call.args);
        None
    }
}
