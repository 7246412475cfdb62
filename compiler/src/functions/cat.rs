//! `cat()`: a file, as it is when the record is read.

use bt_abi::manifest::EventKind;

use super::{Function, printf};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, Expr};

pub struct Cat;

impl Function for Cat {
    fn name(&self) -> &'static str {
        "cat"
    }

    fn signature(&self) -> &'static str {
        "cat(const string name_format, args...)"
    }

    fn about(&self) -> &'static str {
        "prints the content of a file, at most `max_cat_bytes`, when btrun reads the record"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { cat("/proc/self/comm"); exit(); }"#,
                "btrun",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        printf::formatted(self, cx, site)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        Some(EventKind::Cat(printf::fields(call, layout)?))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &call.args);
        None
    }
}
