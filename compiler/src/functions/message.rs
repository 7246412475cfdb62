//! `errorf()` and `warnf()`: messages to standard error, with their place in the script.

use bt_abi::manifest::EventKind;

use super::{Function, printf};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, Expr};

pub struct Errorf;
pub struct Warnf;

impl Function for Errorf {
    fn name(&self) -> &'static str {
        "errorf"
    }

    fn signature(&self) -> &'static str {
        "errorf(const string format, args...)"
    }

    fn about(&self) -> &'static str {
        "prints formatted text to standard error, as an error at this place of the script"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kretprobe:vfs_read /(int64)retval < 0/ { errorf("a read failed: %d", retval); }"#,
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        printf::formatted(self, cx, site)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        Some(EventKind::Errorf(printf::fields(call, layout)?))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &call.args);
        None
    }
}

impl Function for Warnf {
    fn name(&self) -> &'static str {
        "warnf"
    }

    fn signature(&self) -> &'static str {
        "warnf(const string format, args...)"
    }

    fn about(&self) -> &'static str {
        "prints formatted text to standard error, as a warning at this place of the script"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kretprobe:vfs_read /retval == 0/ { warnf("nothing was read by %s", comm); }"#,
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        printf::formatted(self, cx, site)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        Some(EventKind::Warnf(printf::fields(call, layout)?))
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        lower.send_args(call, &call.args);
        None
    }
}
