//! Settles every id, offset and name that the object and its reader share, and writes the manifest.
//!
//! Code generation reads the [`Plan`]; it makes no ids of its own.

mod alternatives;
mod flags;
mod plan;
mod sessions;

pub use alternatives::AlternativePlan;
pub use flags::flag_faults;
pub use plan::{EventPlan, FieldPlan, MapPlan, Plan};
pub use sessions::SessionPlan;

use bt_abi::manifest::{self as abi, Attach, EventKind, FieldOwner, FieldUse, Manifest};
use bt_abi::record::HEADER_SIZE;
use bt_abi::types::Layout;
use bt_grammar::span::Span;

use crate::pinned;
use crate::source::Source;
use crate::typed::visit::{self, Node};
use crate::typed::{Call, Expr, ExprKind, Script, Step};
use crate::types::{FunctionKind, Origin, Records, Ty};

/// Lays a record out while a function names its fields.
pub struct EventLayout<'s> {
    script: &'s Script,
    layout: Layout,
    fields: Vec<FieldPlan>,
}

impl EventLayout<'_> {
    fn new(script: &Script) -> EventLayout<'_> {
        EventLayout {
            script,
            layout: Layout::new(HEADER_SIZE),
            fields: Vec::new(),
        }
    }

    /// A field for the value of an expression.
    pub fn arg(&mut self, expr: &Expr) -> abi::Arg {
        let ty = expr.ty.to_abi();
        self.field(ty, false)
    }

    /// A field for a key of a map, as it lies in the map.
    pub fn key(&mut self, map: u32) -> abi::Arg {
        let key = self.script.maps[map as usize]
            .key
            .as_ref()
            .and_then(Ty::to_abi);
        self.field(key, true)
    }

    /// Room for so many words that are no values of the script.
    pub fn words(&mut self, count: u32) {
        self.layout.push_raw(8 * count, 8);
    }

    fn field(&mut self, ty: Option<bt_abi::Type>, clean: bool) -> abi::Arg {
        let ty = ty.unwrap_or(bt_abi::Type::Int {
            size: 8,
            signed: true,
        });
        let offset = self.layout.push(&ty);
        self.fields.push(FieldPlan {
            offset,
            ty: ty.clone(),
            clean,
        });
        abi::Arg { offset, ty }
    }
}

/// Plan and manifest of a checked script.
pub fn lay_out(
    script: &Script,
    source: &Source,
    records: &Records,
    compiler: &str,
) -> (Plan, Manifest) {
    let mut plan = Plan::default();
    let mut fields = Vec::new();
    let mut events = Vec::new();
    let mut capabilities = abi::Capabilities::default();
    for probe in &script.probes {
        let sends = !pinned::is_pinned(probe);
        visit::probe(probe, &mut |node| match node {
            Node::Call(call, span) => {
                if call.function.is_unsafe() {
                    capabilities.unsafe_calls.push(abi::UnsafeCall {
                        function: call.function.name().to_string(),
                        span: source.manifest_span(span),
                    });
                }
                if sends {
                    plan_event(script, &mut plan, &mut events, call, span, source)
                }
            }
            Node::Place(place, span) => {
                for step in &place.steps {
                    if let Step::Field(field) = step {
                        plan.use_field(*field);
                        fields.extend(field_use(records, *field, source.manifest_span(span)));
                    }
                }
            }
            Node::Field(field, span) => {
                plan.use_field(field);
                fields.extend(field_use(records, field, source.manifest_span(span)));
            }
            Node::SetVar(_) | Node::SetMap(_) | Node::Entries(_) => {}
            Node::Expr(expr) => {
                if let (ExprKind::Enumerator { name, .. }, Ty::Enum(_, def)) =
                    (&expr.kind, &expr.ty)
                {
                    fields.push(FieldUse {
                        owner: FieldOwner::Kernel {
                            name: format!("enum {}", def.name),
                        },
                        field: name.clone(),
                        span: source.manifest_span(expr.span),
                    });
                }
            }
        });
    }
    for probe in &script.probes {
        if let Attach::KprobeAddress { .. } = probe.attach {
            capabilities.unsafe_calls.push(abi::UnsafeCall {
                function: probe.text.clone(),
                span: source.manifest_span(probe.span),
            });
        }
    }
    plan.programs = program_names(script);
    let named = script.probes.iter().zip(&plan.programs);
    plan.alternatives = named
        .map(|(probe, name)| alternatives::of(probe, name, records))
        .collect();
    plan.sessions = sessions::of(script, &plan.programs);
    plan.place_slots(script);
    plan.place_maps(script);
    fields.dedup_by(|a, b| a.owner == b.owner && a.field == b.field);
    let mut manifest = Manifest {
        version: abi::VERSION,
        must_understand: Vec::new(),
        compiler: compiler.to_string(),
        arch: "x86_64".into(),
        source: abi::Source {
            name: source.name.clone(),
            text: source.text.clone(),
        },
        programs: programs(script, &plan, source),
        sessions: sessions(&plan),
        maps: maps(script, &plan, source),
        events,
        slots: slots(script, &plan, source),
        fixed: script
            .params
            .iter()
            .map(|(index, text)| abi::FixedParam {
                index: *index,
                text: text.clone(),
            })
            .collect(),
        fields,
        binaries: records
            .programs()
            .into_iter()
            .map(|(name, build_id)| abi::Binary { name, build_id })
            .collect(),
        faults: Vec::new(),
        needs: Vec::new(),
        kfuncs: Vec::new(),
        config: abi::Config {
            print_maps_on_exit: script.config.print_maps_on_exit,
            max_map_keys: script.config.max_map_keys,
            str_trunc_trailer: script.config.str_trunc_trailer.clone(),
            settings: script.config.run.clone(),
        },
        capabilities,
    };
    manifest.must_understand = flags::flags_of(&manifest);
    (plan, manifest)
}

