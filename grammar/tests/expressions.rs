//! Operators, literals, casts, types, tuples, records and blocks that are values.

mod common;
use common::{check_body, check_errors, check_expr};

#[test]
fn precedence_is_c_s() {
    check_expr("2 + 3 * 4", "(+ 2 (* 3 4))");
    check_expr("10 - 5 - 2", "(- (- 10 5) 2)");
    check_expr("16 >> 2 + 1", "(>> 16 (+ 2 1))");
    check_expr("1 << 2 < 8", "(< (<< 1 2) 8)");
    check_expr("5 > 3 == 1", "(== (> 5 3) 1)");
    check_expr("5 == 5 & 1", "(& (== 5 5) 1)");
    check_expr("1 & 3 ^ 2 | 4", "(| (^ (& 1 3) 2) 4)");
    check_expr("a | b && c || d", "(|| (&& (| a b) c) d)");
    check_expr("1 <= 2 != 3 >= 4", "(!= (<= 1 2) (>= 3 4))");
    check_expr("8 / 4 % 3", "(% (/ 8 4) 3)");
    check_expr("(1 + 2) * 3", "(* (+ 1 2) 3)");
}

#[test]
fn ternary_is_right_associative() {
    check_expr("a ? b : c ? d : e", "(? a b (? c d e))");
    check_expr("a ? b ? 1 : 2 : 3", "(? a (? b 1 2) 3)");
    check_expr("a ?: b", "(?: a b)");
    check_expr("a ? : b", "(?: a b)");
    check_expr("1 || 0 ? 5 : 10", "(? (|| 1 0) 5 10)");
}

#[test]
fn unary_operators_bind_tighter_than_binary() {
    check_expr("-1 + ~2 * !3", "(+ (- 1) (* (~ 2) (! 3)))");
    check_expr("*$p + 1", "(+ (* $p) 1)");
    check_expr("*@x**@y", "(* (* @x) (* @y))");
    check_expr("&$x", "(& $x)");
    check_expr("!!a", "(! (! a))");
    check_expr("*$p.f", "(* (. $p f))");
    check_expr("+1", "(+ 1)");
}

#[test]
fn increments_before_and_after() {
    check_body("$x++", "(value (_++ $x))");
    check_body(
        "++$x; --@a[1]; @b--;",
        "(++_ $x) (--_ (index @a 1)) (_-- @b)",
    );
    check_expr("$x++ + ++$y", "(+ (_++ $x) (++_ $y))");
    check_body("@[pid, comm]++", "(value (_++ (index @ pid comm)))");
}

#[test]
fn fields_elements_and_calls() {
    check_expr("args->x", "(-> args x)");
    check_expr("args.x.y", "(. (. args x) y)");
    check_expr("$t.0", "(. $t 0)");
    check_expr("$kv.0.1", "(. (. $kv 0) 1)");
    check_expr("@x[1, 2]", "(index @x 1 2)");
    check_expr("@x[@y[1]].z[2]", "(index (. (index @x (index @y 1)) z) 2)");
    check_expr("f()", "(call f)");
    check_expr("f(1, \"a\", $x,)", "(call f 1 \"a\" $x)");
    check_expr("greet!(1)", "(call greet 1)");
    check_expr("@", "@");
    check_expr("$1 + $#", "(+ $1 $#)");
    check_expr("pid", "pid");
    check_expr("x[index]", "(index x index)");
}

#[test]
fn keywords_are_names_behind_a_dot() {
    check_expr("$x->if", "(-> $x if)");
    check_expr("$x.struct.for", "(. (. $x struct) for)");
    check_expr(
        "offsetof(struct s, enum)",
        "(offsetof (type [struct s]) enum)",
    );
    check_expr("args.config", "(. args config)");
}

#[test]
fn integers() {
    check_expr("0", "0");
    check_expr("1_000_123", "1000123");
    check_expr("0x1F", "31");
    check_expr("0Xff", "255");
    check_expr("0xffUL", "255");
    check_expr("0777", "511");
    check_expr("0b101", "5");
    check_expr("1e6", "1000000");
    check_expr("2E3", "2000");
    check_expr("1e1_0", "10000000000");
    check_expr("0e99", "0");
    check_expr("18446744073709551615", "18446744073709551615");
    check_expr("0xffffffffffffffff", "18446744073709551615");
    for suffix in ["u", "U", "l", "L", "ul", "UL", "ll", "LL", "ull", "ULL"] {
        check_expr(&format!("1_000{suffix}"), "1000");
    }
}

