//! Places and static probes of programs.

use super::{Part, is_pattern, number, split_offset};
use crate::manifest::{Attach, UserTarget};

pub(super) fn uprobe(parts: &[Part]) -> Result<Attach, String> {
    let (binary, target) = user_target(parts)?;
    Ok(Attach::Uprobe { binary, target })
}

pub(super) fn uretprobe(parts: &[Part]) -> Result<Attach, String> {
    let (binary, target) = user_target(parts)?;
    match target {
        UserTarget::Function { offset: 1.., .. } => Err("a return probe has no offset".into()),
        UserTarget::Line { .. } => Err("a line does not return; name the function".into()),
        target => Ok(Attach::Uretprobe { binary, target }),
    }
}

/// `usdt:NAME` alone is about the traced process. An empty namespace (provider) stands for any.
pub(super) fn usdt(parts: &[Part]) -> Result<Attach, String> {
    let (binary, namespace, name) = match parts {
        [name] => ("", "", name),
        [binary, name] => (binary.text.as_str(), "", name),
        [binary, namespace, name] => (binary.text.as_str(), namespace.text.as_str(), name),
        _ => return Err("expected a binary and the name of a probe".into()),
    };
    if name.text.is_empty() {
        return Err("the probe has no name".into());
    }
    Ok(Attach::Usdt {
        binary: binary.to_string(),
        namespace: Some(namespace.to_string()).filter(|p| !p.is_empty()),
        name: name.text.clone(),
    })
}

fn user_target(parts: &[Part]) -> Result<(String, UserTarget), String> {
    if let Some(found) = source_line(parts)? {
        return Ok(found);
    }
    let (binary, function) = match parts {
        [binary, function] => (binary, function),
        [binary, language, name] if language.text == "cpp" && !name.text.is_empty() => {
            return Ok((
                binary.text.clone(),
                UserTarget::Demangled(name.text.clone()),
            ));
        }
        [_, language, _] => {
            let language = &language.text;
            return Err(format!(
                "`{language}` is no language whose names can be written out: there is `cpp`"
            ));
        }
        _ => return Err("expected a binary and a function".into()),
    };
    if binary.text.is_empty() || function.text.is_empty() {
        return Err("expected a binary and a function".into());
    }
    let named = |name: &str, offset| UserTarget::Function {
        name: name.to_string(),
        offset,
    };
    let target = match number(&function.text) {
        Some(_) if !function.quoted && is_pattern(&binary.text) => {
            return Err("an address belongs to one file, not to all that match".into());
        }
        Some(address) if !function.quoted => UserTarget::Address(address),
        _ => match split_offset(&function.text) {
            (name, Some(Some(_))) if is_pattern(name) => {
                return Err("a wildcard takes no offset".into());
            }
            (name, Some(Some(offset))) => named(name, offset),
            _ => named(&function.text, 0),
        },
    };
    Ok((binary.text.clone(), target))
}

/// `BINARY@FILE:LINE[:COLUMN]`, or with a colon instead of the `@`.
fn source_line(parts: &[Part]) -> Result<Option<(String, UserTarget)>, String> {
    let numbers = |parts: &[Part]| -> Option<Vec<u64>> {
        let plain = parts.iter().filter(|p| !p.quoted);
        let numbers: Option<Vec<u64>> = plain.map(|p| number(&p.text)).collect();
        numbers.filter(|n| n.len() == parts.len() && matches!(n.len(), 1 | 2))
    };
    let (binary, file, place) = match parts {
        [first, place @ ..]
            if !first.quoted
                && let Some((binary, file)) = first.text.rsplit_once('@') =>
        {
            match numbers(place) {
                Some(place) => (binary, file, place),
                // another path with such a letter
                None => return Ok(None),
            }
        }
        [binary, file, place @ ..] if file.text != "cpp" => match numbers(place) {
            Some(place) => (binary.text.as_str(), file.text.as_str(), place),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    if binary.is_empty() || file.is_empty() {
        return Err("expected a binary, a source file and a line".into());
    }
    if is_pattern(binary) || is_pattern(file) {
        return Err("a line belongs to one file, not to all that match".into());
    }
    let column = place.get(1).copied();
    if place[0] == 0 || column == Some(0) {
        return Err("lines and columns count from 1".into());
    }
    let target = UserTarget::Line {
        file: file.to_string(),
        line: place[0],
        column,
    };
    Ok(Some((binary.to_string(), target)))
}
