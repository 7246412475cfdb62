//! What expansion makes of scripts, shown as trees.

use bt_grammar::diag::Diagnostic;

use super::{expand, locate};
use crate::facts::live::LiveFacts;
use crate::source::Source;

fn run(text: &str) -> (String, Vec<Diagnostic>) {
    let source = Source::new("test.bt", text.to_string());
    let parsed = bt_grammar::parse(text);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let (script, _, found) = expand(parsed.script, &source, &LiveFacts::default());
    (bt_grammar::dump(&script), locate(found, &source))
}

/// The macros and definitions, the body of a `begin` probe, and the body that it expands to.
#[track_caller]
fn check(macros: &str, body: &str, expected: &str) {
    let (tree, found) = run(&format!("{macros}\nbegin {{ {body} }}\n"));
    assert!(found.is_empty(), "{found:?}");
    let words: Vec<&str> = tree.split_whitespace().collect();
    let tree = words.join(" ").replace("( ", "(");
    let at = tree.find("(attach begin) (body ").expect("the probe");
    let body = &tree[at + "(attach begin) (body ".len()..tree.len() - 2];
    assert_eq!(body, expected);
}

/// Code and the text of the labels' places.
#[track_caller]
fn check_error(text: &str, code: &str, places: &[&str]) {
    let (_, found) = run(text);
    let first = found.first().expect("an error");
    let shown: Vec<&str> = first.labels.iter().map(|l| &text[l.span.range()]).collect();
    assert_eq!((first.code, shown.as_slice()), (code, places), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn variables_stay_apart() {
    check(
        "macro swap($a, $b) { let $t = $a; $a = $b; $b = $t; }",
        "$t = 1; $u = 2; swap($t, $u); swap($u, $t);",
        "(= $t 1) (= $u 2) (block (let $t#1 $t) (= $t $u) (= $u $t#1)) (block (let $t#2 $u) (= $u $t) (= $t $t#2))",
    );
}

#[test]
fn expressions_are_inserted_at_each_use() {
    check(
        "macro twice(x) { x + x }",
        "print(twice(f(1)));",
        "(call print (+ (call f 1) (call f 1)))",
    );
    check(
        "macro value(x) { x }",
        "print(value(@m)); print(value($v))",
        "(call print (block (value @m))) (value (call print (block (value $v))))",
    );
}

#[test]
fn bare_names_and_nesting() {
    check(
        "macro one { 1 } macro add_one(x) { x + one }",
        "print(one); print(add_one(add_one(1)));",
        "(call print 1) (call print (+ (+ 1 1) 1))",
    );
}

#[test]
fn kinds_select_the_macro() {
    check(
        "macro k($a) { 1 } macro k(@a) { 2 } macro k(a) { 3 } macro k(a, b) { 4 }",
        "print((k($x), k(@x), k(5), k(5, 6)));",
        "(call print (tuple 1 2 3 4))",
    );
}

#[test]
fn types_are_substituted() {
    check(
        "macro p(t, x) { (t*)x } macro s(t) { (sizeof(t), sizeof(struct t)) }",
        "print(p(typeof(uint8), -1)); print(p(typeof(struct task_struct), 1)); print(s(task_struct)); print(p(typeof($x), 1))",
        "(call print (cast (pointer [uint8]) (- 1))) (call print (cast (pointer [struct task_struct]) 1)) (call print (tuple (sizeof (type [task_struct])) (sizeof (type [struct task_struct])))) (value (call print (cast (pointer (typeof $x)) 1)))",
    );
}

#[test]
fn defines_are_text() {
    check(
        "#define SQ(x) x * x\n#define N SQ(2)\n",
        "print(SQ(1 + 2)); print(N);",
        "(call print (+ (+ 1 (* 2 1)) 2)) (call print (* 2 2))",
    );
    check(
        "#define T struct task_struct *\n",
        "print((T)1); print(sizeof(T));",
        "(call print (cast (pointer [struct task_struct]) 1)) (call print (sizeof (type (pointer [struct task_struct]))))",
    );
    check(
        "#define inc(x) x + 1\nmacro m(x) { inc(x) }",
        "print(m(2));",
        "(call print (+ 2 1))",
    );
}

#[test]
fn calls_without_a_value_are_statements() {
    check(
        "macro m(@a) { @a++; }",
        "m(@x); m(@x)",
        "(block (_++ @x)) (block (_++ @x))",
    );
}

#[test]
fn mistakes() {
    check_error(
        "macro m() { @x++ }\nbegin { m(); }",
        "E0215",
        &["@x", "m()"],
    );
    check_error(
        "macro m($x) { $x++ }\nbegin { m(@y); }",
        "E0210",
        &["@y", "$x"],
    );
    check_error(
        "macro m($x) { $x++ }\nbegin { m(1, 2); }",
        "E0210",
        &["m", "m"],
    );
    check_error(
        "macro m(x) { x++ }\nbegin { m($y); }",
        "E0210",
        &["x", "m($y)"],
    );
    check_error(
        "macro a() { b() }\nmacro b() { a() }\nbegin { a(); }",
        "E0211",
        &["a()", "b()", "a()"],
    );
    check_error(
        "macro a(x) { 1 }\nmacro a($x) { 2 }\nbegin { }",
        "E0216",
        &["a", "a"],
    );
    check_error("#define X 1 +\nbegin { print(X); }", "E0214", &["X", "X"]);
}

#[test]
fn growth_is_limited() {
    let mut text = String::from("macro m0(x) { x; x }\n");
    for n in 1..40 {
        text.push_str(&format!("macro m{n}(x) {{ m{}({{ x; x }}) }}\n", n - 1));
    }
    text.push_str("begin { m39(print(1)); }\n");
    assert_eq!(run(&text).1.first().map(|d| d.code), Some("E0213"));
}
