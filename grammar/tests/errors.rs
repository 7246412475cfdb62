//! What is said about broken scripts, and how much of them survives.

mod common;
use common::{check_errors, check_recovery};

#[test]
fn several_errors_in_one_run() {
    check_recovery(
        "begin { 1 + ; $y = * ; $z = 3 } kprobe:f { $x = ] } end { exit() }",
        &[
            "E0101 \";\" unexpected `;`",
            "E0101 \";\" unexpected `;`",
            "E0112 \"]\" unmatched `]`",
        ],
        "(probe (attach begin) (body (= $z 3))) (probe (attach kprobe \"f\") (body))
         (probe (attach end) (body (value (call exit))))",
    );
}

#[track_caller]
fn check_label(code: &str, label: &str) {
    let parsed = bt_grammar::parse(code);
    let found: Vec<&str> = parsed
        .diagnostics
        .iter()
        .map(|d| d.labels[0].text.as_str())
        .collect();
    assert_eq!(found, [label], "{code}");
}

#[test]
fn what_was_expected_is_said_in_plain_words() {
    check_label("begin { $x = ; }", "expected an expression");
    check_label("begin { let x; }", "expected a variable");
    check_label("begin { $x->1; }", "expected a name");
    check_label("begin { if (1) exit(); }", "expected `{`");
    check_label("begin { for (@m) { } }", "expected a variable");
    check_label(
        "macro f(1) { }",
        "expected `)`, a name, a variable or a map",
    );
    check_label("let @a = 3;", "expected a name");
    check_label("config = { 1 }", "expected `}` or a name");
    check_label("begin { f(1 2); }", "expected `)` or `,`");
    check_label("begin { sizeof 1 }", "expected `(`");
    check_label(
        "begin { $x = (struct foo); }",
        "expected an expression or `)`",
    );
}

#[test]
fn brackets_point_at_the_opening_one() {
    check_recovery(
        "begin { print(1; print(2); }",
        &["E0111 \"(\" unclosed `(`"],
        "(probe (attach begin) (body (call print 1) (call print 2)))",
    );
    check_recovery(
        "begin { @x[1 = 2; f(g(1); }",
        &["E0111 \"[\" unclosed `[`"],
        "(probe (attach begin) (body <error> (call f (call g 1))))",
    );
    check_recovery(
        "begin { } }",
        &["E0112 \"}\" unmatched `}`"],
        "(probe (attach begin) (body))",
    );
    check_recovery(
        "begin { if (1) { print(1)",
        &["E0111 \"{\" unclosed `{`"],
        "(probe (attach begin) (body (if 1 (then (value (call print 1))))))",
    );
}

#[test]
fn an_unclosed_brace_ends_at_the_next_probe() {
    check_recovery(
        "interval:1s {\n  if (1) {\n    print(1);\n}\nend { exit(); }\nmacro f() { }",
        &["E0111 \"{\" unclosed `{`"],
        "(probe (attach interval \"1s\") (body (if 1 (then (call print 1)))))
         (probe (attach end) (body (call exit))) (macro f (params) (body))",
    );
    let code = "interval:1s {\n  if (1) {\n    print(1);\n}\nend { exit(); }";
    let parsed = bt_grammar::parse(code);
    let label = &parsed.diagnostics[0].labels[0];
    assert_eq!(
        label.span.start as usize,
        code.find("{\n    print").expect("the brace of the `if`")
    );
    assert_eq!(
        parsed.diagnostics[0].labels[1].span.start as usize,
        code.find("end").expect("the next probe")
    );
}

#[test]
fn strings() {
    check_recovery(
        "begin { printf(\"hello); exit(); }",
        &["E0104 \"\\\"hello\" unterminated string"],
        "(probe (attach begin) (body (call printf \"hello\") (call exit)))",
    );
    check_recovery(
        "begin {\n  $x = \"a;\n  exit()\n}",
        &["E0104 \"\\\"a\" unterminated string"],
        "(probe (attach begin) (body (= $x \"a\") (value (call exit))))",
    );
    check_recovery(
        "begin { printf('%d', 1); }",
        &["E0108 \"'%d'\" single quotes do not make a string"],
        "(probe (attach begin) (body (call printf \"%d\" 1)))",
    );
    check_errors("begin { ' }", &["E0102 \"'\" unexpected character `'`"]);
    check_errors(
        r#"begin { "\q\400" }"#,
        &[
            r#"E0105 "\\q" invalid escape `\q`"#,
            r#"E0105 "\\400" invalid escape `\400`"#,
        ],
    );
    check_errors(
        "begin { \"",
        &[
            "E0111 \"{\" unclosed `{`",
            "E0104 \"\\\"\" unterminated string",
        ],
    );
    check_errors(
        "import \"a",
        &[
            "E0104 \"\\\"a\" unterminated string",
            "E0119 \"\\\"a\" missing `;`",
        ],
    );
}

