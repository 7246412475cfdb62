//! `uaddr()`: where a variable of the traced program lies.

use bt_abi::manifest::{Named, SlotValue};
use bt_grammar::ast::{self, ExprKind as A, TypeBase, TypeExpr, TypeModifier};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Function;
use crate::arch::X86_64;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::probes::ProbeKind;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Space, Ty, UINT64};

pub struct Uaddr;

impl Function for Uaddr {
    fn name(&self) -> &'static str {
        "uaddr"
    }

    fn signature(&self) -> &'static str {
        "uint64 *uaddr(const string symbol)"
    }

    fn about(&self) -> &'static str {
        "the address of a variable of the traced program or library, wherever that is loaded (uprobe, uretprobe); `*uaddr(...)` reads as many bytes as the variable has (1, 2, 4 or 8)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"uprobe:/bin/bash:readline { printf("PS1: %s\n", str(*uaddr("ps1_prompt"))); }"#,
            )]
        }
    }

    /// Arguments: the distance of the symbol from the place of the probe, and, where the registers do not say it, where that place is.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let kind = cx.spec().kind;
        if !matches!(kind, ProbeKind::Uprobe | ProbeKind::Uretprobe) {
            let message = format!("`uaddr` is not available in `{}`", cx.spec().text);
            let error = Diagnostic::error("E0505", site.span, message);
            cx.report(
                error
                    .here("not a function of a program or library")
                    .help("use a uprobe or uretprobe"),
            );
            return Expr::poison(site.span);
        }
        let Some(name) = cx.literal_str(site, 0, "the name of a symbol") else {
            return Expr::poison(site.span);
        };
        let program = cx.probe_index();
        let named = Named { name };
        let slot = SlotValue::UserAddress { program, named };
        let mut args = vec![cx.slot(slot, UINT64, site.span)];
        if kind == ProbeKind::Uretprobe {
            let function = cx.expr(&entered(site.span));
            if function.ty.is_unknown() {
                return Expr::poison(site.span);
            }
            args.push(function);
        }
        let ty = Ty::Ptr(Box::new(UINT64), Space::User);
        cx.made(site, self, ty, args, CallData::None)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let distance = lower.scalar(call.args.first()?);
        let place = match call.args.get(1) {
            Some(function) => lower.scalar(function),
            None => {
                let ip = X86_64.named.iter().find(|(name, _)| *name == "ip");
                lower.context_word(ip?.1)
            }
        };
        Some(lower.b.add(place, distance))
    }
}

/// `*uaddr("x")`: what to keep of the eight bytes there, since the size of the variable is known on the target alone.
pub fn mask(cx: &mut Checker, operand: &ast::Expr) -> Option<Expr> {
    let A::Call { name, args } = &operand.kind else {
        return None;
    };
    let [ast::Arg::Expr(symbol)] = args.as_slice() else {
        return None;
    };
    match &symbol.kind {
        A::Str(text) if name.node == "uaddr" => {
            let slot = SlotValue::UserMask {
                program: cx.probe_index(),
                named: Named {
                    name: String::from_utf8_lossy(text).into_owned(),
                },
            };
            Some(cx.slot(slot, UINT64, operand.span))
        }
        _ => None,
    }
}

/// Where the function began that returns, as the kernel keeps it while it runs the program:
/// `kptr((struct uprobe_dispatch_data *)curtask.utask.vaddr).bp_addr`.
fn entered(span: Span) -> ast::Expr {
    let expr = |kind| ast::Expr { kind, span };
    let field = |base: ast::Expr, name: &str| {
        expr(A::Field {
            base: Box::new(base),
            name: Ident {
                node: name.into(),
                span,
            },
            arrow: false,
        })
    };
    let task = expr(A::Ident("curtask".into()));
    let data = expr(A::Cast {
        ty: TypeExpr {
            base: TypeBase::Struct("uprobe_dispatch_data".into()),
            modifiers: vec![TypeModifier::Pointer],
            span,
        },
        expr: Box::new(field(field(task, "utask"), "vaddr")),
    });
    let data = expr(A::Call {
        name: Ident {
            node: "kptr".into(),
            span,
        },
        args: vec![ast::Arg::Expr(data)],
    });
    field(data, "bp_addr")
}
