//! Replaces calls of macros and uses of `#define`s by what they stand for.
//!
//! Macros are hygienic: a body sees its own variables, under names that no script can write, and what its parameters were
//! given. Arguments are expanded where the call stands, before they are put into the body.

use std::collections::HashMap;

use bt_grammar::ast::{
    Arg, Block, CType, Expr, ExprKind, MacroParamKind, Stmt, StmtKind, TypeExpr, UnaryOp,
};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::defines::{Defines, Problem};
use super::macros::Macros;
use super::measure::{self, Measure};
use super::walk::{self, Shift, VisitMut};
use crate::builtins;
use crate::functions;
use crate::source::Source;

/// Nodes that expansion may add. A macro that uses its argument twice, nested twenty times, is a million.
const MAX_NODES: usize = 200_000;

/// Levels that a tree may have; what is written out has at most 700.
const MAX_DEPTH: usize = 800;

/// What stands between a variable's name and the number of the expansion that it belongs to.
pub const HYGIENE: char = '#';

/// In the text of a `#define`, the parameters of the macro around it that were given values: with a `$`, so that `(x) * 2` is
/// no cast.
const PARAM: &str = "$__btc_param_";

pub struct Expander<'a> {
    source: &'a Source,
    macros: &'a Macros,
    pub(super) defines: &'a Defines,
    pub diagnostics: Vec<Diagnostic>,
    /// The macros that are being expanded, the outermost first.
    stack: Vec<usize>,
    /// The innermost of them; nothing outside of macros.
    pub(super) frame: Option<Frame>,
    /// The text that is being looked at came from a `#define`, in which all names are expanded already.
    pub(super) from_define: bool,
    expansions: u32,
    nodes: usize,
    depth: usize,
    /// Too much was expanded, and that was said.
    exhausted: bool,
}

/// What names mean within a macro's body.
pub struct Frame {
    id: u32,
    vars: HashMap<String, String>,
    maps: HashMap<String, String>,
    pub(super) exprs: HashMap<String, Bound>,
}

/// What an expression parameter was given.
pub struct Bound {
    pub(super) arg: Arg,
    pub(super) size: Measure,
}

