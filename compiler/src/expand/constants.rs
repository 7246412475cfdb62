//! Names that nothing in the script defines: constants of headers and of the kernel's enums.
//!
//! Neither needs an `#include`. With one, constants of headers come first; without, those of the kernel's enums, which are the target's.

use std::collections::{HashMap, HashSet};

use bt_grammar::ast::{Expr, ExprKind, Script, UnaryOp};
use bt_grammar::span::{Ident, Span};

use super::walk::{self, VisitMut};
use crate::builtins;
use crate::facts::{Enumerator, KernelFacts};
use crate::functions;
use crate::source::Source;
use crate::suggest;

/// Recorded names and values (see the file's first lines).
const RECORDED: &str = include_str!("../../facts/constants-x86_64.txt");

/// Words that functions take as arguments: modes of stacks, clocks.
const WORDS: &[&str] = &[
    "bpftrace",
    "perf",
    "raw",
    "build_id",
    "boot",
    "monotonic",
    "tai",
    "sw_tai",
];

/// The value of a constant of a header.
fn recorded(name: &str) -> Option<i128> {
    // The first lines are comments, so that a line break stands before each name.
    let at = RECORDED.find(&format!("\n{name} "))?;
    let line = RECORDED[at + 1..].lines().next()?;
    line.split_once(' ')?.1.parse().ok()
}

/// What to do about a name that is none, if it is nearly a constant of a header.
pub fn help(name: &str, with_headers: bool) -> Option<String> {
    if !with_headers || suggest::closest(name, builtins::names()).is_some() {
        return None;
    }
    let names = RECORDED
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split(' ').next());
    suggest::closest(name, names).map(|near| format!("did you mean `{near}`?"))
}

/// What is left after all known constants are replaced.
#[derive(Default)]
pub struct Unknown {
    pub names: Vec<Ident>,
    /// Functions that are called, and that btc does not have; only those that the script or an import writes out.
    pub calls: HashSet<String>,
}

/// Replaces constants by their values.
pub fn resolve(
    script: &mut Script,
    source: &Source,
    facts: &dyn KernelFacts,
    with_headers: bool,
) -> Unknown {
    let mut own = Own::default();
    walk::script(&mut own, script);
    let mut resolver = Resolver {
        source,
        facts,
        own: own.names,
        with_headers,
        known: HashMap::new(),
        unknown: Unknown::default(),
    };
    walk::script(&mut resolver, script);
    resolver.unknown
}

/// The constants of the script's enums.
#[derive(Default)]
struct Own {
    names: HashSet<String>,
}

impl VisitMut for Own {
    fn variant(&mut self, name: &mut Ident) {
        self.names.insert(name.node.clone());
    }
}

/// Makes holes of names that were reported, so that nothing more is said about them.
pub fn poison(script: &mut Script, names: &[Ident]) {
    if !names.is_empty() {
        let spans = names.iter().map(|n| n.span).collect();
        walk::script(&mut Poison { spans }, script);
    }
}

struct Poison {
    spans: HashSet<Span>,
}

impl VisitMut for Poison {
    fn expr(&mut self, e: &mut Expr) {
        if matches!(e.kind, ExprKind::Ident(_)) && self.spans.contains(&e.span) {
            e.kind = ExprKind::Error;
        }
        walk::expr(self, e);
    }
}

struct Resolver<'a> {
    source: &'a Source,
    facts: &'a dyn KernelFacts,
    own: HashSet<String>,
    with_headers: bool,
    known: HashMap<String, Option<Constant>>,
    unknown: Unknown,
}

#[derive(Clone, Copy)]
enum Constant {
    Value(i128),
    /// Of an enum of the kernel that has a name.
    Kernel,
}

impl Resolver<'_> {
    fn value(&mut self, name: &str) -> Option<Constant> {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let from_header = || recorded(name).map(Constant::Value);
        let constant = |found: Enumerator| match found.of.is_empty() {
            true => Constant::Value(found.value),
            false => Constant::Kernel,
        };
        let of_enum = || self.facts.enumerator(name).map(constant);
        let of_module = || self.facts.module_enumerator(name).map(constant);
        let value = match self.with_headers {
            true => from_header().or_else(of_enum),
            false => match of_enum() {
                Some(Constant::Kernel) => Some(Constant::Kernel),
                other => from_header().or(other),
            },
        };
        let value = value.or_else(of_module);
        self.known.insert(name.to_string(), value);
        value
    }
}

impl VisitMut for Resolver<'_> {
    fn expr(&mut self, e: &mut Expr) {
        match &e.kind {
            ExprKind::Ident(name) => {
                let name = name.clone();
                let is_known = self.own.contains(&name)
                    || WORDS.contains(&name.as_str())
                    || builtins::find(&name).is_some();
                if is_known {
                    return;
                }
                match self.value(&name) {
                    // The target may have another value.
                    Some(Constant::Kernel) => {}
                    Some(Constant::Value(value)) => e.kind = literal(value, e.span),
                    None => self.unknown.names.push(Ident {
                        node: name,
                        span: e.span,
                    }),
                }
            }
            ExprKind::Call { name, .. } => {
                let written = self.source.trail(e.span).is_empty();
                if written && functions::find(&name.node).is_none() {
                    self.unknown.calls.insert(name.node.clone());
                }
                walk::expr(self, e);
            }
            _ => walk::expr(self, e),
        }
    }
}

fn literal(value: i128, span: Span) -> ExprKind {
    let magnitude = value.unsigned_abs() as u64;
    let int = ExprKind::Int(magnitude);
    if value >= 0 {
        return int;
    }
    ExprKind::Unary {
        op: UnaryOp::Neg,
        expr: Box::new(Expr { kind: int, span }),
    }
}

#[cfg(test)]
mod tests {
    use super::recorded;

    #[test]
    fn known_values() {
        assert_eq!(recorded("AF_INET6"), Some(10));
        assert_eq!(recorded("AT_FDCWD"), Some(-100));
        assert_eq!(recorded("ULONG_MAX"), Some(i128::from(u64::MAX)));
        assert_eq!(recorded("O_LARGEFILE"), Some(0o100000));
        assert_eq!(recorded("AF_INE"), None);
        assert_eq!(recorded(""), None);
    }

    #[test]
    fn every_line_is_a_constant() {
        for line in super::RECORDED.lines().filter(|l| !l.starts_with('#')) {
            let (name, value) = line.split_once(' ').expect(line);
            assert_eq!(recorded(name), value.parse().ok(), "{line}");
        }
    }
}
