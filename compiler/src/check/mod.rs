//! Names, types and calls: syntax tree to typed program.
//!
//! Types of maps and variables follow from all their uses, also later ones. So the whole script is checked again and again, each
//! time with what the last round found out, until nothing changes; the last round's diagnostics are the ones that count.

mod address;
mod binary;
mod call;
mod cast;
mod comptime;
mod conditional;
mod config;
mod constant;
mod definitions;
mod equality;
mod expr;
mod fold;
mod implicit;
mod increment;
mod loops;
mod map;
mod merge;
mod place;
mod slot;
mod stmt;
mod typeinfo;
mod types;
mod user;
mod warnings;

pub use call::CallSite;
pub use config::stack_mode;
pub use constant::evaluate;

pub use crate::typed::literal_size;

use std::collections::{BTreeMap, HashMap, HashSet};

use bt_abi::manifest::Attach;
use bt_grammar::ast;
use bt_grammar::diag::{Diagnostic, Severity};
use bt_grammar::span::Span;

use crate::Options;
use crate::external::External;
use crate::probes::{self, Spec, iter};
use crate::typed::visit::{self, Node};
use crate::typed::{
    CallId, Declared, ExprKind, MapId, Probe, Script, ScriptConfig, Slot, Var, VarId,
};
use crate::types::{Records, Ty};

/// Types only grow from round to round, so that this many rounds are never needed; a guard against a mistake of ours.
const MAX_ROUNDS: usize = 64;

/// Checks a script. The typed program is complete only if no diagnostic is an error.
///
/// `environment`: variables that begin with `BPFTRACE_`.
pub fn check(
    script: &ast::Script,
    records: &Records,
    options: &Options,
    external: &External,
) -> (Script, Vec<Diagnostic>) {
    let mut checker = Checker::new(records, external);
    checker.allow_unsafe = options.allow_unsafe;
    checker.params = options.params.clone();
    let config = checker.config_blocks(script, &options.environment);
    checker.config = config;
    checker.definitions(script);
    let probes = checker.attach_points(script);
    let setup = std::mem::take(&mut checker.diagnostics);
    let mut bodies = Vec::new();
    let mut rounds = 0;
    // What a round learns may travel one use further in each; a chain is as long as there are names.
    while rounds < MAX_ROUNDS + checker.maps.len() {
        rounds += 1;
        checker.start_round();
        bodies = probes
            .iter()
            .enumerate()
            .map(|(index, (spec, probe))| checker.probe(index, spec, probe))
            .collect();
        if !checker.changed && !checker.start_counted() {
            break;
        }
    }
    checker.undefined_maps();
    checker.declared_maps();
    checker.untyped(&bodies);
    let mut diagnostics = setup;
    diagnostics.append(&mut checker.diagnostics);
    let mut seen = HashSet::new();
    diagnostics
        .retain(|d| seen.insert((d.code, d.labels.first().map(|l| l.span), d.message.clone())));
    diagnostics.sort_by_key(|d| {
        (
            d.severity == Severity::Warning,
            d.labels.first().map(|l| l.span.start),
        )
    });
    if let Some((_, probe)) = probes.iter().find(|(spec, _)| spec.kind.is_of_kernel()) {
        checker.target_slots(probe.span);
    }
    let script = Script {
        probes: bodies,
        maps: checker.maps.iter().map(MapInfo::to_typed).collect(),
        slots: checker.slots,
        config: checker.config,
        params: checker.params,
    };
    (script, diagnostics)
}

/// What is known, and what is being looked at.
pub struct Checker<'a> {
    pub records: &'a Records,
    /// Functions in C.
    pub external: &'a External,
    pub config: ScriptConfig,
    diagnostics: Vec<Diagnostic>,
    /// Calls may change something.
    allow_unsafe: bool,
    /// Parameters that are literals.
    params: BTreeMap<u32, String>,
    /// Something was learnt in this round that earlier parts of the script may depend on.
    changed: bool,
    maps: Vec<MapInfo>,
    map_ids: HashMap<String, MapId>,
    slots: Vec<Slot>,
    /// Constants of the script's enums, each with its enum.
    constants: HashMap<String, (i64, Ty)>,
    definitions: definitions::Definitions,
    /// Types of the variables of each probe, from the last round.
    var_types: Vec<Vec<Ty>>,
    /// Variables of each probe that are used after the block that assigned to them, as scripts for bpftrace before 0.21 do: they belong to
    /// the whole probe.
    hoisted: Vec<HashSet<String>>,
    next_call: u32,
    current: Current,
}

/// The probe that is being checked.
#[derive(Default)]
struct Current {
    index: usize,
    spec: Option<Spec>,
    vars: Vec<Var>,
    scopes: Vec<HashMap<String, VarId>>,
    /// Loops around the statement that is being checked.
    loops: u32,
    /// Variables that were assigned to so far.
    assigned: HashSet<VarId>,
    /// Inside of how many `sizeof`s and their like, which evaluate nothing.
    looking: u32,
    /// Copies that `unroll`s around it make.
    unrolled: i64,
}

