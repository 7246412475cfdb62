//! Calls: finding the function, and what its check needs.

use bt_grammar::ast::{self, Arg};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Checker;
use crate::builtins;
use crate::functions::external::EXTERNAL;
use crate::functions::kernel;
use crate::functions::{self, Function};
use crate::suggest;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::Ty;

/// A call as the script writes it.
pub struct CallSite<'s> {
    pub name: &'s Ident,
    pub args: &'s [Arg],
    pub span: Span,
}

impl Checker<'_> {
    pub(super) fn call(&mut self, name: &Ident, args: &[Arg], span: Span) -> Expr {
        let site = CallSite { name, args, span };
        if name.node == "comptime" {
            return self.comptime(args, span);
        }
        if args.is_empty()
            && let Some(builtin) = builtins::find(&name.node)
        {
            return builtin.check(self, &name.node, span);
        }
        match functions::find(&name.node) {
            Some(function) if function.is_unsafe() && !self.allow_unsafe => {
                let message = format!("`{}` is unsafe: it does more than look", name.node);
                let error = Diagnostic::error("E0407", span, message);
                self.report(error.here("changes something, or runs a command").help(
                    "compile with `btc --unsafe`, and run with `btrun --unsafe`, if that is what you want",
                ));
                Expr::poison(span)
            }
            Some(function) => function.check(self, &site),
            None if self.external.find(&name.node).is_some() => EXTERNAL.check(self, &site),
            None => {
                if let Some(function) = self.records.facts().kfunc(&name.node) {
                    return kernel::check(self, &site, function);
                }
                let error = Diagnostic::error(
                    "E0204",
                    name.span,
                    format!("unknown function `{}`", name.node),
                );
                let external = self.external;
                let mut known: Vec<&str> = external.names().collect();
                known.extend(functions::names().map(|name| -> &str { name }));
                let help = match suggest::closest(&name.node, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if crate::builtins::find(&name.node).is_some() => {
                        format!("it is a builtin and takes no arguments: `{}`", name.node)
                    }
                    None if name.node.contains("bpf_") => "the kernel's BTF has no function of this name for programs; `--btf FILE` gives that of another kernel".into(),
                    None => "see `btc --help-functions` for those that this version has".into(),
                };
                self.report(error.here("no function has this name").help(help));
                Expr::poison(span)
            }
        }
    }

    /// Checks the number of arguments; reports and gives false.
    pub fn arity(
        &mut self,
        site: &CallSite,
        function: &dyn Function,
        min: usize,
        max: usize,
    ) -> bool {
        let count = site.args.len();
        if (min..=max).contains(&count) {
            return true;
        }
        let want = match (min, max) {
            (a, b) if a == b => format!("{a}"),
            (a, usize::MAX) => format!("at least {a}"),
            (a, b) => format!("{a} to {b}"),
        };
        let message = format!(
            "`{}` takes {want} argument{}, not {count}",
            site.name.node,
            if want == "1" { "" } else { "s" }
        );
        let error =
            Diagnostic::error("E0401", site.span, message).here("wrong number of arguments");
        self.report(error.help(format!("its form is `{}`", function.signature())));
        false
    }

    /// The argument as an expression; a type in its place is reported.
    pub fn arg<'s>(&mut self, site: &CallSite<'s>, index: usize) -> Option<&'s ast::Expr> {
        match &site.args[index] {
            Arg::Expr(expr) => Some(expr),
            Arg::Type(ty) => {
                let error = Diagnostic::error("E0402", ty.span, "expected a value, not a type");
                self.report(error.here("this is a type"));
                None
            }
        }
    }

    /// An argument that must be a string literal.
    pub fn literal_str(&mut self, site: &CallSite, index: usize, what: &str) -> Option<String> {
        let expr = self.arg(site, index)?;
        if let ast::ExprKind::Str(bytes) = &expr.kind {
            return Some(String::from_utf8_lossy(bytes).into_owned());
        }
        if let Some(text) = text_param(expr).and_then(|index| self.params.get(&index)) {
            return Some(text.clone());
        }
        let message = format!("{what} must be a string literal");
        let error = Diagnostic::error("E0406", expr.span, message).here("not a literal");
        let help = match text_param(expr) {
            Some(index) => self.fixing(index, "TEXT"),
            None => "write it in double quotes".into(),
        };
        self.report(error.help(help));
        None
    }

    /// The first two arguments, which must be strings; `None` if that was reported.
    pub fn two_strings(&mut self, site: &CallSite) -> Option<Vec<Expr>> {
        let mut strings = Vec::new();
        for index in 0..2 {
            let arg = self.arg(site, index)?;
            let string = self.value_as_string(arg);
            match &string.ty {
                Ty::Str(_) => strings.push(string),
                Ty::Unknown => return None,
                _ => {
                    self.wrong_arg(site, &string, "a string");
                    return None;
                }
            }
        }
        Some(strings)
    }

    /// An argument that must be an integer known now.
    pub fn literal_int(&mut self, site: &CallSite, index: usize, what: &str) -> Option<i64> {
        let expr = self.arg(site, index)?;
        let value = self.value(expr);
        let literal = value.flexible_int();
        if literal.is_none() && !value.ty.is_unknown() {
            let error = Diagnostic::error(
                "E0406",
                expr.span,
                format!("{what} must be an integer literal"),
            );
            let error = error.here("not a literal");
            self.report(match expr.kind {
                ast::ExprKind::Param(index) => error.help(self.fixing(index, "NUMBER")),
                _ => error,
            });
        }
        literal
    }

    /// How a parameter becomes a literal.
    pub(super) fn fixing(&self, index: u32, value: &str) -> String {
        match self.params.get(&index) {
            Some(text) => format!("parameter ${index} is `{text}`"),
            None => format!(
                "fix it when you compile: `btc --param {index}={value} ...`; `btc run` knows its parameters"
            ),
        }
    }

    /// An argument that must be a whole map.
    pub fn map_arg(&mut self, site: &CallSite, index: usize) -> Option<Expr> {
        let expr = self.arg(site, index)?;
        let ast::ExprKind::Map(name) = &expr.kind else {
            let more = if site.args.len() > 1 { ", ..." } else { "" };
            let error = Diagnostic::error(
                "E0402",
                expr.span,
                format!("`{}` needs a map", site.name.node),
            );
            self.report(
                error
                    .here("this is none")
                    .help(format!("write `{}(@name{more})`", site.name.node)),
            );
            return None;
        };
        let map = self.map_id(name, expr.span);
        Some(Expr {
            kind: ExprKind::MapRef(map),
            ty: Ty::Unit,
            span: expr.span,
        })
    }

    /// The typed call.
    pub fn made(
        &mut self,
        site: &CallSite,
        function: &'static dyn Function,
        ty: Ty,
        args: Vec<Expr>,
        data: CallData,
    ) -> Expr {
        let id = self.next_call();
        Expr {
            kind: ExprKind::Call(Call {
                function,
                id,
                args,
                data,
            }),
            ty,
            span: site.span,
        }
    }

    /// An argument of the wrong type.
    pub fn wrong_arg(&mut self, site: &CallSite, arg: &Expr, want: &str) -> Expr {
        let message = format!(
            "`{}` needs {want}, not `{}`",
            site.name.node,
            self.show(&arg.ty)
        );
        self.report(
            Diagnostic::error("E0402", arg.span, message)
                .here(format!("this is `{}`", self.show(&arg.ty))),
        );
        Expr::poison(site.span)
    }
}

/// `$1` or `str($1)`, where a text is wanted.
fn text_param(expr: &ast::Expr) -> Option<u32> {
    match &expr.kind {
        ast::ExprKind::Param(index) => Some(*index),
        ast::ExprKind::Call { name, args } if name.node == "str" => match args.as_slice() {
            [Arg::Expr(arg)] => match arg.kind {
                ast::ExprKind::Param(index) => Some(index),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