#[test]
fn assignments_that_should_compare() {
    let tree = "(probe (attach kprobe \"f\") (predicate (== pid 1)) (body))";
    check_recovery(
        "kprobe:f /pid = 1/ { }",
        &["E0109 \"=\" assignment in the place of a condition"],
        tree,
    );
    check_errors(
        "begin { if ($x = 1) { } }",
        &["E0109 \"=\" assignment in the place of a condition"],
    );
    check_errors(
        "begin { while $x = 1 { } }",
        &["E0109 \"=\" assignment in the place of a condition"],
    );
    check_errors(
        "begin { $y = (@x = 1); }",
        &["E0109 \"=\" assignment in the place of a condition"],
    );
}

#[test]
fn missing_semicolons() {
    check_recovery(
        "begin {\n  print(1)\n  $x = 2\n  $y = 3\n}",
        &["E0119 \")\" missing `;`", "E0119 \"2\" missing `;`"],
        "(probe (attach begin) (body (call print 1) (= $x 2) (= $y 3)))",
    );
    check_errors(
        "begin { print(1) print(2) }",
        &["E0101 \"print\" unexpected `print`"],
    );
    check_recovery(
        "import \"x\"\nbegin { }",
        &["E0119 \"\\\"x\\\"\" missing `;`"],
        "(import \"x\") (probe (attach begin) (body))",
    );
}

#[test]
fn predicates() {
    check_recovery(
        "kprobe:f /pid == 1 { exit() }",
        &["E0111 \"/\" unclosed `/`"],
        "(probe (attach kprobe \"f\") (predicate (== pid 1)) (body (value (call exit))))",
    );
    check_errors("kprobe:f /(pid == 1/ { }", &["E0111 \"(\" unclosed `(`"]);
    check_recovery(
        "kprobe:f / / { }",
        &["E0101 \"/\" unexpected end of the predicate"],
        "(probe (attach kprobe \"f\") (predicate <error>) (body))",
    );
    check_errors(
        "kprobe:f /pid",
        &[
            "E0116 \"kprobe:f /pid\" a probe without an action",
            "E0111 \"/\" unclosed `/`",
        ],
    );
}

#[test]
fn heads_of_probes() {
    check_recovery(
        "kprobe:f\nkprobe:g { }",
        &["E0116 \"kprobe:f\" a probe without an action"],
        "(probe (attach kprobe \"g\") (body))",
    );
    check_recovery(
        "{ exit() }",
        &["E0115 \"{\" an action without a probe"],
        "(probe (body (value (call exit))))",
    );
    check_recovery(
        "uprobe:/a b/c:f { exit() } end { }",
        &["E0113 \"b/c:f\" unexpected `b/c:f` after an attach point"],
        "(probe (attach uprobe \"/a\") (body (value (call exit)))) (probe (attach end) (body))",
    );
    check_recovery(
        "printf(\"x\"); begin { }",
        &["E0114 \"printf\" a statement outside of a probe"],
        "(probe (attach begin) (body))",
    );
    check_recovery(
        "fn f($a: int8): void { return } begin {}",
        &["E0114 \"fn\" functions are not part of the language"],
        "(probe (attach begin) (body))",
    );
    check_recovery(
        "$a = 1;\nif ($a) { f(); } else { }\nprint($a);\n@m[1] = 2\nbegin { } for ($i : 0..1) { }",
        &[
            "E0114 \"$\" a statement outside of a probe",
            "E0114 \"for\" a statement outside of a probe",
        ],
        "(probe (attach begin) (body))",
    );
    check_errors(
        "print(1 {",
        &["E0114 \"print\" a statement outside of a probe"],
    );
    check_errors("= { }", &["E0114 \"=\" unexpected `=` outside of a probe"]);
    check_errors(
        "begin { } 中文 { }",
        &["E0114 \"中文\" unexpected `中文` outside of a probe"],
    );
}

#[test]
fn loops_from_c() {
    check_recovery(
        "begin { for ($i = 0; f($i); $i++) { print($i); } exit(); }",
        &["E0120 \"(\" a `for` loop in the style of C"],
        "(probe (attach begin) (body (while <error> (body (call print $i))) (call exit)))",
    );
    check_errors(
        "begin { for ($i = 0; { } }",
        &["E0120 \"(\" a `for` loop in the style of C"],
    );
}

