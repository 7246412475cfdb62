//! `len()`: how many entries a map has, how many frames a stack.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;

use super::Function;
use crate::builtins::stack_length;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{INT64, Ty};

pub struct Len;

impl Function for Len {
    fn name(&self) -> &'static str {
        "len"
    }

    fn signature(&self) -> &'static str {
        "int64 len(@map) or len(stack)"
    }

    fn about(&self) -> &'static str {
        "the number of entries of a map, or of frames of a stack"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"begin { @["a"] = 1; @["b"] = 2; print(len(@)); clear(@); exit(); }"#,
                "2",
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        if let ast::ExprKind::Map(name) = &arg.kind {
            let map = cx.map_id(name, arg.span);
            let without_key = matches!(cx.map(map).key, Some((None, _)));
            if !without_key || !matches!(cx.map(map).value, Ty::Stack(_)) {
                return self.of_map(cx, site, name, without_key);
            }
        }
        let value = cx.value(arg);
        match value.ty {
            Ty::Stack(stack) => {
                let data = CallData::Stack(stack);
                cx.made(site, self, INT64, vec![value], data)
            }
            Ty::Unknown => Expr::poison(site.span),
            _ => cx.wrong_arg(site, &value, "a map or a stack"),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let arg = call.args.first()?;
        match (&arg.kind, &call.data) {
            (ExprKind::MapRef(map), _) => Some(lower.map_length(*map)),
            (_, CallData::Stack(stack)) => {
                let value = lower.memory(arg);
                Some(stack_length(lower, *stack, value))
            }
            _ => None,
        }
    }
}

impl Len {
    fn of_map(
        &'static self,
        cx: &mut Checker,
        site: &CallSite,
        name: &str,
        without_key: bool,
    ) -> Expr {
        if without_key {
            let message = format!("map `{name}` has no keys to count");
            let error = Diagnostic::error("E0402", site.args[0].span(), message);
            cx.report(
                error
                    .here("used without a key")
                    .help("`len` counts the entries of a map with keys"),
            );
            return Expr::poison(site.span);
        }
        match cx.map_arg(site, 0) {
            Some(map) => cx.made(site, self, INT64, vec![map], CallData::None),
            None => Expr::poison(site.span),
        }
    }
}
