//! The words of a command line that are a script's parameters: `$1`, and options for `getopt()`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// A script's words, sorted.
pub struct Words {
    /// `$1` and those that follow, by their number.
    pub positional: BTreeMap<u32, String>,
    /// `--name` and `--name=value`
    pub named: Vec<(String, Option<String>)>,
}

impl Words {
    /// As in bpftrace, `--` may stand before or among them; another one ends the named ones.
    pub fn sort(words: &[OsString]) -> Result<Words, String> {
        let mut sorted = Words {
            positional: BTreeMap::new(),
            named: Vec::new(),
        };
        let mut rest = words.iter();
        let mut separated = false;
        let mut index = 1..;
        let mut add = |sorted: &mut Words, text: &str| {
            let positional = index.next().map(|index| (index, text.to_string()));
            sorted.positional.extend(positional);
        };
        for word in rest.by_ref() {
            let text = utf8(word)?;
            match text.strip_prefix("--") {
                Some("") if separated => break,
                Some("") => separated = true,
                Some(named) => sorted.named.push(match named.split_once('=') {
                    Some((name, value)) => (name.to_string(), Some(value.to_string())),
                    None => (named.to_string(), None),
                }),
                None => add(&mut sorted, text),
            }
        }
        for word in rest {
            add(&mut sorted, utf8(word)?);
        }
        Ok(sorted)
    }

    /// `$#`
    pub fn count(&self) -> u32 {
        self.positional.keys().next_back().copied().unwrap_or(0)
    }
}

fn utf8(word: &OsStr) -> Result<&str, String> {
    word.to_str()
        .ok_or_else(|| format!("the parameter `{}` is not valid UTF-8", word.display()))
}

/// Decimal, `0x` hexadecimal, `0` octal, with a sign, with `_` between digits; `1e6` as in scripts.
pub fn number(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.replace('_', "");
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let magnitude = if let Some(hex) = lower.strip_prefix("0x") {
        u64::from_str_radix(hex, 16).ok()?
    } else if let Some((mantissa, exponent)) = lower.split_once('e') {
        let power = 10u64.checked_pow(exponent.parse().ok()?)?;
        mantissa.parse::<u64>().ok()?.checked_mul(power)?
    } else if lower.len() > 1 && lower.starts_with('0') {
        u64::from_str_radix(&lower, 8).ok()?
    } else {
        lower.parse().ok()?
    };
    let magnitude = i128::from(magnitude);
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(number("42"), Some(42));
        assert_eq!(number("-0x10"), Some(-16));
        assert_eq!(number("0755"), Some(0o755));
        assert_eq!(number("1_000"), Some(1000));
        assert_eq!(number("2e3"), Some(2000));
        assert_eq!(number("18446744073709551615"), Some(i128::from(u64::MAX)));
        for bad in ["", "-", "abc", "12x", "0x", "1e99", "99999999999999999999"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_second_dash_dash_ends_the_named_ones() {
        let words = ["a", "--", "--n=1", "--", "--x"].map(OsString::from);
        let sorted = Words::sort(&words).expect("UTF-8");
        let positional = [(1, "a"), (2, "--x")].map(|(n, text)| (n, text.to_string()));
        assert_eq!(sorted.positional, BTreeMap::from(positional));
        assert_eq!(sorted.named, [("n".to_string(), Some("1".to_string()))]);
    }
}