#[test]
fn comments() {
    check_recovery(
        "begin { } /* rest",
        &["E0103 \"/*\" unterminated comment"],
        "(probe (attach begin) (body))",
    );
    check_errors(
        "kprobe:f /* rest",
        &[
            "E0116 \"kprobe:f\" a probe without an action",
            "E0103 \"/*\" unterminated comment",
        ],
    );
    check_errors("begin { /* rest }", &["E0103 \"/*\" unterminated comment"]);
    check_errors(
        "kprobe:f, /* rest",
        &[
            "E0116 \"kprobe:f,\" a probe without an action",
            "E0103 \"/*\" unterminated comment",
        ],
    );
}

/// A script whose nesting is `count` deep, by each construct that nests.
fn nested(count: usize) -> Vec<String> {
    let wrap = |open: &str, middle: &str, close: &str| {
        format!(
            "begin {{ $x = {}{middle}{}; }} end {{ }}",
            open.repeat(count),
            close.repeat(count)
        )
    };
    vec![
        wrap("(", "1", ")"),
        wrap("@a[", "1", "]"),
        wrap("{", "1", "}"),
        wrap("f(", "1", ")"),
        wrap("-", "1", "").replace("--", "- - "),
        wrap("!", "1", ""),
        wrap("(int)", "1", ""),
        wrap("1 + ", "1", ""),
        wrap("1 ? 1 : ", "1", ""),
        wrap("1 ? ", "1", " : 1"),
        format!("begin {{ $x = $y{}; }} end {{ }}", "[0]".repeat(count)),
        format!("begin {{ $x = $y{}; }} end {{ }}", ".a".repeat(count)),
        wrap("comptime ", "a", ""),
        wrap("if 1 { } else ", "{ }", ""),
        wrap("sizeof(", "1", ")"),
        format!(
            "begin {{ {} {{ }} }} end {{ }}",
            "if (1) { } else ".repeat(count)
        ),
        format!(
            "begin {{ {} {} }} end {{ }}",
            "if (1) { ".repeat(count),
            "}".repeat(count)
        ),
        format!("begin {{ let $x: int{}; }} end {{ }}", "*".repeat(count)),
        format!(
            "begin {{ let $x: {}int{}; }} end {{ }}",
            "(".repeat(count),
            ")".repeat(count)
        ),
        format!(
            "struct s {{ {} {} }} end {{ }}",
            "struct { ".repeat(count),
            "};".repeat(count)
        ),
        format!("struct s {{ int {}p; }} end {{ }}", "*".repeat(count)),
        format!("struct s {{ int p{}; }} end {{ }}", "[1]".repeat(count)),
        format!(
            "kprobe:f /{}1{}/ {{ }} end {{ }}",
            "(".repeat(count),
            ")".repeat(count)
        ),
    ]
}

#[test]
fn deep_nesting_is_an_error() {
    for code in nested(10_000) {
        let parsed = bt_grammar::parse(&code);
        let codes: Vec<&str> = parsed.diagnostics.iter().map(|d| d.code).collect();
        assert!(codes.contains(&"E0110"), "{codes:?} {}", &code[..60]);
        // Only the item that is too deep is lost.
        assert_eq!(
            bt_grammar::dump(&parsed.script),
            "(probe (attach end) (body))\n",
            "{}",
            &code[..60]
        );
    }
}

/// What is allowed fits on the stack of a thread, dropping, copying and printing included.
#[test]
fn allowed_nesting_is_harmless() {
    let shallow = [150, 190].into_iter().flat_map(nested);
    let operators = ["-1 + ", "!", "1 ? 1 : ", "(int)"]
        .map(|op| format!("begin {{ $x = {}1 }}", op.repeat(240)));
    let branches = format!(
        "begin {{ {} {{ }} }}",
        "if (1) { f(1 + 2); } else ".repeat(450)
    );
    for code in shallow.chain(operators).chain([branches]) {
        let parsed = bt_grammar::parse(&code);
        assert_eq!(parsed.diagnostics, [], "{}", &code[..60]);
        assert_eq!(parsed.script, parsed.script.clone());
        assert!(bt_grammar::dump(&parsed.script).len() > 50);
    }
}

#[test]
fn long_scripts_are_not_deep() {
    let statements = "@a[1] = count(); if ($x > 1) { print(\"x\"); } else { $y = (struct foo *)arg0; } $z = -1 + 2 * 3;\n";
    let code = format!("begin {{ {} }}", statements.repeat(5_000));
    assert_eq!(bt_grammar::parse(&code).diagnostics, []);
    let arguments = format!("begin {{ f({}1) }}", "$x + 1, ".repeat(5_000));
    assert_eq!(bt_grammar::parse(&arguments).diagnostics, []);
}
