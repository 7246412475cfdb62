//! The inside of quotes: text, escapes, and where a string ends that was never closed.

use logos::Logos;

use super::Cursor;
use crate::diag::Diagnostic;
use crate::span::Span;

#[derive(Logos, Debug, Clone, Copy, PartialEq)]
enum Piece {
    #[regex(r#"[^"\\\n]+"#)]
    Text,
    #[regex(r"\\[0-7][0-7]?[0-7]?")]
    Octal,
    #[regex(r"\\[xX][0-9a-fA-F][0-9a-fA-F]?")]
    Hex,
    #[regex(r"\\[^\n]", priority = 0)]
    Escape,
    #[token("\"")]
    Close,
    #[token("\n")]
    NewLine,
}

/// The bytes of a string whose opening quote, at `start`, has been read. The cursor ends behind the closing quote.
pub fn quoted(cursor: &mut Cursor<'_>, start: usize) -> Vec<u8> {
    let base = cursor.pos;
    let mut bytes = Vec::new();
    let mut lexer = Piece::lexer(cursor.rest());
    while let Some(piece) = lexer.next() {
        let text = lexer.slice();
        let at = base + lexer.span().start;
        match piece {
            Ok(Piece::Text) => bytes.extend_from_slice(text.as_bytes()),
            Ok(Piece::Octal) => match u8::from_str_radix(&text[1..], 8) {
                Ok(byte) => bytes.push(byte),
                Err(_) => bad_escape(cursor, at, text, "larger than a byte (`\\377`)"),
            },
            Ok(Piece::Hex) => bytes.push(u8::from_str_radix(&text[2..], 16).unwrap_or(b'?')),
            Ok(Piece::Escape) => match simple_escape(text) {
                Some(byte) => bytes.push(byte),
                None => bad_escape(cursor, at, text, "unknown escape"),
            },
            Ok(Piece::Close) => {
                cursor.pos = base + lexer.span().end;
                return bytes;
            }
            // A lone backslash before the end of the line is the one thing that no pattern takes.
            Ok(Piece::NewLine) | Err(()) => break,
        }
    }
    unterminated(cursor, start, base, bytes)
}

/// No closing quote on this line. It most likely stood before `);`, or before the brackets and the semicolon at the end
/// of the line, so the string gives them back, and the rest of the script parses as it was meant.
fn unterminated(cursor: &mut Cursor<'_>, start: usize, base: usize, mut bytes: Vec<u8>) -> Vec<u8> {
    let line = cursor.src[base..].split('\n').next().unwrap_or("");
    let text = line.trim_end_matches(['\\', '\r']);
    let kept = text.trim_end_matches([')', ';', '}', ']', ' ', '\t']).len();
    let kept = text.find(");").map_or(kept, |end| end.min(kept));
    bytes.truncate(bytes.len().saturating_sub(text.len() - kept));
    cursor.pos = base + kept;
    cursor.report(
        Diagnostic::error(
            "E0104",
            Span::new(start, base + kept),
            "unterminated string",
        )
        .here("no closing quote on this line")
        .help("close it with `\"`; a line break in a string is written `\\n`"),
    );
    if kept < text.len() {
        return bytes;
    }
    cursor.pos = base + line.len();
    bytes
}

fn simple_escape(text: &str) -> Option<u8> {
    Some(match text {
        "\\n" => b'\n',
        "\\t" => b'\t',
        "\\r" => b'\r',
        "\\\"" => b'"',
        "\\\\" => b'\\',
        "\\a" => 0x07,
        "\\b" => 0x08,
        "\\f" => 0x0c,
        "\\v" => 0x0b,
        _ => return None,
    })
}

fn bad_escape(cursor: &mut Cursor<'_>, at: usize, text: &str, why: &str) {
    cursor.report(
        Diagnostic::error("E0105", Span::new(at, at + text.len()), format!("invalid escape `{text}`"))
            .here(why)
            .help("escapes are \\n \\t \\r \\a \\b \\f \\v \\\\ \\\" \\nnn (octal) and \\xnn; a backslash is written `\\\\`"),
    );
}

/// `'text'`, where the opening quote at `start` has been read: a mistake, read as the string it was meant to be. `None`
/// if nothing closes it.
pub fn single_quoted(cursor: &mut Cursor<'_>, start: usize) -> Option<Vec<u8>> {
    let line = cursor.rest().split('\n').next().unwrap_or("");
    let Some(len) = line.find('\'') else {
        let span = Span::new(start, start + 1);
        cursor.report(
            Diagnostic::error("E0102", span, "unexpected character `'`")
                .here("not part of the language")
                .help("strings are written in double quotes: `\"text\"`"),
        );
        return None;
    };
    let text = &line[..len];
    cursor.pos += len + 1;
    let mut chars = text.chars();
    let help = match (chars.next(), chars.next()) {
        (Some(c), None) => format!(
            "write \"{c}\" for a string, or {} for the character's code",
            u32::from(c)
        ),
        _ => format!("write \"{}\"", text.escape_debug()),
    };
    cursor.report(
        Diagnostic::error(
            "E0108",
            Span::new(start, cursor.pos),
            "single quotes do not make a string",
        )
        .here("strings are written in double quotes")
        .help(help),
    );
    Some(text.as_bytes().to_vec())
}
