//! `printf`: values into a format, as C's printf(3) does it: the length in the format says how much of an integer is printed.

use bt_abi::format::{Conversion, Piece, Specifier};

use super::gfp;
use super::text::render;
use crate::value::{Int, Value};

/// `format` is what `pieces` were parsed from.
pub fn format(out: &mut Vec<u8>, format: &str, pieces: &[Piece], values: &[Value]) {
    let mut values = values.iter();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Conversion(conversion) => {
                if let Some(value) = values.next() {
                    convert(out, format, conversion, value);
                }
            }
        }
    }
}

fn convert(out: &mut Vec<u8>, format: &str, c: &Conversion, value: &Value) {
    match c.specifier {
        Specifier::String => {
            let mut text = plain(value);
            if let Some(most) = c.precision {
                text.truncate(most as usize);
            }
            pad(out, c, b"", text, false);
        }
        Specifier::Buffer => {
            let kind = format.as_bytes().get(c.end.wrapping_sub(1)).copied();
            pad(out, c, b"", buffer(value, kind.unwrap_or(b'r')), false);
        }
        Specifier::GfpFlags => {
            let flags = number(value).map_or(0, |n| n.as_unsigned());
            pad(out, c, b"", gfp::text(flags).into_bytes(), false);
        }
        _ => match number(value) {
            Some(int) => integer(out, c, int),
            None => {
                out.extend_from_slice(b"!{invalid integer conversion: ");
                out.extend_from_slice(&plain(value));
                out.push(b'}');
            }
        },
    }
}

fn plain(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    render(&mut text, value);
    text
}

fn number(value: &Value) -> Option<Int> {
    match value {
        Value::Int(int) => Some(*int),
        Value::Bool(value) => Some(Int::unsigned(u64::from(*value))),
        Value::Symbolic { number, .. } => Some(Int::unsigned(*number)),
        _ => None,
    }
}

fn integer(out: &mut Vec<u8>, c: &Conversion, int: Int) {
    let cut = Int {
        bits: int.bits,
        size: match c.specifier {
            Specifier::Pointer => 8,
            _ => c.bits() / 8,
        },
        signed: false,
    };
    let unsigned = cut.as_unsigned();
    match c.specifier {
        Specifier::Signed => {
            let value = cut.as_signed();
            let sign: &[u8] = match value {
                v if v < 0 => b"-",
                _ if c.plus => b"+",
                _ if c.space => b" ",
                _ => b"",
            };
            digits(out, c, sign, value.unsigned_abs().to_string());
        }
        Specifier::Unsigned => digits(out, c, b"", unsigned.to_string()),
        Specifier::HexLower => {
            let prefix: &[u8] = if c.alternate && unsigned != 0 {
                b"0x"
            } else {
                b""
            };
            digits(out, c, prefix, format!("{unsigned:x}"));
        }
        Specifier::HexUpper => {
            let prefix: &[u8] = if c.alternate && unsigned != 0 {
                b"0X"
            } else {
                b""
            };
            digits(out, c, prefix, format!("{unsigned:X}"));
        }
        Specifier::Octal => {
            let mut text = format!("{unsigned:o}");
            // `#` asks for a zero in front, unless the precision puts one there
            let filled = c.precision.is_some_and(|p| p as usize > text.len());
            if c.alternate && !filled && unsigned != 0 {
                text.insert(0, '0');
            }
            digits(out, c, b"", text);
        }
        Specifier::Char => pad(out, c, b"", vec![unsigned as u8], false),
        // bpftrace prints a null pointer without `0x`
        _ if unsigned == 0 => pad(out, c, b"", b"0".to_vec(), false),
        _ => digits(out, c, b"0x", format!("{unsigned:x}")),
    }
}

/// Digits with their precision: at least so many, and none at all for a zero with precision 0.
fn digits(out: &mut Vec<u8>, c: &Conversion, prefix: &[u8], mut text: String) {
    if let Some(least) = c.precision {
        let octal_zero = c.alternate && c.specifier == Specifier::Octal;
        if least == 0 && text == "0" && !octal_zero {
            text.clear();
        }
        let missing = (least as usize).saturating_sub(text.len());
        text.insert_str(0, &"0".repeat(missing));
    }
    pad(
        out,
        c,
        prefix,
        text.into_bytes(),
        c.zero && c.precision.is_none(),
    );
}

/// Fills up to the width: behind, in front, or with zeros between prefix and text.
fn pad(out: &mut Vec<u8>, c: &Conversion, prefix: &[u8], text: Vec<u8>, zeros: bool) {
    let missing = (c.width.unwrap_or(0) as usize).saturating_sub(prefix.len() + text.len());
    if !c.left && !zeros {
        out.resize(out.len() + missing, b' ');
    }
    out.extend_from_slice(prefix);
    if !c.left && zeros {
        out.resize(out.len() + missing, b'0');
    }
    out.extend_from_slice(&text);
    if c.left {
        out.resize(out.len() + missing, b' ');
    }
}

fn buffer(value: &Value, kind: u8) -> Vec<u8> {
    match value {
        Value::Text(bytes) | Value::Buffer(bytes) => hex(bytes, kind),
        Value::Array(values) => {
            let bytes = values.iter().filter_map(number);
            let bytes: Vec<u8> = bytes.map(|n| n.as_unsigned() as u8).collect();
            hex(&bytes, kind)
        }
        other => plain(other),
    }
}

/// `%r`: what is printable as it is, the rest as `\x0a`; `%rx`: all of it as `\x0a`; `%rh`: `0a fe`.
pub fn hex(bytes: &[u8], kind: u8) -> Vec<u8> {
    let mut text = Vec::new();
    for (i, byte) in bytes.iter().enumerate() {
        match kind {
            b'h' if i > 0 => text.extend_from_slice(format!(" {byte:02x}").as_bytes()),
            b'h' => text.extend_from_slice(format!("{byte:02x}").as_bytes()),
            b'r' if (32..=126).contains(byte) => text.push(*byte),
            _ => text.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    text
}
