//! The registry of this crate's diagnostics: every code, in one line, and explained with an example.
//!
//! `tests/codes.rs` triggers each of them, and refuses codes that are used but not listed.

/// Code, title, explanation.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E0101",
        "unexpected text",
        "Something stands where the language has no place for it. The label says what could stand there.

    begin { $x = 1 + ; }
                     ^ expected an expression
",
    ),
    (
        "E0102",
        "character that is not part of the language",
        "A character that no part of the language uses, outside of strings and comments. Often it comes from text that
was formatted for reading, such as typographic quotes.

    begin { print(“hello”) }
",
    ),
    (
        "E0103",
        "unterminated comment",
        "A comment that opens with /* and never closes takes the rest of the file with it.

    begin { /* say hello
      print(\"hello\");
    }
",
    ),
    (
        "E0104",
        "unterminated string",
        "A string ends on the line that it starts on. Write a line break in it as \\n.

    begin { printf(\"hello\\n); }
",
    ),
    (
        "E0105",
        "invalid escape",
        "After a backslash, a string may have n, t, r, a, b, f, v, a backslash, a double quote, up to three octal digits
(at most 377), or x and up to two hexadecimal digits.

    begin { printf(\"100\\%\"); }

A backslash itself is written \\\\.
",
    ),
    (
        "E0106",
        "invalid number",
        "Numbers are decimal (10), octal (017), hexadecimal (0x1f), or have an exponent (1e6). Underscores may separate
digits. C suffixes (5UL) are allowed and change nothing; durations (ns us ms s m h d) become nanoseconds. Fractions do
not exist. Positional parameters count from $1.

    interval:1s { print(08); print(5min); }
",
    ),
    (
        "E0107",
        "number too large",
        "Integers have 64 bits, and no literal may exceed 18446744073709551615. Bit-fields have at most 64 bits, and tuple
indices 32.

    begin { print(1e20); }
",
    ),
    (
        "E0108",
        "single quotes do not make a string",
        "Strings are written in double quotes. There are no character literals; use the character's code.

    begin { printf('hello'); }
",
    ),
    (
        "E0109",
        "assignment in the place of a condition",
        "A single equals sign assigns, and an assignment has no value. Compare with ==.

    kprobe:vfs_read /pid = 42/ { @ = count(); }
",
    ),
    (
        "E0110",
        "code is nested too deeply",
        "Brackets may be 200 deep, and together with operators a single expression 500. Code beyond that could not be
checked safely. It is most likely generated; store parts of it in variables.

    begin { $x = ((((( ... 1 ... ))))); }
",
    ),
    (
        "E0111",
        "unclosed bracket",
        "A bracket, a brace or the slash of a predicate that never closes. The label points at the opening one; where it
should have closed is a guess from the structure and the indentation.

    interval:1s {
      if (@n > 5) {
        print(@n);
    }
    end { clear(@n); }
",
    ),
    (
        "E0112",
        "unmatched bracket",
        "A closing bracket or brace without an opening one.

    begin { print(1)); }
",
    ),
    (
        "E0113",
        "stray text after an attach point",
        "After an attach point comes a comma and the next one, a predicate in slashes, or the action in braces. Paths and
names with spaces need double quotes.

    uprobe:/opt/my app/server:main { exit(); }
",
    ),
    (
        "E0114",
        "stray text at script level",
        "Outside of braces a script has probes, macros, map declarations, imports, the config block and C definitions.
Statements belong into the action of a probe.

    printf(\"hello\");
",
    ),
    (
        "E0115",
        "an action without a probe",
        "Every action needs at least one attach point that says when it runs.

    { exit(); }
",
    ),
    (
        "E0116",
        "a probe without an action",
        "Attach points are followed by an action in braces. It may be empty.

    kprobe:vfs_read
    kretprobe:vfs_read { @ = count(); }
",
    ),
    (
        "E0117",
        "malformed directive",
        "A preprocessor line or an attribute that is not written as in C, that is not known, or an #error.

    #include linux/fs.h
",
    ),
    (
        "E0118",
        "conditional that does not work out",
        "The parts of a conditional (#if, #elif, #else, #endif) do not match, or its condition cannot be decided: it may use
numbers, defined(NAME), and names that the script defines. Kernel versions are not known when a script is compiled; the
object runs on all of them.

    #if LINUX_VERSION_CODE < 330000
    #include <linux/genhd.h>
    #endif
",
    ),
    (
        "E0119",
        "missing semicolon",
        "Statements are separated by semicolons. None is needed behind a block and behind the last statement in a block.

    begin {
      print(1)
      print(2)
    }
",
    ),
    (
        "E0120",
        "a for loop in the style of C",
        "Loops go over a range of integers or over the entries of a map.

    begin { for ($i = 0; $i < 10; $i++) { print($i); } }

Write for ($i : 0..10) { print($i); }.
",
    ),
];
