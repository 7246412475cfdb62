//! Arguments of static probes as their notes write them, in the assembler's words: `-4@%edi 8@-16(%rbp) 4@$5 8@counter(%rip)`.

use bt_abi::registers::x86_64;
use bt_abi::usdt::{Argument, NONE};

/// Looks up the address of a symbol of the binary.
pub type Symbols<'s> = &'s dyn Fn(&str) -> Option<u64>;

/// The arguments of a probe whose instruction is at the address `pc`; the error says why one cannot be read.
pub fn parse_all(text: &str, pc: u64, symbols: Symbols<'_>) -> Vec<Result<Argument, String>> {
    let words = text.split_ascii_whitespace();
    words
        .map(|word| parse(word, pc, symbols).map_err(|why| format!("`{word}` {why}")))
        .collect()
}

fn parse(word: &str, pc: u64, symbols: Symbols<'_>) -> Result<Argument, &'static str> {
    let (size, operand) = word.split_once('@').ok_or("has no size")?;
    if size.ends_with('f') || operand.contains("xmm") || operand.contains("st(") {
        return Err("is in a floating-point register, which BPF programs cannot read");
    }
    let (signed, digits) = match size.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, size),
    };
    let mut argument = Argument {
        base: NONE,
        index: NONE,
        scale: 0,
        size: match digits {
            "1" => 1,
            "2" => 2,
            "4" => 4,
            "8" => 8,
            _ => return Err("has a size that is not 1, 2, 4 or 8"),
        },
        signed,
        memory: false,
        offset: 0,
    };
    if let Some(constant) = operand.strip_prefix('$') {
        argument.offset = number(constant).ok_or("is no number")?;
        return Ok(argument);
    }
    if operand.starts_with('%') && !operand.contains(':') {
        argument.base = register(operand)?;
        return Ok(argument);
    }
    argument.memory = true;
    address(&mut argument, operand, pc, symbols)?;
    Ok(argument)
}

/// `displacement(base,index,scale)`, each part but one optional.
fn address(
    argument: &mut Argument,
    operand: &str,
    pc: u64,
    symbols: Symbols<'_>,
) -> Result<(), &'static str> {
    if operand.contains(':') {
        return Err("is in memory of a thread, which only the thread itself can find");
    }
    let (displacement, registers) = match operand.split_once('(') {
        Some((displacement, rest)) => (
            displacement,
            rest.strip_suffix(')').ok_or("has no closing bracket")?,
        ),
        None => (operand, ""),
    };
    let (number, symbol) = sum(displacement)?;
    argument.offset = number;
    let mut parts = registers.split(',').map(str::trim);
    let base = parts.next().filter(|b| !b.is_empty());
    if let Some(index) = parts.next().filter(|i| !i.is_empty()) {
        argument.index = register(index)?;
    }
    argument.scale = match parts.next() {
        None | Some("" | "1") => 0,
        Some("2") => 1,
        Some("4") => 2,
        Some("8") => 3,
        Some(_) => return Err("has a factor that is not 1, 2, 4 or 8"),
    };
    match (symbol, base) {
        (None, Some("%rip")) => return Err("counts from an unknown place"),
        (None, Some(base)) => argument.base = register(base)?,
        (None, None) => {}
        // the probe's own instruction says where the binary was loaded
        (Some(symbol), None | Some("%rip")) => {
            let at = symbols(symbol).ok_or("has a symbol that the binary does not list")?;
            argument.base = register("%rip")?;
            argument.offset = argument.offset.wrapping_add(at.wrapping_sub(pc) as i64);
        }
        // only in programs that are loaded where they were linked for
        (Some(symbol), Some(base)) => {
            let at = symbols(symbol).ok_or("has a symbol that the binary does not list")?;
            argument.base = register(base)?;
            argument.offset = argument.offset.wrapping_add(at as i64);
        }
    }
    Ok(())
}