impl<'a> Expander<'a> {
    pub fn new(source: &'a Source, macros: &'a Macros, defines: &'a Defines) -> Expander<'a> {
        Expander {
            source,
            macros,
            defines,
            diagnostics: Vec::new(),
            stack: Vec::new(),
            frame: None,
            from_define: false,
            expansions: 0,
            nodes: 0,
            depth: 0,
            exhausted: false,
        }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether a tree of this size may be put here; reports if not.
    pub(super) fn afford(&mut self, size: Measure, span: Span) -> bool {
        if self.exhausted {
            return false;
        }
        if self.nodes + size.nodes <= MAX_NODES && self.depth + size.depth <= MAX_DEPTH {
            self.nodes += size.nodes;
            return true;
        }
        self.exhausted = true;
        self.report(
            Diagnostic::error("E0213", span, "macros expand to too much code")
                .here("too much by here")
                .help("bind an argument that is used several times to a variable: `let $x = x;`"),
        );
        false
    }

    /// A name: a parameter, a `#define`, or a macro without arguments.
    fn name(&mut self, e: &mut Expr) {
        let ExprKind::Ident(name) = &e.kind else {
            return;
        };
        let name = name.clone();
        if self.bound(&name).is_some() {
            return self.substitute(e, &name);
        }
        if !self.from_define && self.defines.is_value(&name) {
            return self.define(e, &name);
        }
        if self.macros.has(&name) {
            let ident = Ident {
                node: name,
                span: e.span,
            };
            self.call(e, &ident, Vec::new(), true);
        }
    }

    pub(super) fn bound(&self, name: &str) -> Option<&Bound> {
        self.frame.as_ref()?.exprs.get(name)
    }

    /// A parameter by its argument.
    fn substitute(&mut self, e: &mut Expr, name: &str) {
        let Some(Bound { arg, size }) = self.bound(name) else {
            return;
        };
        let (arg, size) = (arg.clone(), *size);
        if !self.afford(size, e.span) {
            e.kind = ExprKind::Error;
            return;
        }
        *e = match arg {
            Arg::Expr(given) => given,
            Arg::Type(ty) => Expr {
                span: e.span,
                kind: ExprKind::Typeof(Box::new(Arg::Type(ty))),
            },
        };
    }

    /// An argument in the place of a parameter that the body changes.
    fn refuse_change(&mut self, target: &Expr) {
        if let ExprKind::Ident(name) = &target.kind
            && self.bound(name).is_some()
        {
            let message = format!("parameter `{name}` is an expression, and cannot be changed");
            let help = format!("declare it as a variable, `${name}`, or as a map, `@{name}`");
            self.report(
                Diagnostic::error("E0210", target.span, message)
                    .here("changed here")
                    .help(help),
            );
        }
    }

    /// A use of a `#define`, with its arguments as they are written.
    fn define(&mut self, e: &mut Expr, name: &str) {
        let Some(parsed) = self.define_text(name, e.span) else {
            e.kind = ExprKind::Error;
            return;
        };
        *e = parsed;
        let outer = std::mem::replace(&mut self.from_define, true);
        self.expr(e);
        self.from_define = outer;
    }

    /// What the use of a `#define` stands for, parsed; its names are not looked at yet.
    fn define_text(&mut self, name: &str, span: Span) -> Option<Expr> {
        let written = self.source.slice(span)?;
        let definition = self.defines.span(name)?;
        let param = |name: &str| {
            let is_value = match &self.bound(name)?.arg {
                Arg::Expr(e) => match &e.kind {
                    ExprKind::Ident(given) => builtins::find(given).is_some(),
                    kind => !matches!(kind, ExprKind::Typeof(_)),
                },
                Arg::Type(_) => false,
            };
            is_value.then(|| format!("{PARAM}{name}"))
        };
        let text = match self.defines.expand(&written, param) {
            Ok(text) => text,
            Err(problem) => {
                self.report(problem_here(&problem, name, span, definition));
                return None;
            }
        };
        let (mut parsed, mut errors) = bt_grammar::parse_expression(&text);
        if !errors.is_empty() {
            let first = errors.swap_remove(0).message;
            let text = text.replace(PARAM, "");
            let mut shown: String = text.chars().take(60).collect();
            if shown.len() < text.len() {
                shown.push_str("...");
            }
            let message = format!("`{name}` does not stand for an expression");
            self.report(
                Diagnostic::error("E0214", span, message)
                    .here(format!("this is replaced by `{shown}`: {first}"))
                    .also(definition, "defined here")
                    .help("a `#define` that is used must be a complete expression or type"),
            );
            return None;
        }
        let size = measure::expr(&mut parsed);
        if !self.afford(size, span) {
            return None;
        }
        let start = self.source.add_text(name, &text, span, definition)?;
        Shift(start).expr(&mut parsed);
        Some(parsed)
    }

    /// What a `#define` stands for where a type is wanted.
    pub(super) fn define_type(&mut self, name: &str, span: Span) -> Option<Arg> {
        let definition = self.defines.span(name)?;
        let text = match self.defines.expand(name, |_| None) {
            Ok(text) => format!("sizeof({text})"),
            Err(problem) => {
                self.report(problem_here(&problem, name, span, definition));
                return None;
            }
        };
        let (mut parsed, errors) = bt_grammar::parse_expression(&text);
        let start = self.source.add_text(name, &text, span, definition)?;
        Shift(start).expr(&mut parsed);
        match parsed.kind {
            ExprKind::Sizeof(arg) if errors.is_empty() => Some(*arg),
            _ => {
                self.report(
                    Diagnostic::error("E0214", span, format!("`{name}` does not stand for a type"))
                        .here("expected a type")
                        .also(definition, "defined here"),
                );
                None
            }
        }
    }

    /// A call of a macro, whose arguments are expanded. A bare name has none.
    fn call(&mut self, e: &mut Expr, name: &Ident, args: Vec<Arg>, bare: bool) {
        let index = match self.macros.find(name, &args) {
            Ok(index) => index,
            // A function or a builtin of that name: what the macros do not take is for it.
            Err(_) if !bare && functions::find(&name.node).is_some() => return,
            Err(_) if args.is_empty() && builtins::find(&name.node).is_some() => return,
            Err(error) => {
                self.report(*error);
                e.kind = ExprKind::Error;
                return;
            }
        };
        if let Some(from) = self.stack.iter().position(|i| *i == index) {
            self.recursive(from, index, e.span);
            e.kind = ExprKind::Error;
            return;
        }
        let known = self.macros.get(index);
        let (def, nodes) = (&known.def, known.nodes);
        let room = self.afford(Measure { nodes, depth: 0 }, e.span);
        let copied = match room {
            true => self.source.add_body(&name.node, def.body.span, e.span),
            false => None,
        };
        let Some(start) = copied else {
            e.kind = ExprKind::Error;
            return;
        };
        let mut body = def.body.clone();
        Shift::between(def.body.span.start, start).block(&mut body);
        self.expansions += 1;
        let mut frame = Frame {
            id: self.expansions,
            vars: HashMap::new(),
            maps: HashMap::new(),
            exprs: HashMap::new(),
        };
        for (param, arg) in def.params.iter().zip(args) {
            frame.bind(param.kind, &param.name.node, arg);
        }
        let outer = self.frame.replace(frame);
        let from_define = std::mem::replace(&mut self.from_define, false);
        self.stack.push(index);
        self.block(&mut body);
        self.stack.pop();
        self.from_define = from_define;
        self.frame = outer;
        match body.tail.take() {
            // Only a value: literals stay literals. But a variable is none to be changed.
            Some(value)
                if body.stmts.is_empty()
                    && !matches!(value.kind, ExprKind::Var(_) | ExprKind::Map(_)) =>
            {
                *e = *value;
            }
            tail => {
                body.tail = tail;
                e.kind = ExprKind::Block(body);
            }
        }
    }

    fn recursive(&mut self, from: usize, index: usize, span: Span) {
        let name = |i: &usize| self.macros.get(*i).def.name.node.clone();
        let mut chain: Vec<String> = self.stack[from..].iter().map(name).collect();
        chain.push(name(&index));
        let message = format!("macro `{}` calls itself", name(&index));
        self.report(
            Diagnostic::error("E0211", span, message)
                .here(chain.join(" -> "))
                .help("macros are expanded when the script is compiled; use a loop"),
        );
    }

    /// A variable under the name that it has outside of the macro, or under one of its own.
    fn rename(&self, name: &mut String) {
        let Some(frame) = &self.frame else { return };
        match frame.vars.get(name.as_str()) {
            Some(outer) => name.clone_from(outer),
            None => name.push_str(&format!("{HYGIENE}{}", frame.id)),
        }
    }

    fn map(&mut self, name: &mut String, span: Span) {
        let Some(frame) = &self.frame else { return };
        match frame.maps.get(name.as_str()) {
            Some(outer) => name.clone_from(outer),
            None => {
                let message = format!("map `{name}` is not a parameter of the macro");
                let error = Diagnostic::error("E0215", span, message)
                    .here("a macro sees only the maps that it is given")
                    .help(format!(
                        "add `{name}` to the macro's parameters, and pass it in the call"
                    ));
                self.report(error);
            }
        }
    }

    /// Goes one level down, unless that is too deep.
    fn deeper(&mut self, span: Span, inside: impl FnOnce(&mut Self)) {
        self.depth += 1;
        // What is written out is as deep as the grammar allows.
        if self.frame.is_none() || self.afford(Measure::default(), span) {
            inside(self);
        }
        self.depth -= 1;
    }
}

impl Frame {
    fn bind(&mut self, kind: MacroParamKind, param: &str, arg: Arg) {
        match (kind, arg) {
            (
                MacroParamKind::Variable,
                Arg::Expr(Expr {
                    kind: ExprKind::Var(name),
                    ..
                }),
            ) => {
                self.vars.insert(param.to_string(), name);
            }
            (
                MacroParamKind::Map,
                Arg::Expr(Expr {
                    kind: ExprKind::Map(name),
                    ..
                }),
            ) => {
                self.maps.insert(param.to_string(), name);
            }
            (_, arg) => {
                let bound = Bound::new(arg);
                self.exprs.insert(param.to_string(), bound);
            }
        }
    }
}

impl Bound {
    fn new(arg: Arg) -> Bound {
        let mut arg = match arg {
            // The value of the map, and never the map.
            Arg::Expr(e) if matches!(e.kind, ExprKind::Map(_)) => Arg::Expr(Expr {
                span: e.span,
                kind: ExprKind::Block(Block {
                    stmts: Vec::new(),
                    span: e.span,
                    tail: Some(Box::new(e)),
                }),
            }),
            Arg::Expr(Expr {
                kind: ExprKind::Typeof(inner),
                ..
            }) if matches!(*inner, Arg::Type(_)) => *inner,
            other => other,
        };
        let size = match &mut arg {
            Arg::Expr(e) => measure::expr(e),
            Arg::Type(t) => measure::type_expr(t),
        };
        Bound { arg, size }
    }
}

fn problem_here(problem: &Problem, name: &str, span: Span, definition: Span) -> Diagnostic {
    let (code, message) = match problem {
        Problem::TooLarge => ("E0213", format!("`{name}` expands to too much text")),
        Problem::Arguments { name, want, given } => (
            "E0214",
            format!("`{name}` takes {want} arguments, not {given}"),
        ),
        Problem::Unclosed { name } => ("E0214", format!("the arguments of `{name}` do not end")),
    };
    Diagnostic::error(code, span, message)
        .here("used here")
        .also(definition, "defined here")
}

/// A block of statements whose last expression is a block itself: its value is not used, and it need not have one.
fn demote(block: &mut Block) {
    if let Some(tail) = &mut block.tail
        && let ExprKind::Block(inner) = &mut tail.kind
    {
        demote(inner);
        let span = tail.span;
        if let Some(tail) = block.tail.take()
            && let ExprKind::Block(inner) = tail.kind
        {
            let kind = StmtKind::Block(inner);
            block.stmts.push(Stmt { kind, span });
        }
    }
}

impl VisitMut for Expander<'_> {
    fn expr(&mut self, e: &mut Expr) {
        let span = e.span;
        self.deeper(span, |v| match &mut e.kind {
            ExprKind::Ident(_) => v.name(e),
            ExprKind::Var(name) => match name.strip_prefix(PARAM).map(str::to_string) {
                Some(param) if v.from_define => v.substitute(e, &param),
                _ => v.rename(name),
            },
            ExprKind::Map(name) => v.map(name, span),
            ExprKind::Call { name, .. }
                if !v.from_define
                    && v.bound(&name.node).is_none()
                    && v.defines.is_known(&name.node) =>
            {
                let name = name.node.clone();
                v.define(e, &name);
            }
            ExprKind::Call { name, args } if v.macros.has(&name.node) => {
                args.iter_mut().for_each(|a| v.arg(a));
                let (name, args) = (name.clone(), args.clone());
                v.call(e, &name, args, false);
            }
            ExprKind::IncDec { target, .. } => {
                v.refuse_change(target);
                walk::expr(v, e);
            }
            ExprKind::Unary {
                op: UnaryOp::AddressOf,
                expr,
            } => {
                v.refuse_change(expr);
                walk::expr(v, e);
            }
            ExprKind::Offsetof { path, .. } => {
                v.offsetof_path(path);
                walk::expr(v, e);
            }
            _ => walk::expr(v, e),
        });
    }

    fn stmt(&mut self, s: &mut Stmt) {
        if let StmtKind::Assign { target, .. } = &s.kind {
            self.refuse_change(target);
        }
        walk::stmt(self, s);
        // What a call expands to stands for itself, and need not have a value.
        if let StmtKind::Expr(e) = &mut s.kind
            && let ExprKind::Block(block) = &mut e.kind
        {
            demote(block);
            let empty = Block {
                stmts: Vec::new(),
                tail: None,
                span: block.span,
            };
            s.kind = StmtKind::Block(std::mem::replace(block, empty));
        }
    }

    fn block(&mut self, b: &mut Block) {
        let span = b.span;
        self.deeper(span, |v| walk::block(v, b));
        let valueless = b
            .tail
            .as_ref()
            .is_some_and(|t| matches!(&t.kind, ExprKind::Block(inner) if inner.tail.is_none()));
        if valueless {
            demote(b);
        }
    }

    fn body(&mut self, b: &mut Block) {
        self.block(b);
        demote(b);
    }

    fn type_arg(&mut self, a: &mut Arg) {
        self.replace_type_arg(a);
    }

    fn type_expr(&mut self, t: &mut TypeExpr) {
        self.replace_type(t);
    }

    fn c_type(&mut self, t: &mut CType) {
        self.replace_c_type(t);
    }

    fn declared(&mut self, name: &mut Ident) {
        let shadows = self
            .frame
            .as_ref()
            .is_some_and(|f| f.vars.contains_key(&name.node));
        if shadows {
            let message = format!("`{}` is a parameter of the macro", name.node);
            self.report(
                Diagnostic::error("E0210", name.span, message)
                    .here("declared again")
                    .help("use another name"),
            );
        }
        self.rename(&mut name.node);
    }
}
