//! Statements, blocks and the semicolons between them.

mod common;
use common::{check, check_body};

#[test]
fn assignments() {
    check_body(
        "$x = 1; @y = $x; @z[1, \"a\"] = 2",
        "(= $x 1) (= @y $x) (= (index @z 1 \"a\") 2)",
    );
    for op in ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"] {
        check_body(
            &format!("$a {op}= 1; @b{op}=2"),
            &format!("({op}= $a 1) ({op}= @b 2)"),
        );
    }
    check_body("$x.a = 1;", "(= (. $x a) 1)");
    check_body("_ = f();", "(discard (call f))");
}

#[test]
fn declarations() {
    check_body("let $x;", "(let $x)");
    check_body("let $x = 1;", "(let $x 1)");
    check_body("let $x: int8;", "(let $x (: [int8]))");
    check_body(
        "let $x : struct foo*[2] = 0;",
        "(let $x (: (array (pointer [struct foo]) 2)) 0)",
    );
    check_body("let $x: unsigned int = 1", "(let $x (: [unsigned int]) 1)");
    check_body(
        "let $k : typeof(@map) = key;",
        "(let $k (: (typeof @map)) key)",
    );
    check_body(
        "let $t: (int8, string) = (1, \"a\");",
        "(let $t (: (tuple [int8] [string])) (tuple 1 \"a\"))",
    );
}

#[test]
fn conditions() {
    check_body("if (1) { }", "(if 1 (then))");
    check_body("if (1) { } else { }", "(if 1 (then) (else))");
    check_body(
        "if (1) { $a = 1 } else if (2) { $a = 2 } else { $a = 3 } print(4)",
        "(if 1 (then (= $a 1)) (else (if 2 (then (= $a 2)) (else (= $a 3))))) (value (call print 4))",
    );
    check_body("if !pid { exit(); }", "(if (! pid) (then (call exit)))");
    check_body(
        "if $x > 1 && comm == \"a\" { }",
        "(if (&& (> $x 1) (== comm \"a\")) (then))",
    );
    check_body(
        "if ((struct s *)arg0)->f == 1 { }",
        "(if (== (-> (cast (pointer [struct s]) arg0) f) 1) (then))",
    );
    check_body("if (uint8)arg0 { }", "(if (cast [uint8] arg0) (then))");
    check_body(
        "if comptime is_str(x) { }",
        "(if (call comptime (call is_str x)) (then))",
    );
}

#[test]
fn loops() {
    check_body(
        "for ($kv : @map) { print($kv) }",
        "(for $kv @map (body (value (call print $kv))))",
    );
    check_body("for $kv : @map { }", "(for $kv @map (body))");
    check_body("for ($i : 0..10) { }", "(for $i (range 0 10) (body))");
    check_body(
        "for $i : 0..ncpus { continue; }",
        "(for $i (range 0 ncpus) (body (continue)))",
    );
    check_body(
        "for ($i : $a..f(2)) { break }",
        "(for $i (range $a (call f 2)) (body (break)))",
    );
    check_body(
        "while ($a < 10) { $a++ }",
        "(while (< $a 10) (body (value (_++ $a))))",
    );
    check_body("while !$a { }", "(while (! $a) (body))");
    check_body(
        "unroll(5) { print(1); }",
        "(unroll 5 (body (call print 1)))",
    );
    check_body("unroll ($1) { }", "(unroll $1 (body))");
}

#[test]
fn jumps() {
    check_body("return;", "(return)");
    check_body("return", "(return)");
    check_body("return 1 + 2;", "(return (+ 1 2))");
    check_body("return (uint64)1;", "(return (cast [uint64] 1))");
}

#[test]
fn semicolons() {
    check_body("", "");
    check_body(";;", "");
    check_body("1; 2", "1 (value 2)");
    check_body("1; 2;", "1 2");
    check_body(
        "{ $a = 1; { $b = 2 } } $c = 3",
        "(block (= $a 1) (block (= $b 2))) (= $c 3)",
    );
    check_body("if (1) { };", "(if 1 (then))");
    check_body(
        "for ($i : 0..1) { } while (0) { } unroll(1) { } 1",
        "(for $i (range 0 1) (body)) (while 0 (body)) (unroll 1 (body)) (value 1)",
    );
    check_body("if (1) { } *$x", "(if 1 (then)) (value (* $x))");
}

#[test]
fn comments_stand_anywhere() {
    check_body(
        "/* a */ print /* b */ ( // c\n 1 /* d; } */ ); // e\n",
        "(call print 1)",
    );
    check_body("/*** ***/0;", "0");
    check_body("/**/ 1 /* // */", "(value 1)");
}

#[test]
fn scripts_on_one_line() {
    check(
        "kprobe: vfs_read {@str[pid] = nsecs} kretprobe:vfs_read /@str[pid]/ {@time[comm] = nsecs - @str[pid]; delete(@str[pid])}",
        "(probe (attach kprobe \"vfs_read\") (body (= (index @str pid) nsecs)))
         (probe (attach kretprobe \"vfs_read\") (predicate (index @str pid))
           (body (= (index @time comm) (- nsecs (index @str pid))) (value (call delete (index @str pid)))))",
    );
}

#[test]
fn imports_in_blocks_are_calls() {
    check_body(
        "import \"x.bpf.c\"; 1",
        "(call import \"x.bpf.c\") (value 1)",
    );
    check_body("import; $x = import", "import (= $x import)");
}
