//! The parameters of a script: `$1`, `$#` and `getopt()` get their values from the command line, through the slots of the
//! manifest.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use bt_abi::attach::{self, Part, Piece};
use bt_abi::manifest::{Attach, EventKind, FixedParam, Manifest, OptionDefault, Slot, SlotValue};
use bt_abi::parameters::{Words, number};
use bt_abi::types::Type;

use crate::error::Failure;
use crate::suggest;

/// What goes into the slots section: bytes, and the offset where they start.
pub type SlotBytes = Vec<(u32, Vec<u8>)>;

/// The values of the slots that the command line gives.
pub fn fill(manifest: &Manifest, words: &[OsString]) -> Result<SlotBytes, Failure> {
    let words = sorted(manifest, words)?;
    let known: Vec<&str> = manifest.slots.iter().filter_map(option_name).collect();
    if let Some((name, _)) = words
        .named
        .iter()
        .find(|(n, _)| !known.contains(&n.as_str()))
    {
        let failure = Failure::unusable(format!("this script has no option `--{name}`"));
        return Err(match suggest::nearest(name, known.iter().copied()) {
            Some(meant) => failure.help(format!("did you mean `--{meant}`?")),
            None if known.is_empty() => failure.help(
                "options of btrun go before the object, and `-- --` goes before a parameter that starts with two dashes",
            ),
            None => failure.help(format!("it has: --{}", known.join(", --"))),
        });
    }
    let slots = manifest
        .slots
        .iter()
        .filter_map(|slot| Some((slot.offset, value(slot, &words)?)));
    slots.map(|(offset, bytes)| Ok((offset, bytes?))).collect()
}

/// Puts parameters into the attach points that name them.
pub fn complete_probes(manifest: &mut Manifest, words: &[OsString]) -> Result<(), Failure> {
    let words = sorted(manifest, words)?;
    for program in &mut manifest.programs {
        let Attach::Deferred { target, parts } = &program.attach else {
            continue;
        };
        let mut whole = Vec::new();
        for part in parts {
            let mut text = String::new();
            for piece in part.pieces() {
                text.push_str(match piece {
                    Piece::Text(text) => text,
                    Piece::Param(index) => match words.positional.get(&index) {
                        Some(word) => word,
                        None => {
                            let message = format!(
                                "parameter ${index} is missing: `{}` needs it",
                                program.probe
                            );
                            return Err(Failure::unusable(message).at(program.span));
                        }
                    },
                });
            }
            whole.push(Part {
                text,
                quoted: part.quoted,
            });
        }
        let text = attach::text(target, &whole);
        program.attach = attach::parse(target, &whole)
            .map_err(|why| Failure::unusable(format!("`{text}`: {why}")).at(program.span))?;
        program.probe = text;
    }
    Ok(())
}

/// Puts parameters into the paths of files of packets.
pub fn complete_paths(manifest: &mut Manifest, values: &SlotBytes) -> Result<(), Failure> {
    for event in &mut manifest.events {
        let EventKind::Packet { path, slot } = &mut event.kind else {
            continue;
        };
        let offset = slot.and_then(|slot| Some(manifest.slots.get(slot as usize)?.offset));
        if let Some(offset) = offset {
            let value = values.iter().find(|(at, _)| *at == offset);
            let bytes = value.map_or(&[][..], |(_, bytes)| bytes);
            let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
            *path = String::from_utf8_lossy(text).into_owned();
        }
        if path.is_empty() {
            let message = "the path of the file of packets is empty";
            return Err(Failure::unusable(message).at(event.span));
        }
    }
    Ok(())
}

/// The numbers of the parameters in attach points, and the lines where they stand.
fn in_probes(manifest: &Manifest) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for program in &manifest.programs {
        let Attach::Deferred { parts, .. } = &program.attach else {
            continue;
        };
        for piece in parts.iter().flat_map(Part::pieces) {
            if let Piece::Param(index) = piece {
                found.push((index, program.span.line));
            }
        }
    }
    found
}

/// The words after OBJECT; those that were fixed when the script was compiled are as they were then.
fn sorted(manifest: &Manifest, words: &[OsString]) -> Result<Words, Failure> {
    let mut words = Words::sort(words).map_err(Failure::unusable)?;
    for FixedParam { index, text } in &manifest.fixed {
        match words.positional.get(index) {
            Some(given) if given != text => {
                let message = format!(
                    "parameter ${index} is `{given}`, but the script was compiled with `{text}`"
                );
                let help = "leave it out, or compile the script again without fixing it";
                return Err(Failure::unusable(message).help(help));
            }
            _ => words.positional.insert(*index, text.clone()),
        };
    }
    Ok(words)
}

fn option_name(slot: &Slot) -> Option<&str> {
    match &slot.value {
        SlotValue::Option { name, .. } => Some(name),
        _ => None,
    }
}

/// `None`: comes from somewhere else.
fn value(slot: &Slot, words: &Words) -> Option<Result<Vec<u8>, Failure>> {
    Some(match &slot.value {
        SlotValue::Param { index } => match words.positional.get(index) {
            Some(text) => encode(&slot.ty, text),
            None => Ok(vec![0; slot.ty.size() as usize]),
        }
        .map_err(|why| refuse(slot, &format!("${index}"), &why)),
        SlotValue::ParamCount => {
            encode(&slot.ty, &words.count().to_string()).map_err(|why| refuse(slot, "$#", &why))
        }
        SlotValue::Option { name, default, .. } => {
            let given = words.named.iter().rev().find(|(n, _)| n == name);
            let text = match given {
                Some((_, Some(text))) => text.clone(),
                Some((_, None)) if slot.ty == Type::Bool => "true".into(),
                Some((_, None)) => {
                    let why = format!("a value is missing: write `--{name}=...`");
                    return Some(Err(refuse(slot, &format!("--{name}"), &why)));
                }
                None => match default {
                    OptionDefault::Int(n) => n.to_string(),
                    OptionDefault::Bool(b) => b.to_string(),
                    OptionDefault::String(s) => s.clone(),
                },
            };
            encode(&slot.ty, &text).map_err(|why| refuse(slot, &format!("--{name}"), &why))
        }
        _ => return None,
    })
}