/// Does a call send a record?
pub fn sends(script: &Script, call: &Call) -> bool {
    call.function
        .event(call, &mut EventLayout::new(script))
        .is_some()
}

fn plan_event(
    script: &Script,
    plan: &mut Plan,
    events: &mut Vec<abi::Event>,
    call: &Call,
    span: Span,
    source: &Source,
) {
    let mut layout = EventLayout::new(script);
    if let Some(kind) = call.function.event(call, &mut layout) {
        // `exit` without arguments still has a code in its record.
        if let EventKind::Exit { code } = kind
            && layout.fields.is_empty()
        {
            debug_assert_eq!(code, HEADER_SIZE);
            layout.layout.push_raw(8, 8);
        }
        let size = layout.layout.size().next_multiple_of(8);
        let index = events.len() as u32;
        plan.events.insert(
            call.id,
            EventPlan {
                index,
                size,
                fields: layout.fields,
            },
        );
        events.push(abi::Event {
            kind,
            size,
            span: source.manifest_span(span),
        });
    }
}

fn field_use(
    records: &Records,
    field: crate::types::FieldRef,
    span: abi::Span,
) -> Option<FieldUse> {
    let record = records.get(field.record);
    let name = record.fields[field.index as usize].name.clone();
    let owner = match &record.origin {
        Origin::Kernel { name, .. } => FieldOwner::Kernel { name: name.clone() },
        Origin::Tracepoint { category, event } => FieldOwner::Tracepoint {
            category: category.clone(),
            event: event.clone(),
        },
        Origin::Function { of, module, name } => FieldOwner::Function {
            raw: *of == FunctionKind::RawTracepoint,
            name: match module {
                Some(module) => format!("{module}:{name}"),
                None => name.clone(),
            },
        },
        Origin::KernelAnonymous { .. }
        | Origin::Script { .. }
        | Origin::Binary { .. }
        | Origin::Arguments { .. } => return None,
    };
    (!name.is_empty()).then_some(FieldUse {
        owner,
        field: name,
        span,
    })
}

/// The function names: the probe's text with what C cannot name replaced, and the index where two would be alike.
fn program_names(script: &Script) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, probe) in script.probes.iter().enumerate() {
        let name: String = probe
            .text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        // Long names are cut by the kernel anyway; these are for people who read an object.
        let name: String = name.chars().take(96).collect();
        let mut unique = name.clone();
        let mut number = index;
        while names.contains(&unique) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        names.push(unique);
    }
    names
}

fn programs(script: &Script, plan: &Plan, source: &Source) -> Vec<abi::Program> {
    let alternatives = |index: usize| {
        let found = plan.alternatives[index].iter();
        found.map(|a| abi::Alternative {
            name: a.name.clone(),
            attach: a.attach.clone(),
        })
    };
    let of = |(index, probe): (usize, &crate::typed::Probe)| abi::Program {
        name: plan.programs[index].clone(),
        probe: probe.text.clone(),
        attach: probe.attach.clone(),
        alternatives: alternatives(index).collect(),
        span: source.manifest_span(probe.span),
    };
    script.probes.iter().enumerate().map(of).collect()
}

fn sessions(plan: &Plan) -> Vec<abi::Session> {
    let of = |session: &SessionPlan| abi::Session {
        name: session.name.clone(),
        entry: session.entry,
        exit: session.exit,
    };
    plan.sessions.iter().map(of).collect()
}

fn maps(script: &Script, plan: &Plan, source: &Source) -> Vec<abi::Map> {
    let of = |(map, planned): (&crate::typed::Map, &MapPlan)| abi::Map {
        name: map.name.clone(),
        symbol: planned.symbol.clone(),
        key: planned.key.clone(),
        value: planned.value.clone(),
        value_size: planned.value_size,
        set_offset: planned.set_offset,
        span: source.manifest_span(map.span),
    };
    script.maps.iter().zip(&plan.maps).map(of).collect()
}

fn slots(script: &Script, plan: &Plan, source: &Source) -> Vec<abi::Slot> {
    let of = |(slot, offset): (&crate::typed::Slot, &u32)| abi::Slot {
        offset: *offset,
        ty: slot.ty.to_abi().unwrap_or(bt_abi::Type::Int {
            size: 8,
            signed: true,
        }),
        value: slot.value.clone(),
        span: source.manifest_span(slot.span),
    };
    script.slots.iter().zip(&plan.slots).map(of).collect()
}
