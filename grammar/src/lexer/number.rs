//! Integer literals: decimal, octal, hexadecimal, binary, exponents, separators, C suffixes and durations.

use super::Cursor;
use crate::diag::Diagnostic;
use crate::span::Span;

/// Why a literal is no number.
enum Fault {
    Form(&'static str),
    Overflow,
}

/// The value of a literal that starts at `start`; 1 after an error, a value that provokes no second one.
pub fn integer(cursor: &mut Cursor<'_>, text: &str, start: usize) -> u64 {
    let span = Span::new(start, start + text.len());
    match value(text) {
        Ok(n) => n,
        Err(Fault::Form(why)) => {
            cursor.report(
                Diagnostic::error("E0106", span, format!("invalid number `{text}`"))
                    .here(why)
                    .help("numbers look like 10, 0x1f, 017, 1e6, 1_000, 5UL or 10ms"),
            );
            1
        }
        Err(Fault::Overflow) => {
            cursor.report(
                Diagnostic::error("E0107", span, format!("number `{text}` is too large"))
                    .here("does not fit in 64 bits")
                    .help(format!("the largest integer is {}", u64::MAX)),
            );
            1
        }
    }
}

/// The index of a positional parameter, `$1` and up.
pub fn param(cursor: &mut Cursor<'_>, text: &str, start: usize) -> u32 {
    match text[1..].parse::<u32>() {
        Ok(n) if n > 0 => n,
        parsed => {
            let span = Span::new(start, start + text.len());
            let why = if parsed.is_ok() {
                "there is no parameter 0"
            } else {
                "too large"
            };
            cursor.report(
                Diagnostic::error("E0106", span, format!("invalid parameter `{text}`"))
                    .here(why)
                    .help("positional parameters count from `$1`"),
            );
            1
        }
    }
}

fn value(text: &str) -> Result<u64, Fault> {
    if text.ends_with('_') {
        return Err(Fault::Form("ends with an underscore"));
    }
    let lower = text.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        let end = hex
            .find(|c: char| !c.is_ascii_hexdigit() && c != '_')
            .unwrap_or(hex.len());
        return scaled(
            digits(&hex[..end], 16, "no hexadecimal digits")?,
            c_suffix(&hex[end..])?,
        );
    }
    if let Some(binary) = lower.strip_prefix("0b") {
        let end = binary
            .find(|c: char| !c.is_ascii_digit() && c != '_')
            .unwrap_or(binary.len());
        return scaled(
            digits(&binary[..end], 2, "not a binary digit")?,
            c_suffix(&binary[end..])?,
        );
    }
    let end = lower
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(lower.len());
    let (mantissa, rest) = lower.split_at(end);
    if let Some(rest) = rest.strip_prefix('e') {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '_')
            .unwrap_or(rest.len());
        let exponent = digits(&rest[..end], 10, "no digits in the exponent")?;
        let mantissa = digits(mantissa, 10, "no digits")?;
        return scaled(power(mantissa, exponent)?, suffix(&rest[end..], text)?);
    }
    let octal = mantissa.len() > 1 && mantissa.starts_with('0');
    let n = if octal {
        digits(mantissa, 8, "not an octal digit")?
    } else {
        digits(mantissa, 10, "no digits")?
    };
    scaled(n, suffix(rest, text)?)
}

fn digits(text: &str, radix: u32, empty: &'static str) -> Result<u64, Fault> {
    let mut n: u64 = 0;
    let mut any = false;
    for c in text.chars().filter(|&c| c != '_') {
        let Some(digit) = c.to_digit(radix) else {
            return Err(Fault::Form(if radix == 8 {
                "a leading 0 means octal: digits 0 to 7"
            } else {
                empty
            }));
        };
        any = true;
        n = n
            .checked_mul(radix.into())
            .and_then(|n| n.checked_add(digit.into()))
            .ok_or(Fault::Overflow)?;
    }
    if any { Ok(n) } else { Err(Fault::Form(empty)) }
}

fn power(mantissa: u64, exponent: u64) -> Result<u64, Fault> {
    if mantissa == 0 {
        return Ok(0);
    }
    let exponent = u32::try_from(exponent).map_err(|_| Fault::Overflow)?;
    10u64
        .checked_pow(exponent)
        .and_then(|p| p.checked_mul(mantissa))
        .ok_or(Fault::Overflow)
}

fn scaled(n: u64, factor: u64) -> Result<u64, Fault> {
    n.checked_mul(factor).ok_or(Fault::Overflow)
}

fn c_suffix(text: &str) -> Result<u64, Fault> {
    match text {
        "" | "u" | "l" | "ul" | "lu" | "ll" | "ull" | "llu" => Ok(1),
        _ => Err(Fault::Form("unknown suffix")),
    }
}

/// The factor of a suffix. Durations are lower case only: `5M` would read as five million.
fn suffix(lower: &str, text: &str) -> Result<u64, Fault> {
    let factor = match lower {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return c_suffix(lower),
    };
    if text.ends_with(lower) {
        Ok(factor)
    } else {
        Err(Fault::Form("unknown suffix; durations are in lower case"))
    }
}