fn refuse(slot: &Slot, parameter: &str, why: &str) -> Failure {
    Failure::unusable(format!("parameter {parameter}: {why}")).at(slot.span)
}

/// A text as the bytes of a slot, or why it does not fit.
fn encode(ty: &Type, text: &str) -> Result<Vec<u8>, String> {
    match ty {
        Type::Int { size, signed } => {
            let number = number(text).ok_or_else(|| format!("`{text}` is not a number"))?;
            let bits = 8 * (*size).clamp(1, 8);
            let (low, high) = match signed {
                true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                false => (0, (1i128 << bits) - 1),
            };
            if number < low || number > high {
                return Err(format!("`{text}` is not between {low} and {high}"));
            }
            Ok(number.to_le_bytes()[..(*size as usize).min(8)].to_vec())
        }
        Type::Bool => match text {
            "1" | "true" | "on" | "yes" => Ok(vec![1]),
            "0" | "false" | "off" | "no" => Ok(vec![0]),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        Type::String { size } => {
            let room = (*size as usize).saturating_sub(1);
            if text.len() > room {
                return Err(format!(
                    "the text has {} bytes, there is room for {room}",
                    text.len()
                ));
            }
            if text.contains('\0') {
                return Err("the text holds a zero byte".into());
            }
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(*size as usize, 0);
            Ok(bytes)
        }
        _ => Err("this kind of slot is unknown here".into()),
    }
}

/// The answer to `btrun OBJECT --help`.
pub fn help(object: &Path, manifest: &Manifest) -> String {
    let mut positional = 0;
    let mut options: Vec<&Slot> = Vec::new();
    for slot in &manifest.slots {
        match &slot.value {
            SlotValue::Param { index } => positional = positional.max(*index),
            SlotValue::Option { name, .. }
                if !options.iter().any(|s| option_name(s) == Some(name)) =>
            {
                options.push(slot);
            }
            _ => {}
        }
    }
    // `btc run` keeps the object in memory.
    let command = match object.starts_with("/proc/self/fd") {
        true => format!("btc run [OPTIONS] {} --", manifest.source.name),
        false => format!("btrun [OPTIONS] {}", object.display()),
    };
    let mut out = format!(
        "{} ({})\n\nUsage: {command}",
        manifest.source.name, manifest.compiler,
    );
    let in_probes = in_probes(manifest);
    let positional = in_probes
        .iter()
        .fold(positional, |most, (i, _)| most.max(*i));
    let positional = manifest
        .fixed
        .iter()
        .map(|f| f.index)
        .fold(positional, u32::max);
    for index in 1..=positional {
        // attach points cannot do without theirs
        let _ = match in_probes.iter().any(|(i, _)| *i == index) {
            true => write!(out, " ${index}"),
            false => write!(out, " [${index}]"),
        };
    }
    if !options.is_empty() {
        out.push_str(" [SCRIPT OPTIONS]");
    }
    out.push('\n');
    if positional > 0 {
        out.push_str("\nParameters:\n");
    }
    for index in 1..=positional {
        let uses = manifest
            .slots
            .iter()
            .filter(|s| s.value == SlotValue::Param { index });
        let mut kinds: Vec<String> = uses
            .map(|s| format!("{}, line {}", kind(&s.ty), s.span.line))
            .collect();
        let probes = in_probes.iter().filter(|(i, _)| *i == index);
        kinds.extend(probes.map(|(_, line)| format!("part of a probe, line {line}")));
        if let Some(fixed) = manifest.fixed.iter().find(|f| f.index == index) {
            kinds.push(format!("fixed to `{}`", fixed.text));
        }
        let kinds = match kinds.is_empty() {
            true => "not used".to_string(),
            false => kinds.join("; "),
        };
        let _ = writeln!(out, "  ${index:<12} {kinds}");
    }
    if !options.is_empty() {
        out.push_str("\nScript options:\n");
    }
    for slot in options {
        let SlotValue::Option {
            name,
            default,
            description,
        } = &slot.value
        else {
            continue;
        };
        let default = match default {
            OptionDefault::Int(n) => n.to_string(),
            OptionDefault::Bool(b) => b.to_string(),
            OptionDefault::String(s) => format!("\"{s}\""),
        };
        let value = match slot.ty {
            Type::Bool => String::new(),
            _ => format!("={}", kind(&slot.ty).to_uppercase()),
        };
        let text = description.as_deref().unwrap_or_default();
        let space = if text.is_empty() { "" } else { " " };
        let _ = writeln!(
            out,
            "  {:<24} {text}{space}[default: {default}]",
            format!("--{name}{value}")
        );
    }
    out
}

fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::String { .. } => "text",
        Type::Bool => "bool",
        _ => "number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_must_fit_their_slot() {
        let int = Type::Int {
            size: 8,
            signed: true,
        };
        assert_eq!(encode(&int, "-1"), Ok(vec![0xff; 8]));
        assert!(encode(&int, "18446744073709551615").is_err());
        assert!(encode(&int, "sshd").is_err());
        let text = Type::String { size: 4 };
        assert_eq!(encode(&text, "abc"), Ok(b"abc\0".to_vec()));
        assert!(encode(&text, "abcd").is_err());
    }
}
