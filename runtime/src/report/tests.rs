//! printf against the C library, and goldens of maps and histograms.

use std::ffi::CString;

use bt_abi::format::parse;
use bt_abi::manifest::Span;
use bt_abi::types::{Field, NamedField, hist_buckets, lhist_buckets};
use proptest::prelude::*;

use super::*;
use crate::value::tests::NoStacks;
use crate::value::{Int, pointer};

const NOWHERE: Span = Span {
    start: 0,
    end: 0,
    line: 1,
    column: 1,
};

fn printf(format: &str, values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    printf::format(
        &mut out,
        format,
        &parse(format).expect("a good format"),
        values,
    );
    out
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

/// What the C library makes of one argument.
enum Argument<'a> {
    Long(i64),
    Text(&'a CString),
}

fn c_printf(format: &str, argument: &Argument<'_>) -> Vec<u8> {
    let format = CString::new(format).expect("no zero byte");
    let mut out = vec![0u8; 8192];
    // SAFETY: the buffer has the length that is given, the format has one conversion, and the argument is of its type.
    let length = unsafe {
        match argument {
            Argument::Long(n) => {
                libc::snprintf(out.as_mut_ptr().cast(), out.len(), format.as_ptr(), *n)
            }
            Argument::Text(t) => libc::snprintf(
                out.as_mut_ptr().cast(),
                out.len(),
                format.as_ptr(),
                t.as_ptr(),
            ),
        }
    };
    out.truncate(length as usize);
    out
}

fn integers() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        -300i64..300,
        Just(0),
        Just(i64::MIN),
        Just(i64::from(u32::MAX)),
        Just(i64::from(i32::MIN)),
    ]
}

proptest! {
    #[test]
    fn integers_are_printed_as_the_c_library_does(
        n in integers(),
        flags in "[-+ #0]{0,3}",
        width in proptest::option::of(1u32..40),
        precision in proptest::option::of(0u32..40),
        length in "(hh|h||l|ll|z|j|t)",
        specifier in "[diuxXo]",
    ) {
        let width = width.map_or(String::new(), |w| w.to_string());
        let precision = precision.map_or(String::new(), |p| format!(".{p}"));
        let format = format!("<%{flags}{width}{precision}{length}{specifier}>");
        let ours = printf(&format, &[Value::Int(Int::signed(n))]);
        let theirs = c_printf(&format, &Argument::Long(n));
        prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs), "{}", format);
    }

    #[test]
    fn texts_are_printed_as_the_c_library_does(
        string in "[ -~é]{0,40}",
        flags in "-{0,1}",
        width in proptest::option::of(1u32..40),
        precision in proptest::option::of(0u32..40),
    ) {
        let width = width.map_or(String::new(), |w| w.to_string());
        let precision = precision.map_or(String::new(), |p| format!(".{p}"));
        let format = format!("<%{flags}{width}{precision}s>");
        let argument = CString::new(string.clone()).expect("no zero byte");
        let ours = printf(&format, &[text(&string)]);
        prop_assert_eq!(ours, c_printf(&format, &Argument::Text(&argument)));
    }

    #[test]
    fn characters_are_printed_as_the_c_library_does(n in 1i64..128, flags in "-{0,1}", width in 1u32..9) {
        let format = format!("<%{flags}{width}c>");
        let ours = printf(&format, &[Value::Int(Int::signed(n))]);
        prop_assert_eq!(ours, c_printf(&format, &Argument::Long(n)));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        for ty in types() {
            let _ = crate::value::tests::decode(&ty, &bytes);
        }
    }
}

/// Values of all shapes, with texts of any bytes.
fn values() -> impl Strategy<Value = Value> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..12);
    let name = "[a-z\"\\\\\u{1}é]{1,4}";
    let leaf = prop_oneof![
        any::<u64>().prop_map(|n| Value::Int(Int::unsigned(n))),
        any::<i64>().prop_map(|n| Value::Int(Int::signed(n))),
        any::<bool>().prop_map(Value::Bool),
        bytes().prop_map(Value::Text),
        bytes().prop_map(Value::Buffer),
        any::<u64>().prop_map(pointer),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        let some = || proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            some().prop_map(Value::Array),
            some().prop_map(Value::Tuple),
            proptest::collection::vec((name, inner.clone()), 0..4).prop_map(Value::Record),
        ]
    })
}

