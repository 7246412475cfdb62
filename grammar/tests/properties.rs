//! Whatever the text: no panic, places that exist, and no hole in the tree that no error explains.

use std::path::Path;

use bt_grammar::ast::{Item, Script};
use bt_grammar::span::Span;
use proptest::prelude::*;

/// Bits of scripts, from which odd ones are made.
const PIECES: &[&str] = &[
    "begin",
    "end",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    ":",
    "/",
    " / ",
    "//",
    "/*",
    "*/",
    "\"",
    "\"a\"",
    "'",
    "\\",
    "\n",
    " ",
    "$x",
    "@m",
    "@",
    "$1",
    "$#",
    "$",
    "1",
    "0x",
    "1e6",
    "99999999999999999999",
    "5ms",
    "08",
    "..",
    ".",
    "->",
    "=",
    "==",
    "+=",
    "++",
    "--",
    "+",
    "-",
    "*",
    "!",
    "~",
    "&",
    "&&",
    "?",
    "<<",
    "if",
    "else",
    "for",
    "while",
    "unroll",
    "let",
    "return",
    "break",
    "sizeof",
    "offsetof",
    "typeof",
    "struct",
    "union",
    "enum",
    "typedef",
    "s",
    "int",
    "pid",
    "kprobe:f",
    "uprobe:/a:b",
    "interval:1s",
    "config = {",
    "import",
    "macro m",
    "#define A 1\n",
    "#include <a.h>\n",
    "#if 0\n",
    "#else\n",
    "#endif\n",
    "#",
    "__attribute__((packed))",
    "comptime",
    "中",
    "\u{feff}",
    "\0",
    "\r\n",
    "name=",
];

fn check(source: &str) -> Result<(), TestCaseError> {
    let parsed = bt_grammar::parse(source);
    let exists = |span: Span| span.start <= span.end && source.get(span.range()).is_some();
    for diagnostic in &parsed.diagnostics {
        prop_assert!(!diagnostic.labels.is_empty());
        for label in &diagnostic.labels {
            prop_assert!(exists(label.span), "{diagnostic:?}");
        }
    }
    for span in spans(&parsed.script) {
        prop_assert!(exists(span), "{span:?} in {:?}", parsed.script);
    }
    if parsed.diagnostics.is_empty() {
        prop_assert!(!bt_grammar::dump(&parsed.script).contains("<error>"));
    }
    Ok(())
}

/// All places in the tree. They are read from its debug output, so that no node can be forgotten.
fn spans(script: &Script) -> Vec<Span> {
    let text = format!("{script:?}");
    let number = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|n| n.parse::<usize>().ok())
    };
    let mut spans = Vec::new();
    for part in text.split("Span { start: ").skip(1) {
        let end = part.split_once("end: ").and_then(|(_, rest)| number(rest));
        if let (Some(start), Some(end)) = (number(part), end) {
            spans.push(Span::new(start, end));
        }
    }
    spans
}

fn scripts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("tests/scripts")
        .flatten()
        .map(|e| e.path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "bt"));
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a script"))
        .collect()
}

/// Words, white space and single characters: good enough as tokens.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for c in source.chars() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if word(c) && last.chars().all(word) => last.push(c),
            _ => tokens.push(c.to_string()),
        }
    }
    tokens
}

#[derive(Debug, Clone)]
enum Edit {
    Drop(usize),
    Double(usize),
    Swap(usize, usize),
    Insert(usize, &'static str),
    Cut(usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        any::<usize>().prop_map(Edit::Drop),
        any::<usize>().prop_map(Edit::Double),
        any::<(usize, usize)>().prop_map(|(a, b)| Edit::Swap(a, b)),
        (any::<usize>(), proptest::sample::select(PIECES))
            .prop_map(|(at, piece)| Edit::Insert(at, piece)),
        any::<usize>().prop_map(Edit::Cut),
    ];
    proptest::collection::vec(edit, 1..6)
}

fn apply(tokens: &mut Vec<String>, edit: &Edit) {
    let len = tokens.len();
    if len == 0 {
        return;
    }
    match *edit {
        Edit::Drop(at) => drop(tokens.remove(at % len)),
        Edit::Double(at) => tokens.insert(at % len, tokens[at % len].clone()),
        Edit::Swap(a, b) => tokens.swap(a % len, b % len),
        Edit::Insert(at, piece) => tokens.insert(at % len, piece.to_owned()),
        Edit::Cut(at) => tokens.truncate(at % len),
    }
}

proptest! {
    // More cases: PROPTEST_CASES=100000.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(source in "\\PC{0,200}") {
        check(&source)?;
    }

