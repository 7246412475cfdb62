//! The C part of a script: records, enums, typedefs, includes, macros, conditionals.

mod common;
use common::{check, check_errors, check_recovery};

#[test]
fn records() {
    check("struct S { int x; }", "(struct S (field x [int]))");
    check("struct S { int x; };", "(struct S (field x [int]))");
    check(
        "union U { int a; char b[4]; };",
        "(union U (field a [int]) (field b (array [char] 4)))",
    );
    check(
        "struct S { int x, *y; };",
        "(struct S (field x [int]) (field y (pointer [int])))",
    );
    check("struct S { }", "(struct S)");
    check(
        "struct S { unsigned long long a; u32 b; struct T t; struct T *p; union U u; enum E e; }",
        "(struct S (field a [unsigned long long]) (field b [u32]) (field t [struct T]) (field p (pointer [struct T]))
          (field u [union U]) (field e [enum E]))",
    );
    check(
        "struct S { const char *s; volatile int v; void __user *u; }",
        "(struct S (field s (pointer [char])) (field v [int]) (field u (pointer [void])))",
    );
    check(
        "struct S { int m[1] }",
        "(struct S (field m (array [int] 1)))",
    );
    check("struct fwd; union fwd2; enum e;", "");
}

#[test]
fn nested_and_anonymous_members() {
    check(
        "struct S { struct { int a; }; union { int b; long c; } u; struct T { int d; } t, *p; }",
        "(struct S
          (field _ (struct (field a [int])))
          (field u (union (field b [int]) (field c [long])))
          (field t (struct T (field d [int])))
          (field p (pointer (struct T (field d [int])))))",
    );
    check(
        "struct S { enum { A, B = 2 } e; };",
        "(struct S (field e (enum (A) (B 2))))",
    );
}

#[test]
fn declarators() {
    check(
        "struct S { int *a[4]; }",
        "(struct S (field a (array (pointer [int]) 4)))",
    );
    check(
        "struct S { int (*a)[4]; }",
        "(struct S (field a (pointer (array [int] 4))))",
    );
    check(
        "struct S { int a[2][3]; }",
        "(struct S (field a (array (array [int] 3) 2)))",
    );
    check(
        "struct S { char a[]; }",
        "(struct S (field a (array [char])))",
    );
    check(
        "struct S { int **a; }",
        "(struct S (field a (pointer (pointer [int]))))",
    );
    check(
        "struct S { void (*f)(int, struct T *); }",
        "(struct S (field f (pointer (function))))",
    );
    check(
        "struct S { u64 (*f)(void), (*g[2])(int); }",
        "(struct S (field f (pointer (function))) (field g (array (pointer (function)) 2)))",
    );
    check(
        "struct S { int a[N + 2 * sizeof(int)]; }",
        "(struct S (field a (array [int] (+ N (* 2 (sizeof (type [int])))))))",
    );
}

#[test]
fn bit_fields() {
    check(
        "struct S { int a:4, :2, b:1; unsigned int :0; short c:3 }",
        "(struct S (field a [int] (bits 4)) (field _ [int] (bits 2)) (field b [int] (bits 1))
          (field _ [unsigned int] (bits 0)) (field c [short] (bits 3)))",
    );
    check_errors(
        "struct S { int a:65; }",
        &["E0107 \"65\" bit-field is too wide"],
    );
}

#[test]
fn attributes() {
    check(
        "struct S { int a; } __attribute__((packed))",
        "(struct S (attributes packed) (field a [int]))",
    );
    check(
        "struct S { int a; } __attribute__ ((packed, aligned(8))) __attribute__((unused));",
        "(struct S (attributes packed aligned(8) unused) (field a [int]))",
    );
    check(
        "struct __attribute__((packed)) S { }",
        "(struct S (attributes packed))",
    );
    check(
        "struct S __attribute__((packed)) { }",
        "(struct S (attributes packed))",
    );
    check(
        "struct S { int a __attribute__((aligned(16))); struct T t __attribute__((unused)); struct { } __attribute__((packed)) p; }",
        "(struct S (field a [int]) (field t [struct T]) (field p (struct (attributes packed))))",
    );
    check_errors(
        "struct S { int a; } __attribute__(packed);",
        &[
            "E0117 \"__attribute__\" malformed attribute",
            "E0101 \"(\" unexpected `(`",
        ],
    );
}

#[test]
fn enums() {
    check(
        "enum E { A, B = 2, C = A | B << 1, D = f(1, 2), }",
        "(enum E (A) (B 2) (C (| A (<< B 1))) (D (call f 1 2)))",
    );
    check("enum { X = -1 };", "(enum (X (- 1)))");
    check("enum E { }", "(enum E)");
}

#[test]
fn typedefs() {
    check("typedef unsigned int u;", "(typedef u [unsigned int])");
    check(
        "typedef struct foo *p, f;",
        "(typedef p (pointer [struct foo])) (typedef f [struct foo])",
    );
    check(
        "typedef struct { int a; } t;",
        "(typedef t (struct (field a [int])))",
    );
    check(
        "typedef int (*cb)(void);",
        "(typedef cb (pointer (function)))",
    );
    check("typedef enum { A } e;", "(typedef e (enum (A)))");
    check("typedef u8 mac[6];", "(typedef mac (array [u8] 6))");
}

