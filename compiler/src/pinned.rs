//! What a pinned iterator prints. No btrun is there when its file is read, so that the kernel itself must write the text:
//! `bpf_seq_printf` and `bpf_seq_write` know integers and strings. The rest is refused here, after the types are known.

use std::collections::BTreeMap;

use bt_abi::format::{self as grammar, Conversion, Piece as Parsed, Specifier};
use bt_abi::manifest::Attach;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use crate::layout;
use crate::typed::visit::{self, Node};
use crate::typed::{Call, CallData, Expr, ExprKind, MapId, Probe, Script};
use crate::types::Ty;

/// A piece of a text that the kernel writes. `arg` is the number of the call's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Number {
        arg: usize,
        /// Flags and width.
        padding: String,
        /// `d`, `u`, `x` or `X`
        base: char,
        /// How many of the low bits.
        bits: u32,
        /// In front of all numbers but 0.
        prefix: &'static str,
    },
    Char {
        arg: usize,
        padding: String,
    },
    Bool {
        arg: usize,
        padding: String,
    },
    Str {
        arg: usize,
        /// On the right.
        left: bool,
        width: u32,
        /// At most so many bytes.
        most: Option<u32>,
    },
}

/// Does the kernel write what this probe prints?
pub fn is_pinned(probe: &Probe) -> bool {
    matches!(probe.attach, Attach::Iter { pin: Some(_), .. })
}

/// The pieces of a `printf` or `print`, or what the kernel cannot write, and where it is.
pub fn pieces(call: &Call) -> Result<Vec<Piece>, (Span, String)> {
    let mut pieces = Vec::new();
    let CallData::Text(format) = &call.data else {
        for (arg, value) in call.args.iter().enumerate() {
            pieces.push(plain(arg, value)?);
        }
        pieces.push(Piece::Text("\n".into()));
        return Ok(pieces);
    };
    let mut args = call.args.iter().enumerate();
    // a bad format was reported before
    for piece in grammar::parse(format).unwrap_or_default() {
        match piece {
            Parsed::Text(text) => pieces.push(Piece::Text(text)),
            Parsed::Conversion(c) => {
                if let Some((arg, value)) = args.next() {
                    let shown = format.get(c.start..c.end).unwrap_or_default();
                    pieces.push(converted(arg, value, &c, shown)?);
                }
            }
        }
    }
    Ok(pieces)
}

/// A value as `print` shows it.
fn plain(arg: usize, value: &Expr) -> Result<Piece, (Span, String)> {
    let number = |base, prefix| Piece::Number {
        arg,
        padding: String::new(),
        base,
        bits: 64,
        prefix,
    };
    Ok(match &value.ty {
        Ty::Int(int) => number(if int.signed { 'd' } else { 'u' }, ""),
        Ty::Ptr(..) => number('x', "0x"),
        Ty::Bool => Piece::Bool {
            arg,
            padding: String::new(),
        },
        Ty::Str(_) => Piece::Str {
            arg,
            left: false,
            width: 0,
            most: None,
        },
        _ => return Err((value.span, "values of this type".into())),
    })
}

fn converted(
    arg: usize,
    value: &Expr,
    c: &Conversion,
    shown: &str,
) -> Result<Piece, (Span, String)> {
    let width = c.width.unwrap_or(0);
    let mut padding: String = [(c.left, '-'), (c.zero && !c.left, '0')]
        .iter()
        .filter_map(|(given, flag)| given.then_some(*flag))
        .collect();
    let number = |sign: &str, base: char, prefix: &'static str| {
        // behind a prefix the width is another
        if c.precision.is_some() || (!prefix.is_empty() && width > 0) {
            return Err((value.span, format!("`{shown}`")));
        }
        let width = if width > 0 {
            width.to_string()
        } else {
            String::new()
        };
        Ok(Piece::Number {
            arg,
            padding: format!("{sign}{padding}{width}"),
            base,
            bits: match c.specifier {
                Specifier::Pointer => 64,
                _ => c.bits(),
            },
            prefix,
        })
    };
    match (c.specifier, &value.ty) {
        (Specifier::String, Ty::Str(_)) => Ok(Piece::Str {
            arg,
            left: c.left,
            width,
            most: c.precision,
        }),
        (Specifier::String, Ty::Bool) if c.precision.is_none() => {
            padding = padding.replace('0', "");
            if width > 0 {
                padding.push_str(&width.to_string());
            }
            Ok(Piece::Bool { arg, padding })
        }
        (Specifier::Signed, _) if c.plus => number("+", 'd', ""),
        (Specifier::Signed, _) if c.space => number(" ", 'd', ""),
        (Specifier::Signed, _) => number("", 'd', ""),
        (Specifier::Unsigned, _) => number("", 'u', ""),
        (Specifier::HexLower, _) if c.alternate => number("", 'x', "0x"),
        (Specifier::HexUpper, _) if c.alternate => number("", 'X', "0X"),
        (Specifier::HexLower, _) => number("", 'x', ""),
        (Specifier::HexUpper, _) => number("", 'X', ""),
        (Specifier::Pointer, _) => number("", 'x', "0x"),
        (Specifier::Char, _) if c.precision.is_none() => {
            padding = padding.replace('0', "");
            if width > 0 {
                padding.push_str(&width.to_string());
            }
            Ok(Piece::Char { arg, padding })
        }
        (Specifier::String, _) => Err((value.span, format!("`{shown}` of this type"))),
        _ => Err((value.span, format!("`{shown}`"))),
    }
}