/// A map and where its types come from.
pub struct MapInfo {
    pub name: String,
    pub span: Span,
    /// `None`: no use seen yet; `Some(None)`: without a key.
    pub key: Option<(Option<Ty>, Span)>,
    pub value: Ty,
    pub value_span: Span,
    pub declared: Option<Declared>,
    /// Programs read its aggregation.
    pub shared: bool,
    /// `@x++` and its like: the map begins at 0 if nothing else gives it a type.
    pub counted: Option<Span>,
    /// Something beside its declaration names it.
    pub used: bool,
}

impl MapInfo {
    fn to_typed(&self) -> crate::typed::Map {
        let key = self.key.as_ref().and_then(|(key, _)| key.clone());
        crate::typed::Map {
            name: self.name.clone(),
            key,
            value: self.value.clone(),
            declared: self.declared,
            shared: self.shared,
            span: self.span,
        }
    }
}

impl<'a> Checker<'a> {
    fn new(records: &'a Records, external: &'a External) -> Checker<'a> {
        Checker {
            records,
            external,
            config: ScriptConfig::default(),
            diagnostics: Vec::new(),
            allow_unsafe: false,
            params: BTreeMap::new(),
            changed: false,
            maps: Vec::new(),
            map_ids: HashMap::new(),
            slots: Vec::new(),
            constants: HashMap::new(),
            definitions: definitions::Definitions::default(),
            var_types: Vec::new(),
            hoisted: Vec::new(),
            next_call: 0,
            current: Current::default(),
        }
    }

    fn start_round(&mut self) {
        self.changed = false;
        self.diagnostics.clear();
        self.slots.clear();
        self.next_call = 0;
    }

    /// All attach points, each with its probe. Bad ones are reported and left out.
    fn attach_points<'s>(&mut self, script: &'s ast::Script) -> Vec<(Spec, &'s ast::Probe)> {
        let mut found = Vec::new();
        for item in &script.items {
            let probe = match item {
                ast::Item::Probe(probe) => probe,
                ast::Item::Config(_) => continue,
                ast::Item::Import(import) => {
                    self.unsupported(import.span, "imports");
                    continue;
                }
                ast::Item::MapDecl(decl) => {
                    self.map_declaration(decl);
                    continue;
                }
                ast::Item::Macro(def) => {
                    self.unsupported(def.name.span, "macros");
                    continue;
                }
            };
            for point in probe.attach_points.iter().flat_map(probes::alternatives) {
                match probes::parse(&point, self.records) {
                    Ok(spec) if self.is_refused(&spec, &point) => {}
                    Ok(spec) => found.push((spec, probe)),
                    Err(diagnostic) => self.report(*diagnostic),
                }
            }
        }
        self.distinct_names(&found);
        let limit = self.config.max_probes.min(self.config.max_bpf_progs);
        if let Some((_, probe)) = found.get(limit as usize) {
            let message = format!("{} probes, and max_probes is {limit}", found.len());
            let error = Diagnostic::error("E0508", probe.span, message).here("the first too many");
            self.report(error.help("raise `max_probes` and `max_bpf_progs` in the config block"));
        }
        self.var_types = vec![Vec::new(); found.len()];
        self.hoisted = vec![HashSet::new(); found.len()];
        if !script
            .items
            .iter()
            .any(|item| matches!(item, ast::Item::Probe(_)))
        {
            let error = Diagnostic::error("E0507", Span::default(), "the script has no probes");
            let help = "write at least one: `begin { printf(\"hello\\n\"); }`";
            self.report(error.here("nothing would ever run").help(help));
        }
        found
    }

    /// Probes at any address need consent.
    fn is_refused(&mut self, spec: &Spec, point: &ast::AttachPoint) -> bool {
        let refused = matches!(spec.attach, Attach::KprobeAddress { .. }) && !self.allow_unsafe;
        if refused {
            let message = format!(
                "`{}` is unsafe: nothing says what is at that address",
                spec.text
            );
            let error = Diagnostic::error("E0407", point.span, message);
            self.report(error.here("a probe at an address").help(
                "compile with `btc --unsafe`, and run with `btrun --unsafe`, if that is what you want",
            ));
        }
        refused
    }

    /// Tests and benchmarks are told apart by their names.
    fn distinct_names(&mut self, found: &[(Spec, &ast::Probe)]) {
        for (index, (spec, probe)) in found.iter().enumerate() {
            let first = found[..index].iter().find(|(s, _)| s.text == spec.text);
            if let Some((_, first)) = first.filter(|_| spec.kind.is_judged()) {
                let message = format!("`{}` is there twice", spec.text);
                let error = Diagnostic::error("E0509", probe.span, message);
                self.report(
                    error
                        .here("the second one")
                        .also(first.span, "the first one"),
                );
            }
        }
    }

    fn probe(&mut self, index: usize, spec: &Spec, probe: &ast::Probe) -> Probe {
        self.current = Current {
            index,
            spec: Some(spec.clone()),
            scopes: vec![HashMap::new()],
            ..Current::default()
        };
        let predicate = probe.predicate.as_ref().map(|p| self.condition(p));
        let hoisted = self.hoisted[index].len();
        let body = self.block(&probe.body);
        self.warn_of_never_assigned();
        let vars = std::mem::take(&mut self.current.vars);
        let types: Vec<Ty> = vars.iter().map(|v| v.ty.clone()).collect();
        if self.hoisted[index].len() > hoisted {
            // The variables will be others in the next round.
            self.var_types[index].clear();
            self.changed = true;
        }
        if self.var_types[index] != types && self.hoisted[index].len() == hoisted {
            self.var_types[index] = types;
            self.changed = true;
        }
        let span = probe.attach_points.first().map_or(probe.span, |first| {
            probe
                .attach_points
                .last()
                .map_or(first.span, |last| first.span.to(last.span))
        });
        Probe {
            kind: spec.kind,
            attach: spec.attach.clone(),
            text: spec.text.clone(),
            span,
            objects: iter::objects(self.records, &spec.attach, span),
            predicate,
            body,
            vars,
        }
    }

    /// The probe whose body is being checked.
    pub fn spec(&self) -> &Spec {
        self.current
            .spec
            .as_ref()
            .expect("a body belongs to a probe")
    }

    /// Its index among the probes, and so of its program.
    pub fn probe_index(&self) -> u32 {
        self.current.index as u32
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// A part of the language that is parsed, and that this version does not compile.
    pub fn unsupported(&mut self, span: Span, what: &str) {
        self.report(
            Diagnostic::error(
                "E0199",
                span,
                format!("{what} are not supported by this version of btc"),
            )
            .here("understood, but not compiled yet"),
        );
    }

    pub fn next_call(&mut self) -> CallId {
        self.next_call += 1;
        CallId(self.next_call - 1)
    }

    /// A type as messages show it.
    pub fn show(&self, ty: &Ty) -> String {
        self.records.display(ty).to_string()
    }

    /// What has no type after the last round would be left out of the object in silence: report it.
    fn untyped(&mut self, probes: &[Probe]) {
        if self
            .diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
        {
            return;
        }
        let mut found = Vec::new();
        for probe in probes {
            visit::probe(probe, &mut |node| {
                if let Node::Expr(expr) = node
                    && (expr.ty.is_unknown() || matches!(expr.kind, ExprKind::Poison))
                {
                    found.push(expr.span);
                }
            });
            let unknown = probe
                .vars
                .iter()
                .filter(|v| v.ty.is_unknown() && !v.declared && !v.local);
            found.extend(unknown.map(|v| v.span));
        }
        // The variable itself, rather than what is made of it.
        if !found.is_empty() {
            let unknown = probes.iter().flat_map(|p| &p.vars);
            found.extend(
                unknown
                    .filter(|v| v.ty.is_unknown() && v.local)
                    .map(|v| v.span),
            );
        }
        found.sort();
        if let Some(span) = found.first() {
            let error = Diagnostic::error("E0313", *span, "nothing gives this a type");
            let help = "assign a value to it, or declare it with a type: `let $x: uint64;`";
            self.report(error.here("used, but never assigned a value").help(help));
        }
    }

    /// Maps that nothing but `@x++` and its like gives a type begin with an `int8` 0, as in bpftrace. True if there were any.
    fn start_counted(&mut self) -> bool {
        let mut any = false;
        for map in self.maps.iter_mut().filter(|m| m.value.is_unknown()) {
            if let Some(span) = map.counted {
                map.value = Ty::int(1, true);
                map.value_span = span;
                any = true;
            }
        }
        any
    }

    fn undefined_maps(&mut self) {
        let undefined: Vec<(String, Span)> = self
            .maps
            .iter()
            .filter(|m| {
                m.value.is_unknown()
                    && m.used
                    && !self
                        .diagnostics
                        .iter()
                        .any(|d| d.severity == Severity::Error)
            })
            .map(|m| (m.name.clone(), m.span))
            .collect();
        for (name, span) in undefined {
            let known: Vec<String> = self
                .maps
                .iter()
                .filter(|m| !m.value.is_unknown())
                .map(|m| m.name.clone())
                .collect();
            let help = match crate::suggest::closest(&name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("assign to it somewhere: `{name} = ...`"),
            };
            self.report(
                Diagnostic::error("E0202", span, format!("undefined map `{name}`"))
                    .here("nothing is ever assigned to it")
                    .help(help),
            );
        }
    }
}