/// Numbers added up, and at most one symbol: `8`, `-8`, `counter+8`, `8+counter`.
fn sum(text: &str) -> Result<(i64, Option<&str>), &'static str> {
    let (mut total, mut symbol) = (0i64, None);
    let mut rest = text;
    while !rest.is_empty() {
        let mut behind = rest.char_indices().skip(1);
        let end = behind.find(|(_, c)| matches!(c, '+' | '-'));
        let end = end.map_or(rest.len(), |(at, _)| at);
        let (term, after) = rest.split_at(end);
        match number(term) {
            Some(n) => total = total.wrapping_add(n),
            None if symbol.is_none() && !term.starts_with('-') => {
                symbol = Some(term.trim_start_matches('+'));
            }
            None => return Err("has more than one symbol"),
        }
        rest = after;
    }
    Ok((total, symbol))
}

fn register(text: &str) -> Result<u16, &'static str> {
    let name = text.strip_prefix('%').ok_or("has an unknown form")?;
    let (offset, byte) = x86_64(name).ok_or("has an unknown register")?;
    u16::try_from(offset + byte).map_err(|_| "has an unknown register")
}

/// Decimal or hexadecimal, with a sign; the hexadecimal ones of 64 bits may have no sign and be negative.
fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    let value = value as i64;
    Some(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Argument, String> {
        let symbols = |name: &str| (name == "counter").then_some(0x5000);
        parse_all(text, 0x1000, &symbols).remove(0)
    }

    fn argument(base: &str, signed: bool, size: u8, memory: bool, offset: i64) -> Argument {
        Argument {
            base: x86_64(base).map_or(NONE, |(at, _)| at as u16),
            index: NONE,
            scale: 0,
            size,
            signed,
            memory,
            offset,
        }
    }

    #[test]
    fn all_forms() {
        assert_eq!(one("-4@%edi"), Ok(argument("di", true, 4, false, 0)));
        assert_eq!(one("1@%r10b"), Ok(argument("r10", false, 1, false, 0)));
        assert_eq!(one("8@-16(%rbp)"), Ok(argument("bp", false, 8, true, -16)));
        assert_eq!(one("2@(%rax)"), Ok(argument("ax", false, 2, true, 0)));
        assert_eq!(one("4@$5"), Ok(argument("", false, 4, false, 5)));
        assert_eq!(one("-1@$-1"), Ok(argument("", true, 1, false, -1)));
        assert_eq!(
            one("8@$0xffffffffffffffff"),
            Ok(argument("", false, 8, false, -1))
        );
        for text in ["8@counter(%rip)", "8@counter"] {
            assert_eq!(one(text), Ok(argument("ip", false, 8, true, 0x4000)));
        }
        for text in ["8@counter+8(%rip)", "8@8+counter(%rip)"] {
            assert_eq!(one(text), Ok(argument("ip", false, 8, true, 0x4008)));
        }
        let array = one("-2@counter-2(%rsi,%rsi)").expect("an argument");
        assert_eq!((array.base, array.index, array.offset), (104, 104, 0x4ffe));
        let indexed = one("-2@4(%rax,%rbx,8)").expect("an argument");
        assert_eq!((indexed.index, indexed.scale, indexed.offset), (40, 3, 4));
        let no_base = one("8@0x10(,%rcx,4)").expect("an argument");
        assert_eq!((no_base.base, no_base.scale), (NONE, 2));
    }

    #[test]
    fn what_cannot_be_read() {
        for text in [
            "8f@%xmm0",
            "8@%xmm1",
            "8@%fs:-8",
            "3@%edi",
            "%rdi",
            "8@other(%rip)",
            "8@8(%rip)",
            "8@$x",
            "8@(%rax",
            "8@(%rax,%rbx,3)",
            "8@(rax)",
            "@",
            "8@",
            "8@é(%rax)",
        ] {
            // an empty operand is the address 0, which is never there
            assert!(one(text).is_err() || text == "8@", "{text}");
        }
        assert!(one("8f@%xmm0").is_err_and(|e| e.starts_with("`8f@%xmm0` is in a floating")));
    }
}
