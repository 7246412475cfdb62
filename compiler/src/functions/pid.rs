//! `pid(namespace)` and `tid(namespace)`: ids as a pid namespace counts them.

use bt_grammar::ast::{self, Arg, ExprKind};
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_CURRENT_PID_TGID;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::UINT32;

pub struct Id {
    name: &'static str,
    signature: &'static str,
    about: &'static str,
    examples: &'static [Example],
    /// The process, not the thread.
    process: bool,
}

pub static PID: Id = Id {
    name: "pid",
    signature: "uint32 pid([curr_ns|init])",
    about: "process id of the current task, as the pid namespace of btrun counts (curr_ns, the default), or the root one (init)",
    examples: &[Example::new("begin { print(pid(init) == pid); exit(); }")],
    process: true,
};

pub static TID: Id = Id {
    name: "tid",
    signature: "uint32 tid([curr_ns|init])",
    about: "thread id of the current task, as the pid namespace of btrun counts (curr_ns, the default), or the root one (init)",
    examples: &[Example::new("begin { print(tid(init) == tid); exit(); }")],
    process: false,
};

impl Function for Id {
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

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 0, 1) {
            return Expr::poison(site.span);
        }
        let namespace = match &site.args[0] {
            Arg::Expr(ast::Expr {
                kind: ExprKind::Ident(name),
                ..
            }) => name.as_str(),
            _ => "",
        };
        match namespace {
            "curr_ns" => cx.expr(&ast::Expr {
                kind: ExprKind::Ident(self.name.into()),
                span: site.span,
            }),
            "init" => cx.made(site, self, UINT32, Vec::new(), CallData::None),
            _ => {
                let span = site.args[0].span();
                let error = Diagnostic::error("E0402", span, "unknown pid namespace");
                cx.report(
                    error
                        .here("no namespace has this name")
                        .help("namespaces are curr_ns and init"),
                );
                Expr::poison(site.span)
            }
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, _: &Call) -> Option<IntValue<'c>> {
        let both = lower.helper(GET_CURRENT_PID_TGID, &[]);
        Some(match self.process {
            true => lower.b.shr(both, lower.int(32), false),
            false => lower.b.narrow(both, 4, false),
        })
    }
}