#[test]
fn includes() {
    check(
        "#include <linux/fs.h>\n#include \"my.h\" // c\n",
        "(#include <linux/fs.h>) (#include \"my.h\")",
    );
    check("  # include <a.h>", "(#include <a.h>)");
    check_errors("#include a.h", &["E0117 \"#include\" malformed `#include`"]);
    check_errors(
        "#include <a.h",
        &["E0117 \"#include\" malformed `#include`"],
    );
}

#[test]
fn defines() {
    check("#define A 1", "(#define A \"1\")");
    check("#define A", "(#define A)");
    check("#define A (1 + 2) // three", "(#define A \"(1 + 2)\")");
    check(
        "#define A 1 /* a\n comment */ + 2\nbegin {}",
        "(#define A \"1 + 2\") (probe (attach begin) (body))",
    );
    check(
        "#define F(a, b) ((a) + \\\n(b))",
        "(#define F (params a b) \"((a) + (b))\")",
    );
    check("#define F() 1", "(#define F (params) \"1\")");
    check(
        "#define M \"a // \\\" b\"",
        r#"(#define M "\"a // \\\" b\"")"#,
    );
    check(
        "#define A 1\r\n#define B \\\r\n 2\r\n",
        "(#define A \"1\") (#define B \"2\")",
    );
    check("#define A 1\n#define B 2\n#undef A", "(#define B \"2\")");
    check_errors("#define 1", &["E0117 \"#define\" malformed `#define`"]);
    check_errors("#define F(a", &["E0117 \"#define\" malformed `#define`"]);
}

#[test]
fn conditionals() {
    check(
        "#ifndef BPFTRACE_HAVE_BTF\n#include <a.h>\nstruct s { int x };\n#endif\nbegin {}",
        "(probe (attach begin) (body))",
    );
    check(
        "#ifndef BPFTRACE_HAVE_BTF\n#include <a.h>\n#else\n#include <b.h>\n#endif",
        "(#include <b.h>)",
    );
    check(
        "#ifdef BPFTRACE_HAVE_BTF\n#define A 1\n#else\n#define A 2\n#endif",
        "(#define A \"1\")",
    );
    check(
        "#if 0\nthis is { no language\n#if 1\n#endif\n#elif 1\n#define A\n#else\n#define B\n#endif",
        "(#define A)",
    );
    check(
        "#define N 3\n#if N > 2 && defined(N) && !defined X\n#define A\n#endif",
        "(#define N \"3\") (#define A)",
    );
    check(
        "#define N M\n#define M 1\n#if N == 1 ? 0 : 1\n#else\n#define A\n#endif",
        "(#define N \"M\") (#define M \"1\") (#define A)",
    );
    check(
        "#if 0 && UNKNOWN\n#elif 1 || UNKNOWN\n#define A\n#endif",
        "(#define A)",
    );
    check(
        "#ifdef X\n#elifdef BPFTRACE_HAVE_BTF\n#define A\n#endif",
        "(#define A)",
    );
}

#[test]
fn conditionals_that_do_not_work_out() {
    check_errors(
        "#if LINUX_VERSION_CODE > 1\n#endif",
        &["E0118 \"#if LINUX_VERSION_CODE > 1\" condition cannot be decided"],
    );
    check_errors(
        "#define A A\n#if A\n#endif",
        &["E0118 \"#if A\" condition cannot be decided"],
    );
    check_errors("#if 1\nbegin {}", &["E0118 \"#\" unterminated conditional"]);
    check_errors("#if 0\nbegin {}", &["E0118 \"#\" unterminated conditional"]);
    check_errors("#endif", &["E0118 \"#endif\" `#endif` without `#if`"]);
    check_errors(
        "#else\n#elif 1",
        &[
            "E0118 \"#else\" `#else` without `#if`",
            "E0118 \"#elif\" `#elif` without `#if`",
        ],
    );
    check_errors(
        "#if 0\n#else\n#else\n#endif",
        &["E0118 \"#else\" `#else` after `#else`"],
    );
    check_errors(
        "#frobnicate",
        &["E0117 \"#frobnicate\" unknown directive `#frobnicate`"],
    );
    check_errors("#error no way", &["E0117 \"#error\" #error no way"]);
    check("#pragma once\n#\nbegin {}", "(probe (attach begin) (body))");
}

#[test]
fn a_broken_member_leaves_the_others() {
    check_recovery(
        "struct S { int a; int +; int b; } begin { }",
        &["E0101 \"+\" unexpected `+`"],
        "(struct S (field a [int]) (field b [int])) (probe (attach begin) (body))",
    );
    check_recovery(
        "enum E { A, 1, B } begin { }",
        &["E0101 \"1\" unexpected number"],
        "(enum E (A) (B)) (probe (attach begin) (body))",
    );
    check_recovery(
        "struct S { int a;\nbegin { }",
        &["E0111 \"{\" unclosed `{`"],
        "(struct S (field a [int])) (probe (attach begin) (body))",
    );
}