#[test]
fn durations_are_nanoseconds() {
    check_expr("1ns", "1");
    check_expr("1us", "1000");
    check_expr("10ms", "10000000");
    check_expr("1s", "1000000000");
    check_expr("5m", "300000000000");
    check_expr("1h", "3600000000000");
    check_expr("1d", "86400000000000");
    check_expr("1e3us", "1000000");
}

#[test]
fn numbers_that_are_none() {
    for bad in [
        "08", "0x", "0b2", "1e", "1e-3", "5q", "1_", "0xfs", "5M0", "12abc", "5MS",
    ] {
        let code = format!("begin {{ $x = {bad}; }}");
        let found = bt_grammar::parse(&code).diagnostics;
        assert_eq!(
            found.iter().map(|d| d.code).collect::<Vec<_>>(),
            ["E0106"],
            "{bad}"
        );
    }
    for bad in [
        "18446744073709551616",
        "1e20",
        "99999999999999999999999",
        "300000000000d",
        "0x1ffffffffffffffff",
    ] {
        check_errors(
            &format!("begin {{ $x = {bad}; }}"),
            &[&format!("E0107 {bad:?} number `{bad}` is too large")],
        );
    }
    check_errors("begin { $0 }", &["E0106 \"$0\" invalid parameter `$0`"]);
}

