//! The synthetic structs of tracepoint arguments, with the offsets that the events have on this machine.

use bt_abi::manifest::{Attach, FieldOwner, Manifest, Span};
use bt_abi::names::tracepoint_struct;

use super::format::{self, Field, FieldKind};
use super::reader::kind;
use super::relocations::{Shape, TracepointAccess, Wanted};
use super::writer::{NewMember, Writer};
use crate::environment::Environment;
use crate::error::{Failure, describe};
use crate::suggest;
use crate::targets::{Place, Site};

/// A tracepoint as the manifest names it, and what this machine says of the event that it stands for.
pub struct Event {
    /// The struct's name as it stands in the object.
    pub struct_name: String,
    /// As the manifest names it.
    pub owner: FieldOwner,
    /// For messages: the event itself, of which the manifest may have but a wildcard.
    pub actual: String,
    pub span: Span,
    pub fields: Vec<Field>,
}

/// Where the fields that an object reads lie in an event.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout(Vec<Field>);

/// Reads the formats of the tracepoints whose programs are to be loaded. `sites`: by the program's index.
pub fn events(
    manifest: &Manifest,
    environment: &Environment,
    sites: &[Option<&Site>],
) -> Result<Vec<Event>, Failure> {
    let mut events: Vec<Event> = Vec::new();
    for (program, site) in manifest.programs.iter().zip(sites) {
        let Attach::Tracepoint { category, event } = &program.attach else {
            continue;
        };
        let Some(Place::Event {
            category: actual_category,
            event: actual_event,
        }) = site.map(|site| &site.place)
        else {
            continue;
        };
        let struct_name = tracepoint_struct(category, event);
        if events.iter().any(|e| e.struct_name == struct_name) {
            continue;
        }
        events.push(Event {
            struct_name,
            owner: FieldOwner::Tracepoint {
                category: category.clone(),
                event: event.clone(),
            },
            actual: described(actual_category, actual_event),
            span: program.span,
            fields: fields(environment, actual_category, actual_event)
                .map_err(|f| f.at(program.span))?,
        });
    }
    Ok(events)
}

fn described(category: &str, event: &str) -> String {
    format!("tracepoint `{category}:{event}`")
}

fn fields(environment: &Environment, category: &str, event: &str) -> Result<Vec<Field>, Failure> {
    let file = environment.tracepoint(category, event).join("format");
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(format::parse(&text)),
        Err(e) => Err(Failure::system(
            &e,
            format!("cannot read the format of `{category}:{event}`"),
        )),
    }
}

/// The layout of one of the events that a wildcard stands for. One that lacks a field is refused.
pub fn layout(
    environment: &Environment,
    category: &str,
    event: &str,
    access: &TracepointAccess,
) -> Result<Layout, Failure> {
    let all = fields(environment, category, event)?;
    pick(&described(category, event), &all, access)
}

/// The fields that are read.
pub fn pick(event: &str, all: &[Field], access: &TracepointAccess) -> Result<Layout, Failure> {
    let find = |(name, _): &(String, Shape)| match all.iter().find(|f| f.name == *name) {
        Some(field) => Ok(field.clone()),
        None => Err(no_field(event, name, all)),
    };
    access
        .fields
        .iter()
        .map(find)
        .collect::<Result<_, _>>()
        .map(Layout)
}

fn no_field(event: &str, field: &str, all: &[Field]) -> Failure {
    let own = all.iter().map(|f| f.name.as_str());
    let own = own.filter(|n| !n.starts_with("common_"));
    let near = suggest::nearest(field, own.clone());
    let failure = Failure::kernel(format!("{event} has no field `{field}` on this kernel"));
    match near {
        Some(_) => failure.suggest(near),
        None => failure.help(format!("it has: {}", own.collect::<Vec<_>>().join(", "))),
    }
}

/// Refuses fields of the manifest that this machine's events lack.
pub fn check_fields(manifest: &Manifest, events: &[Event]) -> Result<(), Failure> {
    for wanted in &manifest.fields {
        // entry and return of a function are two
        let found: Vec<&Event> = events.iter().filter(|e| e.owner == wanted.owner).collect();
        let first = wanted.field.split(['.', '[']).next().unwrap_or_default();
        let has = |e: &&Event| e.fields.iter().any(|f| f.name == first);
        if let Some(one) = found.first()
            && !found.iter().any(has)
        {
            return Err(no_field(&one.actual, first, &one.fields).at(wanted.span));
        }
    }
    Ok(())
}

/// Adds the structs that the relocations name. Fields that are missing here stay missing: a program that asks whether they
/// exist gets "no".
pub fn add(out: &mut Writer, wanted: &Wanted, events: &[Event]) -> Result<(), Failure> {
    for access in &wanted.tracepoints {
        let name = &access.name;
        // its programs are not loaded
        let Some(event) = events.iter().find(|e| e.struct_name == *name) else {
            continue;
        };
        let mut members = Vec::new();
        for (field, shape) in &access.fields {
            let Some(here) = event.fields.iter().find(|f| f.name == *field) else {
                continue;
            };
            members.push(NewMember {
                name: field,
                ty: member_type(out, here, *shape).map_err(|why| {
                    Failure::kernel(format!("field `{field}` of {} {why}", event.actual))
                        .at(event.span)
                        .help("compile the script with this kernel's formats and types")
                })?,
                bit_offset: here.offset * 8,
                bit_size: 0,
            });
        }
        let end = event.fields.iter().map(|f| f.offset + f.size).max();
        let size = end.unwrap_or(0).next_multiple_of(8);
        out.composite(kind::STRUCT, name, size, &members);
    }
    Ok(())
}

/// A type that libbpf takes for the one that the programs access the field as, or why there is none. libbpf adjusts the width of
/// a load where both sides are unsigned, and refuses it otherwise.
fn member_type(out: &mut Writer, here: &Field, shape: Shape) -> Result<u32, String> {
    match (shape, &here.kind) {
        (Shape::Pointer, FieldKind::Scalar) if here.size == 8 => Ok(out.pointer()),
        (Shape::Int { size, signed }, FieldKind::Scalar | FieldKind::Location) => {
            if size == here.size {
                Ok(out.int(size, signed))
            } else if !signed && (!here.signed || size < here.size) {
                Ok(out.int(here.size, false))
            } else if signed && size < here.size && cfg!(target_endian = "little") {
                // the low bytes come first
                Ok(out.int(size, true))
            } else {
                Err(format!(
                    "has {} bytes on this kernel, and the object reads {size}",
                    here.size
                ))
            }
        }
        (Shape::Array { element, signed }, FieldKind::Array { count }) => {
            let width = count.map_or(element, |n| here.size / n);
            if width != element {
                return Err(format!(
                    "has elements of {width} bytes on this kernel, and the object reads {element}"
                ));
            }
            let ty = out.int(element, signed);
            Ok(out.array(ty, here.size / element.max(1)))
        }
        _ => Err("is of another kind on this kernel than where the script was compiled".into()),
    }
}

/// The text of a failure to read, for the caller that has nothing better.
pub fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    Failure::kernel(format!("cannot read {what}: {}", describe(error)))
}
