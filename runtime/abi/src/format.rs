//! The grammar of printf formats: what the compiler checks is what the runtime prints.

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is; `%%` is already one `%`.
    Text(String),
    Conversion(Conversion),
}

/// `%[flags][width][.precision][length]specifier`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// `-`: pad on the right.
    pub left: bool,
    /// `0`: pad numbers with zeros.
    pub zero: bool,
    /// `+`: a sign always.
    pub plus: bool,
    /// ` `: a space in place of a plus.
    pub space: bool,
    /// `#`: `0x`, `0` in front.
    pub alternate: bool,
    pub width: Option<u32>,
    pub precision: Option<u32>,
    /// `hh`, `h`, `l`, `ll`, `z`, `j`, `t`, or empty: how much of an integer is printed, see [`Conversion::bits`].
    pub length: String,
    pub specifier: Specifier,
    /// Bytes of the conversion in the format, for messages.
    pub start: usize,
    pub end: usize,
}

impl Conversion {
    /// Low bits of an integer that are printed: 32 without a length, as in C and bpftrace.
    pub fn bits(&self) -> u32 {
        match self.length.as_str() {
            "hh" => 8,
            "h" => 16,
            "" => 32,
            _ => 64,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Specifier {
    /// `%d`, `%i`
    Signed,
    /// `%u`
    Unsigned,
    /// `%x`
    HexLower,
    /// `%X`
    HexUpper,
    /// `%o`
    Octal,
    /// `%c`
    Char,
    /// `%s`
    String,
    /// `%p`
    Pointer,
    /// `%r`, `%rx`, `%rh`: a buffer's bytes
    Buffer,
    /// `%gr`: flags of the kernel's page allocator by name
    GfpFlags,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// Bytes of the bad conversion in the format.
    pub start: usize,
    pub end: usize,
    pub message: String,
}

/// Splits a format into its pieces.
pub fn parse(format: &str) -> Result<Vec<Piece>, FormatError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let start = format.len() - rest.len() + at;
        if let Some(after) = rest[at..].strip_prefix("%%") {
            text.push('%');
            rest = after;
            continue;
        }
        let conversion = conversion(format, start)?;
        rest = &format[conversion.end..];
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Conversion(conversion));
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn conversion(format: &str, start: usize) -> Result<Conversion, FormatError> {
    let bytes = format.as_bytes();
    let mut at = start + 1;
    let mut c = Conversion {
        left: false,
        zero: false,
        plus: false,
        space: false,
        alternate: false,
        width: None,
        precision: None,
        length: String::new(),
        specifier: Specifier::Signed,
        start,
        end: start,
    };
    while let Some(flag) = bytes.get(at) {
        match flag {
            b'-' => c.left = true,
            b'0' => c.zero = true,
            b'+' => c.plus = true,
            b' ' => c.space = true,
            b'#' => c.alternate = true,
            _ => break,
        }
        at += 1;
    }
    c.width = number(bytes, &mut at, start)?;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        c.precision = Some(number(bytes, &mut at, start)?.unwrap_or(0));
    }
    let length = at;
    while matches!(bytes.get(at), Some(b'h' | b'l' | b'z' | b'j' | b't')) {
        at += 1;
    }
    c.length = format[length..at].to_string();
    c.specifier = match bytes.get(at) {
        Some(b'd' | b'i') => Specifier::Signed,
        Some(b'u') => Specifier::Unsigned,
        Some(b'x') => Specifier::HexLower,
        Some(b'X') => Specifier::HexUpper,
        Some(b'o') => Specifier::Octal,
        Some(b'c') => Specifier::Char,
        Some(b's') => Specifier::String,
        Some(b'p') => Specifier::Pointer,
        Some(b'r') => Specifier::Buffer,
        Some(b'g') if bytes.get(at + 1) == Some(&b'r') => {
            at += 1;
            Specifier::GfpFlags
        }
        _ => {
            let end = format[at..]
                .chars()
                .next()
                .map_or(at, |ch| at + ch.len_utf8());
            let message = match &format[at..end] {
                "" => "the format ends within a conversion".to_string(),
                other => format!("unknown conversion `{other}`"),
            };
            return Err(FormatError {
                start,
                end,
                message,
            });
        }
    };
    at += 1;
    if c.specifier == Specifier::Buffer && matches!(bytes.get(at), Some(b'x' | b'h')) {
        at += 1;
    }
    c.end = at;
    Ok(c)
}

/// Widths above this are a mistake, and would let a script ask for gigabytes of spaces.
const MAX_WIDTH: u32 = 65_536;

fn number(bytes: &[u8], at: &mut usize, start: usize) -> Result<Option<u32>, FormatError> {
    let first = *at;
    let mut value: u32 = 0;
    while let Some(digit) = bytes.get(*at).filter(|b| b.is_ascii_digit()) {
        value = value
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'));
        *at += 1;
    }
    if value > MAX_WIDTH {
        return Err(FormatError {
            start,
            end: *at,
            message: format!("width or precision above {MAX_WIDTH}"),
        });
    }
    Ok((*at > first).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_text_and_conversions() {
        let pieces = parse("a%%b %-10.3llx|%s").expect("a good format");
        assert_eq!(pieces.len(), 4);
        assert_eq!(pieces[0], Piece::Text("a%b ".into()));
        let Piece::Conversion(c) = &pieces[1] else {
            panic!("{pieces:?}")
        };
        assert!(c.left && c.width == Some(10) && c.precision == Some(3) && c.length == "ll");
        assert_eq!(c.specifier, Specifier::HexLower);
        assert_eq!((c.start, c.end), (5, 14));
    }

    #[test]
    fn names_the_bad_conversion() {
        assert_eq!(
            parse("x %q").expect_err("bad").message,
            "unknown conversion `q`"
        );
        assert_eq!(
            parse("x %").expect_err("bad").message,
            "the format ends within a conversion"
        );
        assert_eq!(parse("%é").expect_err("bad").end, 3);
        assert!(parse("%999999999999d").is_err());
        assert_eq!(
            parse("%g").expect_err("bad").message,
            "unknown conversion `g`"
        );
        assert_eq!(parse("%gr").expect("good").len(), 1);
    }
}
