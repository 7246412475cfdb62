//! The macros of a script: which one a call means.

use std::collections::HashMap;
use std::collections::HashSet;

use bt_grammar::ast::{Arg, ExprKind, Item, Macro, MacroParam, MacroParamKind, Script};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Ident;

use super::measure;

/// All macros, by name, those of one name in the order of the script.
#[derive(Default)]
pub struct Macros {
    all: Vec<Known>,
    by_name: HashMap<String, Vec<usize>>,
}

pub struct Known {
    pub def: Macro,
    /// Nodes of the body, to see in advance what an expansion costs.
    pub nodes: usize,
}

/// What a parameter takes, or an argument is.
fn kind_of(arg: &Arg) -> MacroParamKind {
    match arg {
        Arg::Expr(e) => match e.kind {
            ExprKind::Var(_) => MacroParamKind::Variable,
            ExprKind::Map(_) => MacroParamKind::Map,
            _ => MacroParamKind::Expr,
        },
        Arg::Type(_) => MacroParamKind::Expr,
    }
}

/// An expression parameter takes anything.
fn takes(param: &MacroParam, given: MacroParamKind) -> bool {
    param.kind == MacroParamKind::Expr || param.kind == given
}

fn name_of(kind: MacroParamKind) -> &'static str {
    match kind {
        MacroParamKind::Variable => "a variable",
        MacroParamKind::Map => "a map",
        MacroParamKind::Expr => "an expression",
    }
}

impl Macros {
    /// Takes the macros out of a script.
    pub fn take(script: &mut Script, diagnostics: &mut Vec<Diagnostic>) -> Macros {
        let mut macros = Macros::default();
        let items = std::mem::take(&mut script.items);
        for item in items {
            match item {
                Item::Macro(def) => macros.add(def, diagnostics),
                other => script.items.push(other),
            }
        }
        macros
    }

    fn add(&mut self, mut def: Macro, diagnostics: &mut Vec<Diagnostic>) {
        let kinds: Vec<MacroParamKind> = def.params.iter().map(|p| p.kind).collect();
        let mut names = HashSet::new();
        for param in &def.params {
            if !names.insert(&param.name.node) {
                let message = format!("parameter `{}` is named twice", param.name.node);
                let error = Diagnostic::error("E0216", param.name.span, message);
                diagnostics.push(error.here("named again here"));
                return;
            }
        }
        if let Some(earlier) = self.exact(&def.name.node, &kinds) {
            let message = format!("macro `{}` is defined twice", def.name.node);
            let earlier = self.all[earlier].def.name.span;
            diagnostics.push(
                Diagnostic::error("E0216", def.name.span, message)
                    .here("no call could mean this one")
                    .also(earlier, "takes all the same arguments")
                    .help("macros of one name differ in the number of their parameters or in their kinds"),
            );
            return;
        }
        let nodes = measure::block(&mut def.body).nodes;
        let name = def.name.node.clone();
        self.all.push(Known { def, nodes });
        let index = self.all.len() - 1;
        self.by_name.entry(name).or_default().push(index);
    }

    pub fn get(&self, index: usize) -> &Known {
        &self.all[index]
    }

    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    fn exact(&self, name: &str, given: &[MacroParamKind]) -> Option<usize> {
        let fits = |index: &&usize| {
            let params = &self.all[**index].def.params;
            params.len() == given.len() && params.iter().zip(given).all(|(p, k)| takes(p, *k))
        };
        self.by_name.get(name)?.iter().find(fits).copied()
    }

    /// The macro that a call means, or what is wrong with the call.
    pub fn find(&self, name: &Ident, args: &[Arg]) -> Result<usize, Box<Diagnostic>> {
        let given: Vec<MacroParamKind> = args.iter().map(kind_of).collect();
        self.exact(&name.node, &given)
            .ok_or_else(|| Box::new(self.mismatch(name, args, &given)))
    }

    fn mismatch(&self, name: &Ident, args: &[Arg], given: &[MacroParamKind]) -> Diagnostic {
        let candidates = self.by_name.get(&name.node);
        let distance = |index: &&usize| {
            let params = &self.all[**index].def.params;
            let wrong = params.iter().zip(given).filter(|(p, k)| !takes(p, **k));
            (params.len().abs_diff(given.len()), wrong.count())
        };
        let Some(nearest) = candidates.and_then(|c| c.iter().min_by_key(distance)) else {
            let message = format!("unknown macro `{}`", name.node);
            return Diagnostic::error("E0210", name.span, message);
        };
        let def = &self.all[*nearest].def;
        let help = format!("its form is `{}`", signature(def));
        let wrong = def
            .params
            .iter()
            .zip(given)
            .position(|(p, k)| !takes(p, *k));
        let error = match wrong {
            _ if def.params.len() != given.len() => {
                let count = def.params.len();
                let message = format!(
                    "macro `{}` takes {count} argument{}, not {}",
                    name.node,
                    if count == 1 { "" } else { "s" },
                    given.len()
                );
                Diagnostic::error("E0210", name.span, message).here("wrong number of arguments")
            }
            Some(at) => {
                let param = &def.params[at];
                let message = format!(
                    "macro `{}` needs {} here, not {}",
                    name.node,
                    name_of(param.kind),
                    name_of(given[at])
                );
                Diagnostic::error("E0210", args[at].span(), message)
                    .here(format!("expected {}", name_of(param.kind)))
            }
            None => Diagnostic::error("E0210", name.span, "no such macro"),
        };
        let place = match wrong.filter(|_| def.params.len() == given.len()) {
            Some(at) => def.params[at].name.span,
            None => def.name.span,
        };
        error.also(place, "defined here").help(help)
    }
}

/// `name($a, @b, c)`
fn signature(def: &Macro) -> String {
    let params: Vec<&str> = def.params.iter().map(|p| p.name.node.as_str()).collect();
    format!("{}({})", def.name.node, params.join(", "))
}
