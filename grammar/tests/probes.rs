//! Attach points, predicates and the other items of a script.

mod common;
use common::check;

#[track_caller]
fn check_attach(code: &str, tree: &str) {
    check(&format!("{code} {{ }}"), &format!("(probe {tree} (body))"));
    // White space before the brace is a habit, not a rule.
    check(&format!("{code}{{}}"), &format!("(probe {tree} (body))"));
}

#[test]
fn attach_points() {
    check_attach("BEGIN", "(attach BEGIN)");
    check_attach("begin", "(attach begin)");
    check_attach("interval:s:2", r#"(attach interval "s" "2")"#);
    check_attach("interval:1s", r#"(attach interval "1s")"#);
    check_attach(
        "hardware:cache-misses:1e6",
        r#"(attach hardware "cache-misses" "1e6")"#,
    );
    check_attach("hardware:cycles:", r#"(attach hardware "cycles" "")"#);
    check_attach(
        "tracepoint:syscalls:sys_enter_openat",
        r#"(attach tracepoint "syscalls" "sys_enter_openat")"#,
    );
    check_attach("kprobe:tcp_*", r#"(attach kprobe "tcp_*")"#);
    check_attach(
        "kprobe:[Ss]y[Ss]_read",
        r#"(attach kprobe "[Ss]y[Ss]_read")"#,
    );
    check_attach("kprobe:vfs_read+4", r#"(attach kprobe "vfs_read+4")"#);
    check_attach(
        "kprobe:kvm:x86_emulate_insn",
        r#"(attach kprobe "kvm" "x86_emulate_insn")"#,
    );
    check_attach("kprobe:$1", r#"(attach kprobe "$1")"#);
    check_attach(
        "kprobe:0xffffffff81000000",
        r#"(attach kprobe "0xffffffff81000000")"#,
    );
    check_attach(
        "watchpoint:0x100:8:rw",
        r#"(attach watchpoint "0x100" "8" "rw")"#,
    );
    check_attach(
        "t*point:sched:sched_switch",
        r#"(attach t*point "sched" "sched_switch")"#,
    );
    check_attach("*:*", r#"(attach * "*")"#);
    check_attach("self:signal:SIGUSR1", r#"(attach self "signal" "SIGUSR1")"#);
}

#[test]
fn paths() {
    check_attach(
        "uprobe:/bin/bash:readline",
        r#"(attach uprobe "/bin/bash" "readline")"#,
    );
    check_attach(
        "uprobe:./a.out:\"ns::f(int)\"",
        r#"(attach uprobe "./a.out" (quoted "ns::f(int)"))"#,
    );
    check_attach(
        "uprobe:/my/app:cpp:\"A::*\"",
        r#"(attach uprobe "/my/app" "cpp" (quoted "A::*"))"#,
    );
    check_attach(
        "uprobe:\"/path with space/x\":f",
        r#"(attach uprobe (quoted "/path with space/x") "f")"#,
    );
    check_attach(
        "uprobe:./tracee-中文:f",
        r#"(attach uprobe "./tracee-中文" "f")"#,
    );
    check_attach(
        "uprobe:/bin/bash@readline.c:362",
        r#"(attach uprobe "/bin/bash@readline.c" "362")"#,
    );
    check_attach(
        "uprobe:/bin/bash@src/readline.c:362:5",
        r#"(attach uprobe "/bin/bash@src/readline.c" "362" "5")"#,
    );
    check_attach(
        "uprobe:/lib/*/libc.so.6:malloc",
        r#"(attach uprobe "/lib/*/libc.so.6" "malloc")"#,
    );
    check_attach(
        "uprobe:/a//b/*c*/d:f",
        r#"(attach uprobe "/a//b/*c*/d" "f")"#,
    );
    check_attach(
        "uprobe:/with#hash=x:f",
        r#"(attach uprobe "/with#hash=x" "f")"#,
    );
    check_attach(
        "u:./test:\"fn.abc\"+0x10",
        r#"(attach u "./test" (quoted "fn.abc+0x10"))"#,
    );
    check_attach("usdt:*:loop", r#"(attach usdt "*" "loop")"#);
    check_attach("usdt:/a/b::probe", r#"(attach usdt "/a/b" "" "probe")"#);
    check_attach(
        "usdt:/a:\"\\\"p\\\"\"",
        r#"(attach usdt "/a" (quoted "\"p\""))"#,
    );
    check_attach("uprobe: /bin/bash:f", r#"(attach uprobe "/bin/bash" "f")"#);
    check_attach(
        "iter:task_file:/sys/fs/bpf/files",
        r#"(attach iter "task_file" "/sys/fs/bpf/files")"#,
    );
    check_attach(
        "uprobe:./go:github.com/x/y.F",
        r#"(attach uprobe "./go" "github.com/x/y.F")"#,
    );
}

#[test]
fn alternatives_in_braces() {
    check_attach("kprobe:{a,b}", r#"(attach kprobe "{a,b}")"#);
    check_attach(
        "kprobe:vfs_{read,write}*",
        r#"(attach kprobe "vfs_{read,write}*")"#,
    );
    check(
        "kprobe:f{pid}",
        r#"(probe (attach kprobe "f") (body (value pid)))"#,
    );
}

#[test]
fn lists_of_attach_points() {
    check_attach(
        "begin,kprobe:f , /* c, { */ kprobe:g, // d {\n end",
        r#"(attach begin) (attach kprobe "f") (attach kprobe "g") (attach end)"#,
    );
    check_attach("kprobe:f,", r#"(attach kprobe "f")"#);
    check_attach(
        "tracepoint : sched :sched_switch",
        r#"(attach tracepoint "sched" "sched_switch")"#,
    );
    check_attach("named=kprobe:f", r#"(name named) (attach kprobe "f")"#);
    check_attach("named = begin", "(name named) (attach begin)");
}

#[test]
fn predicates() {
    check(
        "kprobe:f /pid == 1/ {}",
        r#"(probe (attach kprobe "f") (predicate (== pid 1)) (body))"#,
    );
    check(
        "kprobe:f/pid == 1/ {}",
        r#"(probe (attach kprobe "f") (predicate (== pid 1)) (body))"#,
    );
    check(
        "kprobe:f\n/pid == 1/\n{}",
        r#"(probe (attach kprobe "f") (predicate (== pid 1)) (body))"#,
    );
    check(
        "kprobe:f / @x / {}",
        r#"(probe (attach kprobe "f") (predicate @x) (body))"#,
    );
    check("begin/1/{}", "(probe (attach begin) (predicate 1) (body))");
    check(
        "kprobe:f /elapsed / 1e9 > 2/ { }",
        r#"(probe (attach kprobe "f") (predicate (> (/ elapsed 1000000000) 2)) (body))"#,
    );
    check(
        "kprobe:f /100/25/ {}",
        r#"(probe (attach kprobe "f") (predicate (/ 100 25)) (body))"#,
    );
    check(
        "uprobe:/bin/bash:f /pid/ /* c */ // d\n {}",
        r#"(probe (attach uprobe "/bin/bash" "f") (predicate pid) (body))"#,
    );
    check(
        "usdt:/a:p\n/arg0/\n{}",
        r#"(probe (attach usdt "/a" "p") (predicate arg0) (body))"#,
    );
    check(
        "kprobe:f /comm == \"/ {\"/ {}",
        r#"(probe (attach kprobe "f") (predicate (== comm "/ {")) (body))"#,
    );
    check(
        "kprobe:f /{ 1 }/ {}",
        r#"(probe (attach kprobe "f") (predicate (block (value 1))) (body))"#,
    );
    check(
        "kprobe:f // comment\n{}",
        r#"(probe (attach kprobe "f") (body))"#,
    );
}

#[test]
fn division_in_a_body_is_not_a_predicate() {
    check(
        "begin { $x = 4 / { 2 } / 1 }",
        "(probe (attach begin) (body (= $x (/ (/ 4 (block (value 2))) 1))))",
    );
}

#[test]
fn config_blocks() {
    check(
        "config = { stack_mode=perf }",
        "(config (stack_mode \"perf\"))",
    );
    check(
        "config = { a = 1; B = \"x y\"; c=true; print_maps_on_exit=0; }",
        "(config (a 1) (B \"x y\") (c true) (print_maps_on_exit 0))",
    );
    check(
        "config = {} begin {}",
        "(config) (probe (attach begin) (body))",
    );
}

#[test]
fn imports_and_map_declarations() {
    check(
        "import \"a.bt\"; import \"b.h\";",
        "(import \"a.bt\") (import \"b.h\")",
    );
    check(
        "let @a = lruhash(100); let @b = percpuhash(1e3) let @ = hash(N);",
        "(let @a lruhash 100) (let @b percpuhash 1000) (let @ hash N)",
    );
    check("let @a = scalar();", "(let @a scalar)");
}

#[test]
fn macros() {
    check("macro one() { 1 }", "(macro one (params) (body (value 1)))");
    check(
        "macro greet { print(\"hi\"); }",
        "(macro greet (params) (body (call print \"hi\")))",
    );
    check(
        "macro m($a, b, @c) { $a += b; @c }",
        "(macro m (params (variable $a) (expr b) (map @c)) (body (+= $a b) (value @c)))",
    );
    check(
        "macro max(a, b) { if a > b { a } else { b } }",
        "(macro max (params (expr a) (expr b)) (body (value (? (> a b) (block (value a)) (block (value b))))))",
    );
    check(
        "macro cast(a, b) { (a*)b }",
        "(macro cast (params (expr a) (expr b)) (body (value (cast (pointer [a]) b))))",
    );
}

#[test]
fn keywords_of_items_are_names_elsewhere() {
    check(
        "begin { $config = config; macro(import) }",
        "(probe (attach begin) (body (= $config config) (value (call macro import))))",
    );
}

#[test]
fn shebang_and_empty_scripts() {
    check("", "");
    check(" \n\t// only a comment\n/* another */", "");
    check("#!/usr/bin/env bpftrace", "");
    check(
        "\u{feff}#!/usr/bin/env bpftrace\nbegin {}",
        "(probe (attach begin) (body))",
    );
    check(
        "\u{feff}begin {}\r\nend {}\r\n",
        "(probe (attach begin) (body)) (probe (attach end) (body))",
    );
}