/// Refuses what needs btrun in pinned iterators, and tells of maps that nobody would ever see.
pub fn check(script: &Script) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for probe in script.probes.iter().filter(|p| is_pinned(p)) {
        visit::probe(probe, &mut |node| {
            if let Node::Call(call, span) = node {
                found.extend(refused(script, call, span));
            }
        });
    }
    found.extend(unseen(script));
    found
}

/// Why a call cannot be made in a pinned iterator.
fn refused(script: &Script, call: &Call, span: Span) -> Option<Diagnostic> {
    let name = call.function.name();
    let error = |span, message: String, here: String| {
        let error = Diagnostic::error("E0511", span, message).here(here);
        Some(error.help("the kernel writes what a pinned iterator prints, with `printf` and `print` of integers and strings"))
    };
    let of_map = matches!(call.args.first(), Some(e) if matches!(e.kind, ExprKind::MapRef(_)));
    match name {
        "printf" | "print" if !of_map => {
            let (at, what) = pieces(call).err()?;
            error(
                at,
                format!("a pinned iterator cannot print {what}"),
                format!("`{name}` is done by the kernel there"),
            )
        }
        "print" => error(
            span,
            "a pinned iterator cannot print maps".into(),
            "no btrun is there that would read it".into(),
        ),
        _ if layout::sends(script, call) => error(
            span,
            format!("`{name}` cannot be called in a pinned iterator"),
            "no btrun is there that would do it".into(),
        ),
        _ => None,
    }
}

/// Maps that pinned iterators write to, and no program reads.
fn unseen(script: &Script) -> Vec<Diagnostic> {
    let mut written: BTreeMap<MapId, Span> = BTreeMap::new();
    let mut read = Vec::new();
    for probe in &script.probes {
        let pinned = is_pinned(probe);
        visit::probe(probe, &mut |node| match node {
            Node::SetMap(map) if pinned => {
                let span = script.maps[map.index()].span;
                written.entry(map).or_insert(span);
            }
            // other probes have btrun, which prints the map when it ends
            Node::SetMap(map) | Node::Entries(map) => read.push(map),
            Node::Expr(e) => {
                if let ExprKind::MapGet { map, .. } | ExprKind::MapRef(map) = &e.kind {
                    read.push(*map);
                }
            }
            _ => {}
        });
    }
    let unread = written.iter().filter(|(map, _)| !read.contains(map));
    let told = unread.map(|(map, span)| {
        let name = &script.maps[map.index()].name;
        let message = format!("nobody will see `{name}`");
        Diagnostic::warning("W0930", *span, message)
            .here("a pinned iterator writes to it, after the run")
            .help("print what it holds in the probe: `printf(\"%d\\n\", @x)`")
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::Expr;
    use crate::types::Ty;

    fn of(format: &str, ty: Ty) -> Result<Piece, String> {
        let pieces = grammar::parse(format).expect("a format");
        let Some(Parsed::Conversion(c)) = pieces.first() else {
            panic!("{pieces:?}")
        };
        let value = Expr::int(0, ty, Span::default());
        converted(0, &value, c, format).map_err(|(_, what)| what)
    }

    #[test]
    fn conversions_of_the_kernel() {
        let number = |format: &str| match of(format, Ty::int(4, true)) {
            Ok(Piece::Number {
                padding,
                base,
                bits,
                prefix,
                ..
            }) => format!("{prefix}%{padding}{base} of {bits}"),
            other => format!("{other:?}"),
        };
        assert_eq!(number("%-08lld"), "%-8d of 64");
        assert_eq!(number("%+05hhi"), "%+05d of 8");
        assert_eq!(number("%p"), "0x%x of 64");
        assert_eq!(number("%#X"), "0X%X of 32");
        for bad in ["%o", "%.3d", "%#8x", "%r"] {
            assert_eq!(of(bad, Ty::int(4, true)), Err(format!("`{bad}`")));
        }
        assert!(of("%-5.3s", Ty::Str(16)).is_ok());
        assert!(of("%s", Ty::int(4, true)).is_err());
    }
}
