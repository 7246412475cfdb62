//! The synthetic structs of tracepoint arguments, with the offsets that the events have on this machine.

use std::path::PathBuf;

use bt_abi::manifest::{Attach, FieldOwner, Manifest, Span};
use bt_abi::names::tracepoint_struct;

use super::format::{self, Field, FieldKind};
use super::reader::kind;
use super::relocations::{Shape, Wanted};
use super::writer::{NewMember, Writer};
use crate::environment::Environment;
use crate::error::{Failure, describe};
use crate::suggest;

/// A tracepoint that the object attaches to or reads, and what this machine says of it.
pub struct Event {
    pub category: String,
    pub event: String,
    pub span: Span,
    pub fields: Vec<Field>,
}

impl Event {
    /// The struct's name as it stands in the object.
    pub fn struct_name(&self) -> String {
        tracepoint_struct(&self.category, &self.event)
    }
}

/// Reads the formats of all tracepoints of the manifest. A missing one is refused here, by name.
pub fn events(manifest: &Manifest, environment: &Environment) -> Result<Vec<Event>, Failure> {
    let attached = manifest.programs.iter().filter_map(|p| match &p.attach {
        Attach::Tracepoint { category, event } => Some((category, event, p.span)),
        _ => None,
    });
    let mut events: Vec<Event> = Vec::new();
    for (category, event, span) in attached {
        if events
            .iter()
            .any(|e| (&e.category, &e.event) == (category, event))
        {
            continue;
        }
        let folder = environment.tracepoint(category, event);
        let text = std::fs::read_to_string(folder.join("format"))
            .map_err(|e| missing(&e, environment, category, event).at(span))?;
        events.push(Event {
            category: category.clone(),
            event: event.clone(),
            span,
            fields: format::parse(&text),
        });
    }
    Ok(events)
}

fn missing(
    error: &std::io::Error,
    environment: &Environment,
    category: &str,
    event: &str,
) -> Failure {
    let name = format!("{category}:{event}");
    if error.kind() != std::io::ErrorKind::NotFound {
        return Failure::system(error, format!("cannot read the format of `{name}`"));
    }
    let folder = environment.tracepoint(category, "");
    if !folder.is_dir() {
        let near = nearest_entry(environment.tracepoint("", ""), category);
        return Failure::kernel(format!(
            "tracepoint category `{category}` does not exist on this kernel"
        ))
        .suggest(near);
    }
    let near = nearest_entry(folder, event).map(|e| format!("{category}:{e}"));
    Failure::kernel(format!("tracepoint `{name}` does not exist on this kernel")).suggest(near)
}

fn nearest_entry(folder: PathBuf, wanted: &str) -> Option<String> {
    let mut nearest = suggest::Nearest::new(wanted);
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            nearest.consider(&entry.file_name().to_string_lossy());
        }
    }
    nearest.found()
}

/// Refuses fields of the manifest that this machine's events lack.
pub fn check_fields(manifest: &Manifest, events: &[Event]) -> Result<(), Failure> {
    for wanted in &manifest.fields {
        let FieldOwner::Tracepoint { category, event } = &wanted.owner else {
            continue;
        };
        let found = events
            .iter()
            .find(|e| (&e.category, &e.event) == (category, event));
        let Some(found) = found else {
            continue;
        };
        let first = wanted.field.split(['.', '[']).next().unwrap_or_default();
        if !found.fields.iter().any(|f| f.name == first) {
            let own = found.fields.iter().map(|f| f.name.as_str());
            let own = own.filter(|n| !n.starts_with("common_"));
            let near = suggest::nearest(first, own.clone());
            let failure = Failure::kernel(format!(
                "tracepoint `{category}:{event}` has no field `{first}` on this kernel"
            ))
            .at(wanted.span);
            return Err(match near {
                Some(_) => failure.suggest(near),
                None => failure.help(format!("it has: {}", own.collect::<Vec<_>>().join(", "))),
            });
        }
    }
    Ok(())
}

/// Adds the structs that the relocations name. Fields that are missing here stay missing: a program that asks whether they
/// exist gets "no".
pub fn add(out: &mut Writer, wanted: &Wanted, events: &[Event]) -> Result<(), Failure> {
    for access in &wanted.tracepoints {
        let name = &access.name;
        let Some(event) = events.iter().find(|e| e.struct_name() == *name) else {
            return Err(Failure::unusable(format!(
                "the object reads `{name}`, but its manifest names no such tracepoint"
            )));
        };
        let mut members = Vec::new();
        for (field, shape) in &access.fields {
            let Some(here) = event.fields.iter().find(|f| f.name == *field) else {
                continue;
            };
            members.push(NewMember {
                name: field,
                ty: member_type(out, here, *shape).map_err(|why| {
                    Failure::kernel(format!(
                        "field `{field}` of tracepoint `{}:{}` {why}",
                        event.category, event.event
                    ))
                    .at(event.span)
                    .help("compile the script with this kernel's tracepoint formats")
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
