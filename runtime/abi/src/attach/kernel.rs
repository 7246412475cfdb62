//! Functions, tracepoints and BPF programs of the kernel.

use super::{Part, is_pattern, number, split_offset};
use crate::manifest::Attach;

/// The module, if there is one, and the function.
fn kernel_function(parts: &[Part]) -> Result<(Option<String>, &str), String> {
    let (module, function) = match parts {
        [function] => (None, function),
        [module, function] => (Some(module.text.clone()), function),
        _ => return Err("expected the name of a function".into()),
    };
    if function.text.is_empty() {
        return Err("the function has no name".into());
    }
    let strange = |c: char| !c.is_alphanumeric() && !"_.$+*".contains(c);
    match function.text.chars().find(|c| strange(*c)) {
        Some(c) => Err(format!("`{c}` cannot be part of a function's name")),
        None => Ok((module, &function.text)),
    }
}

/// `kprobe:0xffffffff81000000`
fn kernel_address(parts: &[Part], at_return: bool) -> Result<Option<Attach>, String> {
    match parts {
        [.., place] => match number(&place.text) {
            None => Ok(None),
            Some(_) if parts.len() > 1 => Err("an address is not that of a module".into()),
            Some(0) => Err("nothing is at address 0".into()),
            Some(address) => Ok(Some(Attach::KprobeAddress { address, at_return })),
        },
        [] => Ok(None),
    }
}

pub(super) fn kprobe(parts: &[Part]) -> Result<Attach, String> {
    if let Some(attach) = kernel_address(parts, false)? {
        return Ok(attach);
    }
    let (module, function) = kernel_function(parts)?;
    let (name, offset) = split_offset(function);
    let offset = match offset {
        None => 0,
        Some(_) if is_pattern(name) => return Err("a wildcard takes no offset".into()),
        Some(Some(offset)) => offset,
        Some(None) => return Err("the offset is no number".into()),
    };
    Ok(Attach::Kprobe {
        module,
        function: name.to_string(),
        offset,
    })
}

pub(super) fn kretprobe(parts: &[Part]) -> Result<Attach, String> {
    if let Some(attach) = kernel_address(parts, true)? {
        return Ok(attach);
    }
    let (module, function) = kernel_function(parts)?;
    if function.contains('+') {
        return Err("a return probe has no offset".into());
    }
    Ok(Attach::Kretprobe {
        module,
        function: function.to_string(),
    })
}

/// A module, if there is one, and a name of the kernel's BTF.
pub(super) fn traced(parts: &[Part]) -> Result<(Option<String>, String), String> {
    let (module, name) = kernel_function(parts)?;
    if name.contains('+') {
        return Err("it has no offset".into());
    }
    Ok((module, name.to_string()))
}

/// `bpf:NAME` or `bpf:ID:NAME`: a function of a BPF program, and the id of the program if it is given.
pub(super) fn bpf_program(parts: &[Part]) -> Result<Option<(Option<u32>, String)>, String> {
    let (id, name) = match parts {
        [first, ..] if first.text != "bpf" => return Ok(None),
        [_, name] => (None, name),
        [_, id, name] if id.text == "*" => (None, name),
        [_, id, name] => match number(&id.text).map(u32::try_from) {
            Some(Ok(id)) if id > 0 => (Some(id), name),
            _ => return Err("the id of a BPF program is a number, or `*`".into()),
        },
        _ => return Err("expected the name of a function".into()),
    };
    let strange = |c: char| !c.is_alphanumeric() && !"_.*".contains(c);
    match name.text.chars().find(|c| strange(*c)) {
        _ if name.text.is_empty() => Err("the function has no name".into()),
        Some(c) => Err(format!("`{c}` cannot be part of a function's name")),
        None => Ok(Some((id, name.text.clone()))),
    }
}

/// A single wildcard is about the event, in whatever category.
pub(super) fn tracepoint(parts: &[Part]) -> Result<Attach, String> {
    let (category, event) = match parts {
        [event] if is_pattern(&event.text) => ("*", event),
        [category, event] => (category.text.as_str(), event),
        _ => return Err("expected a category and an event".into()),
    };
    if category.is_empty() || event.text.is_empty() {
        return Err("expected a category and an event".into());
    }
    Ok(Attach::Tracepoint {
        category: category.to_string(),
        event: event.text.clone(),
    })
}
