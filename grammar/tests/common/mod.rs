//! What the tests of several topics share.
#![allow(dead_code, reason = "no test uses all of it")]

use bt_grammar::diag::Diagnostic;

/// The code must parse, and its tree must read like this; line breaks and indentation do not count.
#[track_caller]
pub fn check(code: &str, tree: &str) {
    let parsed = bt_grammar::parse(code);
    let errors: Vec<String> = parsed.diagnostics.iter().map(|d| render(code, d)).collect();
    assert!(errors.is_empty(), "{code}\n{}", errors.join("\n"));
    assert_eq!(
        words(&bt_grammar::dump(&parsed.script)),
        words(tree),
        "\n{code}"
    );
}

/// The body of a probe with this code in it.
#[track_caller]
pub fn check_body(code: &str, tree: &str) {
    check(
        &format!("begin {{ {code} }}"),
        &format!("(probe (attach begin) (body {tree}))"),
    );
}

/// A single expression.
#[track_caller]
pub fn check_expr(code: &str, tree: &str) {
    check_body(&format!("$r = {code};"), &format!("(= $r {tree})"));
}

/// The diagnostics must be these, one a line: `code "what is labelled" message`; and the tree, if one is given.
#[track_caller]
pub fn check_errors(code: &str, expected: &[&str]) {
    let parsed = bt_grammar::parse(code);
    let found: Vec<String> = parsed.diagnostics.iter().map(|d| render(code, d)).collect();
    assert_eq!(found, expected, "\n{code}");
}

/// The same, and what remains of the tree.
#[track_caller]
pub fn check_recovery(code: &str, expected: &[&str], tree: &str) {
    check_errors(code, expected);
    let parsed = bt_grammar::parse(code);
    assert_eq!(
        words(&bt_grammar::dump(&parsed.script)),
        words(tree),
        "\n{code}"
    );
}

pub fn render(code: &str, diagnostic: &Diagnostic) -> String {
    let at = diagnostic
        .labels
        .first()
        .and_then(|label| code.get(label.span.range()))
        .unwrap_or("<nowhere>");
    format!("{} {at:?} {}", diagnostic.code, diagnostic.message)
}

/// White space between forms is layout; in strings it is not, but no test depends on that.
fn words(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace("( ", "(")
        .replace(" )", ")")
}