proptest! {
    #[test]
    fn json_is_valid_whatever_is_in_it(
        value in values(),
        key in values(),
        text in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let output = json::Json;
        let source = Source { name: "a\"b.bt".into(), text: String::new() };
        let mut out = Vec::new();
        output.value(&mut out, &value);
        output.printf(&mut out, &text);
        output.time(&mut out, &text);
        output.cat(&mut out, &text);
        output.join(&mut out, &text);
        output.system(&mut out, &text);
        output.message(&mut out, true, &text, &source, &NOWHERE);
        output.map(&mut out, "@m", &MapReport::Single(Content::Value(value.clone())));
        output.map(&mut out, "@m", &MapReport::Keyed(vec![(key, Content::Value(value))]));
        output.lost(&mut out, 7);
        output.attached(&mut out, 3, &[]);
        let out = String::from_utf8(out).expect("UTF-8");
        prop_assert_eq!(out.lines().count(), 11);
        for line in out.lines() {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
            prop_assert!(parsed.is_ok(), "{}", line);
        }
    }
}

fn types() -> Vec<Type> {
    let int = Type::Int {
        size: 4,
        signed: true,
    };
    vec![
        Type::tuple([int.clone(), Type::String { size: 16 }, Type::Bool]),
        Type::Array {
            element: Box::new(int.clone()),
            count: 5,
        },
        Type::Struct {
            name: "s".into(),
            size: 16,
            fields: vec![NamedField {
                name: "a".into(),
                offset: 8,
                ty: Type::Pointer,
            }],
        },
        // fields outside of the tuple
        Type::Tuple {
            size: 8,
            fields: vec![Field {
                offset: u32::MAX,
                ty: int,
            }],
        },
    ]
}

#[test]
fn what_is_not_a_plain_number() {
    let name = Value::Symbolic {
        text: "ONE".into(),
        number: 1,
    };
    assert_eq!(
        printf(
            "%d %s %5s|%-5s|",
            &[name.clone(), name.clone(), name.clone(), name]
        ),
        b"1 ONE   ONE|ONE  |"
    );
    assert_eq!(
        printf("%d %s", &[Value::Bool(true), Value::Bool(true)]),
        b"1 true"
    );
    assert_eq!(
        printf("%p %p %18p|", &[pointer(0), pointer(0xffff), pointer(1)]),
        b"0 0xffff                0x1|"
    );
    assert_eq!(
        printf(
            "%s",
            &[Value::Tuple(vec![text("a"), Value::Int(Int::signed(-1))])]
        ),
        b"(a, -1)"
    );
    assert_eq!(
        printf("%d", &[text("x")]),
        b"!{invalid integer conversion: x}"
    );
    assert_eq!(printf("%d %d", &[Value::Bool(true)]), b"1 ");
    let buffer = Value::Text(b"ab\n\xff".to_vec());
    assert_eq!(
        printf("%r %rx %rh", &[buffer.clone(), buffer.clone(), buffer]),
        b"ab\\x0a\\xff \\x61\\x62\\x0a\\xff 61 62 0a ff"
    );
}

fn map(key: Option<Type>, value: Type) -> Map {
    Map {
        name: "@x".into(),
        symbol: "m".into(),
        key,
        value_size: value.size().next_multiple_of(8),
        value,
        set_offset: None,
        span: NOWHERE,
    }
}