    #[test]
    fn any_characters(chars in proptest::collection::vec(any::<char>(), 0..100)) {
        check(&chars.into_iter().collect::<String>())?;
    }

    #[test]
    fn pieces_of_scripts(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)) {
        check(&pieces.concat())?;
        check(&pieces.join(" "))?;
    }

    #[test]
    fn pieces_in_a_body(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        let source = format!("begin {{ {}\n }} end {{ }}", pieces.join(" "));
        check(&source)?;
        let parsed = bt_grammar::parse(&source);
        prop_assert!(parsed.script.items.len() >= 2 || !parsed.diagnostics.is_empty(), "lost in silence");
        check(&format!("struct s {{ {} }} end {{ }}", pieces.join(" ")))?;
    }

    #[test]
    fn mutated_scripts(which in any::<usize>(), edits in edits()) {
        let scripts = scripts();
        let mut tokens = tokens(&scripts[which % scripts.len()]);
        for edit in &edits {
            apply(&mut tokens, edit);
        }
        check(&tokens.concat())?;
    }

    /// Prefixes of scripts, as an editor has them while one is typed.
    #[test]
    fn prefixes(which in any::<usize>(), at in any::<proptest::sample::Index>()) {
        let scripts = scripts();
        let source = &scripts[which % scripts.len()];
        let mut end = at.index(source.len());
        while !source.is_char_boundary(end) {
            end -= 1;
        }
        check(&source[..end])?;
    }

    /// Integers come out as they went in.
    #[test]
    fn integers(n in any::<u64>()) {
        for text in [format!("{n}"), format!("{n:#x}"), format!("{n}UL"), format!("0{n:o}")] {
            let parsed = bt_grammar::parse(&format!("begin {{ {text} }}"));
            let expected = format!("(probe (attach begin) (body (value {n})))\n");
            prop_assert_eq!(bt_grammar::dump(&parsed.script), expected);
        }
    }
}

/// The places of nodes are the text that they stand for.
#[test]
fn places_are_exact() {
    let source = "kprobe:f /pid == 1/ { $x = (struct foo *)arg0; }";
    let parsed = bt_grammar::parse(source);
    let [Item::Probe(probe)] = parsed.script.items.as_slice() else {
        panic!("one probe: {:?}", parsed.script)
    };
    let text = |span: Span| &source[span.range()];
    assert_eq!(text(probe.span), source);
    assert_eq!(text(probe.attach_points[0].span), "kprobe:f");
    assert_eq!(text(probe.attach_points[0].parts[0].span), "f");
    assert_eq!(
        probe.predicate.as_ref().map(|e| text(e.span)),
        Some("pid == 1")
    );
    assert_eq!(text(probe.body.span), "{ $x = (struct foo *)arg0; }");
    assert_eq!(text(probe.body.stmts[0].span), "$x = (struct foo *)arg0");
}

/// The parts of a node lie within it.
#[test]
fn places_nest() {
    for source in scripts() {
        let parsed = bt_grammar::parse(&source);
        for item in &parsed.script.items {
            if let Item::Probe(probe) = item {
                let inside =
                    |inner: Span| probe.span.start <= inner.start && inner.end <= probe.span.end;
                assert!(
                    inside(probe.body.span)
                        && probe.attach_points.iter().all(|point| inside(point.span))
                );
                assert!(probe.body.stmts.iter().all(|stmt| inside(stmt.span)));
            }
        }
    }
}