#[test]
fn strings_and_escapes() {
    check_expr(r#""a\n\t\\\"\r""#, r#""a\n\t\\\"\r""#);
    check_expr(r#""\a\b\f\v""#, r#""\x07\x08\x0c\x0b""#);
    check_expr(r#""\101\60\0""#, r#""A0\x00""#);
    check_expr(r#""\x41\xff\x4""#, r#""A\xff\x04""#);
    check_expr(r#""\1234""#, r#""S4""#);
    check_expr(
        "\"中文 // no comment /* */\"",
        "\"中文 // no comment /* */\"",
    );
    check_expr("\"\"", "\"\"");
}

#[test]
fn casts_in_both_spellings() {
    check_expr(
        "(struct task_struct *)arg0",
        "(cast (pointer [struct task_struct]) arg0)",
    );
    check_expr("(uint64)x", "(cast [uint64] x)");
    check_expr("(int32*)x", "(cast (pointer [int32]) x)");
    check_expr("(string[64])x", "(cast (array [string] 64) x)");
    check_expr(
        "(bool[2])(uint16)1",
        "(cast (array [bool] 2) (cast [uint16] 1))",
    );
    check_expr("(int8[])\"a\"", "(cast (array [int8]) \"a\")");
    check_expr(
        "(int32*[4]*)x",
        "(cast (pointer (array (pointer [int32]) 4)) x)",
    );
    check_expr("(unsigned long long)x", "(cast [unsigned long long] x)");
    check_expr("(const char *)x", "(cast (pointer [char]) x)");
    check_expr("(const struct sock *)x", "(cast (pointer [struct sock]) x)");
    check_expr("(enum Foo)1", "(cast [enum Foo] 1)");
    check_expr("(union u)1", "(cast [union u] 1)");
    check_expr("(typeof($x))1", "(cast (typeof $x) 1)");
    check_expr(
        "(typeof(struct a*))1",
        "(cast (typeof (type (pointer [struct a]))) 1)",
    );
    check_expr(
        "(struct s *)arg0->f",
        "(cast (pointer [struct s]) (-> arg0 f))",
    );
    check_expr(
        "((struct s *)arg0)->f",
        "(-> (cast (pointer [struct s]) arg0) f)",
    );
    check_expr("(struct s)arg0+123", "(+ (cast [struct s] arg0) 123)");
    check_expr("(uint64)-1", "(cast [uint64] (- 1))");
    check_expr("(uint64){ $a }", "(cast [uint64] (block (value $a)))");
    check_expr("(int32)(-100)", "(cast [int32] (- 100))");
}

#[test]
fn parentheses_that_are_no_casts() {
    check_expr("(pid)*tid", "(* pid tid)");
    check_expr("(foo)*tid", "(cast [foo] (* tid))");
    check_expr("(arg1)-arg0", "(- arg1 arg0)");
    check_expr("(foo)", "foo");
    check_expr("(foo) + 1", "(+ foo 1)");
    check_expr("(foo) - 1", "(cast [foo] (- 1))");
    check_expr("(foo) == 1", "(== foo 1)");
    check_expr("(a * b)", "(* a b)");
    check_expr("f(x)-1", "(- (call f x) 1)");
    check_expr("@m[(a)]", "(index @m a)");
    check_expr("((ident)[1])", "(index ident 1)");
    check_body("if (x) { }", "(if x (then))");
    check_body("while (x) { }", "(while x (body))");
}

#[test]
fn types_as_arguments() {
    check_expr("sizeof(uint32)", "(sizeof (type [uint32]))");
    check_expr(
        "sizeof(struct foo*)",
        "(sizeof (type (pointer [struct foo])))",
    );
    check_expr("sizeof(ident[1])", "(sizeof (type (array [ident] 1)))");
    check_expr("sizeof((ident)[1])", "(sizeof (index ident 1))");
    check_expr("sizeof((ident[1]))", "(sizeof (index ident 1))");
    check_expr("sizeof(ident)", "(sizeof (type [ident]))");
    check_expr("sizeof(ident())", "(sizeof (call ident))");
    check_expr("sizeof(pid)", "(sizeof pid)");
    check_expr("sizeof($x)", "(sizeof $x)");
    check_expr(
        "sizeof({ $a = 1; $a })",
        "(sizeof (block (= $a 1) (value $a)))",
    );
    check_expr(
        "sizeof(typeof(int32))",
        "(sizeof (type (typeof (type [int32]))))",
    );
    check_expr(
        "typeinfo(@m[1]).base_type",
        "(. (typeinfo (index @m 1)) base_type)",
    );
    check_expr(
        "offsetof(struct Foo, a.b.c)",
        "(offsetof (type [struct Foo]) a.b.c)",
    );
    check_expr("offsetof(*$p, a)", "(offsetof (* $p) a)");
    check_expr(
        "f(typeof(uint64*), 1)",
        "(call f (typeof (type (pointer [uint64]))) 1)",
    );
    check_expr("f(struct s, 1)", "(call f (type [struct s]) 1)");
}

#[test]
fn tuples_and_records() {
    check_expr("()", "(tuple)");
    check_expr("(1)", "1");
    check_expr("(1,)", "(tuple 1)");
    check_expr("(1, 2)", "(tuple 1 2)");
    check_expr("(1, 2,)", "(tuple 1 2)");
    check_expr("(1, (2, \"a\"))", "(tuple 1 (tuple 2 \"a\"))");
    check_expr("(a=1)", "(record (a 1))");
    check_expr("(a=1, b=\"x\")", "(record (a 1) (b \"x\"))");
    check_expr("(a=(b=1))", "(record (a (record (b 1))))");
    check_expr("(a == 1)", "(== a 1)");
}

#[test]
fn blocks_and_conditions_as_values() {
    check_expr("{ let $b = 1; $b }", "(block (let $b 1) (value $b))");
    check_expr("{ { 1 } }", "(block (value (block (value 1))))");
    check_expr(
        "if $a { 1 } else { 2 }",
        "(? $a (block (value 1)) (block (value 2)))",
    );
    check_expr(
        "if $a { 1 } else if $b { 2 } else { 3 }",
        "(? $a (block (value 1)) (? $b (block (value 2)) (block (value 3))))",
    );
    check_expr(
        "{ if $a { 1 } else { 2 } }",
        "(block (value (? $a (block (value 1)) (block (value 2)))))",
    );
    check_expr("{ if $a { 1 } }", "(block (if $a (then (value 1))))");
    check_expr("{ 1 } + 2", "(+ (block (value 1)) 2)");
    check_expr("f({ print(1) })", "(call f (block (value (call print 1))))");
}

#[test]
fn expressions_on_their_own() {
    let (expr, diagnostics) = bt_grammar::parse_expression("(A + 1) << 2");
    assert!(diagnostics.is_empty());
    assert!(matches!(
        expr.kind,
        bt_grammar::ast::ExprKind::Binary { .. }
    ));
    assert_eq!((expr.span.start, expr.span.end), (0, 12));
    for bad in ["", "1 +", "(", "1 2", "do { } while (0)"] {
        let (_, diagnostics) = bt_grammar::parse_expression(bad);
        assert!(!diagnostics.is_empty(), "{bad}");
    }
}