fn entry(key: &[u8], value: &[u8]) -> Entry {
    Entry {
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

fn word(n: u64) -> [u8; 8] {
    n.to_ne_bytes()
}

/// A map in both formats.
fn print(map: &Map, entries: Vec<Entry>, top: u64, div: u64) -> (String, String) {
    let mut decoder = Decoder {
        stacks: &mut NoStacks,
        trailer: "..",
    };
    let report = map_report(map, entries, top, div, &mut decoder).expect("good entries");
    let with = |output: &dyn Output| {
        let mut out = Vec::new();
        output.map(&mut out, &map.name, &report);
        String::from_utf8(out).expect("utf-8")
    };
    (with(&text::Text), with(&json::Json))
}

fn counts(count: usize, buckets: &[(usize, u64)]) -> Vec<u8> {
    let mut all = vec![0; count];
    for (i, n) in buckets {
        all[*i] = *n;
    }
    all.into_iter().flat_map(u64::to_ne_bytes).collect()
}

#[test]
fn maps_are_sorted_by_number_else_by_key() {
    let name = Type::String { size: 8 };
    let m = map(Some(name.clone()), Type::Count);
    let all = || {
        vec![
            entry(b"b\0\0\0\0\0\0\0", &word(3)),
            entry(b"c\0\0\0\0\0\0\0", &word(1)),
            entry(b"a\0\0\0\0\0\0\0", &word(3)),
        ]
    };
    let (plain, json) = print(&m, all(), 0, 0);
    assert_eq!(plain, "@x[c]: 1\n@x[a]: 3\n@x[b]: 3\n");
    assert_eq!(
        json,
        "{\"type\": \"map\", \"data\": {\"@x\": {\"c\": 1, \"a\": 3, \"b\": 3}}}\n"
    );
    assert_eq!(print(&m, all(), 1, 2).0, "@x[b]: 1\n");
    let key = Type::tuple([
        Type::Int {
            size: 4,
            signed: true,
        },
        name.clone(),
    ]);
    let m = map(Some(key), name);
    let pair = |n: i32, t: &[u8; 8]| [&n.to_ne_bytes()[..], &[0; 4], t].concat();
    let all = vec![
        entry(&pair(2, b"b\0\0\0\0\0\0\0"), b"two\0\0\0\0\0"),
        entry(&pair(-1, b"z\0\0\0\0\0\0\0"), b"12345678"),
    ];
    let (plain, json) = print(&m, all, 0, 0);
    assert_eq!(plain, "@x[-1, z]: 12345678..\n@x[2, b]: two\n");
    assert_eq!(
        json,
        "{\"type\": \"map\", \"data\": {\"@x\": {\"-1,z\": \"12345678..\", \"2,b\": \"two\"}}}\n"
    );
    let signed = map(Some(Type::Pointer), Type::Sum { signed: true });
    let all = vec![
        entry(&word(1), &word(5)),
        entry(&word(2), &word(-5i64 as u64)),
    ];
    assert_eq!(print(&signed, all, 0, 0).0, "@x[0x2]: -5\n@x[0x1]: 5\n");
}

#[test]
fn maps_without_a_key() {
    let m = map(
        None,
        Type::Int {
            size: 8,
            signed: false,
        },
    );
    assert_eq!(
        print(&m, vec![entry(b"", &word(7))], 0, 2),
        (
            "@x: 3\n".into(),
            "{\"type\": \"map\", \"data\": {\"@x\": 3}}\n".into()
        )
    );
    assert_eq!(print(&m, vec![], 0, 0), (String::new(), String::new()));
    // more than a double can hold
    assert!(
        print(&m, vec![entry(b"", &word(u64::MAX))], 0, 0)
            .1
            .contains("\"18446744073709551615\"")
    );
}

#[test]
fn stacks_as_keys() {
    let ty = Type::KernelStack {
        limit: 2,
        mode: bt_abi::types::StackMode::Bpftrace,
    };
    let m = map(Some(ty), Type::Count);
    assert_eq!(
        print(&m, vec![entry(&word(5), &word(1))], 0, 0).0,
        "@x[\n        frame+5\n]: 1\n"
    );
}

#[test]
fn logarithmic_histograms() {
    let m = map(None, Type::Hist { bits: 0 });
    let n = hist_buckets(0) as usize;
    let (plain, json) = print(
        &m,
        vec![entry(
            b"",
            &counts(n, &[(0, 1), (1, 2), (2, 4), (3, 1), (12, 3)]),
        )],
        0,
        0,
    );
    let expected = "\
@x:
(..., 0)               1 |@@@@@@@@@@@@@                                       |
[0]                    2 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[1]                    4 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[2, 4)                 1 |@@@@@@@@@@@@@                                       |
[4, 8)                 0 |                                                    |
[8, 16)                0 |                                                    |
[16, 32)               0 |                                                    |
[32, 64)               0 |                                                    |
[64, 128)              0 |                                                    |
[128, 256)             0 |                                                    |
[256, 512)             0 |                                                    |
[512, 1K)              0 |                                                    |
[1K, 2K)               3 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@             |

";
    assert_eq!(plain, expected);
    assert!(json.starts_with("{\"type\": \"hist\", \"data\": {\"@x\": [{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 0, \"count\": 2},"));
    let last = print(&m, vec![entry(b"", &counts(n, &[(64, 1), (65, 1)]))], 0, 0).0;
    assert!(
        last.contains("[4E, 8E) ") && last.contains("[8E, 16E) "),
        "{last}"
    );
    assert_eq!(
        print(&m, vec![entry(b"", &counts(n, &[]))], 0, 0).0,
        "@x:\n\n"
    );
    // more buckets to a power of two
    let m = map(Some(Type::Bool), Type::Hist { bits: 2 });
    let fine = counts(
        hist_buckets(2) as usize,
        &[(8, 1), (9, 1), (10, 1), (45, 2)],
    );
    let plain = print(&m, vec![entry(&[1], &fine)], 0, 0).0;
    let labels: Vec<&str> = plain
        .lines()
        .filter(|l| !l.contains(" 0 |"))
        .map(|l| l.split("  ").next().unwrap_or(l))
        .collect();
    assert_eq!(
        labels,
        ["@x[true]:", "[7]", "[8, 10)", "[10, 12)", "[4K, 5K)", ""]
    );
}

#[test]
fn linear_histograms() {
    let (min, max, step) = (0, 100, 10);
    let m = map(None, Type::LinearHist { min, max, step });
    let n = lhist_buckets(min, max, step) as usize;
    let (plain, json) = print(
        &m,
        vec![entry(b"", &counts(n, &[(0, 1), (1, 2), (10, 1), (11, 2)]))],
        0,
        0,
    );
    let labels: Vec<&str> = plain
        .lines()
        .map(|l| l.split("  ").next().unwrap_or(l))
        .collect();
    assert_eq!(labels[..3], ["@x:", "(..., 0)", "[0, 10)"]);
    assert_eq!(labels[11..], ["[90, 100)", "[100, ...)", ""]);
    assert!(
        json.ends_with(
            "{\"min\": 90, \"max\": 99, \"count\": 1},{\"min\": 100, \"count\": 2}]}}\n"
        ),
        "{json}"
    );
    let only_above = print(&m, vec![entry(b"", &counts(n, &[(11, 2)]))], 0, 0).0;
    assert!(
        only_above.starts_with("@x:\n[100, ...)             2 |@@"),
        "{only_above}"
    );
    let m = map(
        None,
        Type::LinearHist {
            min: 0,
            max: 4096,
            step: 1024,
        },
    );
    let plain = print(
        &m,
        vec![entry(b"", &counts(6, &[(1, 1), (2, 1), (5, 1)]))],
        0,
        0,
    )
    .0;
    let labels: Vec<&str> = plain
        .lines()
        .map(|l| l.split("  ").next().unwrap_or(l))
        .collect();
    assert_eq!(
        labels,
        [
            "@x:",
            "[0, 1K)",
            "[1K, 2K)",
            "[2K, 3K)",
            "[3K, 4K)",
            "[4K, ...)",
            ""
        ]
    );
    let m = map(
        None,
        Type::LinearHist {
            min: 0,
            max: 3,
            step: 1,
        },
    );
    let plain = print(&m, vec![entry(b"", &counts(5, &[(2, 1)]))], 0, 0).0;
    assert!(plain.starts_with("@x:\n[1]   "), "{plain}");
}

#[test]
fn values_of_all_shapes() {
    let show = |value: &Value| {
        let (mut plain, mut lines) = (Vec::new(), Vec::new());
        text::render(&mut plain, value);
        json::Json.value(&mut lines, value);
        (
            String::from_utf8_lossy(&plain).into_owned(),
            String::from_utf8_lossy(&lines).into_owned(),
        )
    };
    let n = |n| Value::Int(Int::signed(n));
    let record = Value::Record(vec![
        ("a".into(), n(1)),
        ("b".into(), Value::Array(vec![n(2), n(3)])),
    ]);
    assert_eq!(
        show(&record),
        (
            "{ .a = 1, .b = [2,3] }".into(),
            "{\"type\": \"value\", \"data\": {\"a\": 1, \"b\": [2,3]}}\n".into()
        )
    );
    assert_eq!(show(&Value::Record(vec![])).0, "{}");
    assert_eq!(
        show(&pointer(16)),
        (
            "0x10".into(),
            "{\"type\": \"value\", \"data\": 16}\n".into()
        )
    );
    assert_eq!(
        show(&text("a\"\n\u{1}")).1,
        "{\"type\": \"value\", \"data\": \"a\\\"\\n\\u0001\"}\n"
    );
    assert_eq!(
        show(&Value::Text(vec![0xff])).1,
        "{\"type\": \"value\", \"data\": \"\u{fffd}\"}\n"
    );
}

/// docs/json.md shows a line of each type that there is, and lists it.
#[test]
fn every_type_of_json_is_documented() {
    let docs = include_str!("../../../docs/json.md");
    let source = include_str!("json.rs");
    let examples: Vec<serde_json::Value> = docs
        .lines()
        .filter(|l| l.starts_with('{'))
        .map(|l| serde_json::from_str(l).expect(l))
        .collect();
    // the names stand in quotes in the code that writes them
    for example in &examples {
        let name = example["type"].as_str().expect("a type");
        let written = [format!("\"{name}\""), format!("\\\"{name}\\\"")];
        assert!(
            written.iter().any(|w| source.contains(w)),
            "{name} is never written"
        );
        assert!(docs.contains(&format!("`{name}`")), "{name} is not listed");
    }
    let quoted = source.split("message(out, \"").skip(1);
    for name in quoted.filter_map(|rest| rest.split('"').next()) {
        let shown = examples.iter().any(|e| e["type"] == name);
        assert!(shown, "docs/json.md has no example of {name}");
    }
}
