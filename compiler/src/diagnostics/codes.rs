//! Every diagnostic code, with what `btc --explain` says about it. E01xx are the grammar's.

/// Code, title, explanation.
pub type Entry = (&'static str, &'static str, &'static str);

/// All codes of the compiler and its grammar.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    bt_grammar::codes::CODES.iter().chain(CODES)
}

/// The entry of a code, however it is capitalised.
pub fn find(code: &str) -> Option<&'static Entry> {
    all().find(|(name, ..)| name.eq_ignore_ascii_case(code))
}

const CODES: &[Entry] = &[
    (
        "E0001",
        "internal error",
        "A bug in btc, not in the script. Please report it together with the script.",
    ),
    (
        "E0199",
        "not supported by this version",
        "The construct is part of the language, and this version of btc does not compile it yet.",
    ),
    (
        "E0201",
        "undefined variable",
        "A scratch variable is read before anything was assigned to it, or outside of the block that assigned to it.\n\n    \
         begin { if (1) { $x = 1; } print($x); }\n\nDeclare it in the outer block first: `let $x;`.",
    ),
    (
        "E0202",
        "undefined map",
        "A map is read, and nothing in the script ever assigns to it.\n\n    begin { print(@x); }",
    ),
    (
        "E0203",
        "unknown name",
        "A bare word that is no builtin and no constant.\n\n    begin { print(pidd); }",
    ),
    (
        "E0204",
        "unknown function",
        "A function that this version does not have.\n\n    begin { pritnf(\"x\"); }",
    ),
    (
        "E0205",
        "unknown type",
        "A type that is neither builtin, nor defined by the script, nor found in the kernel's BTF.",
    ),
    (
        "E0206",
        "no such field",
        "The struct, the tracepoint or the tuple has no field of that name or number.\n\n    begin { print(curtask.pidd); }",
    ),
    (
        "E0207",
        "unknown config variable",
        "The config block sets a variable that this version does not know.",
    ),
    (
        "E0208",
        "declared twice",
        "`let` declares a variable that the same block has declared already.",
    ),
    (
        "E0210",
        "macro used wrongly",
        "A call of a macro has the wrong number of arguments, or one of the wrong kind: `$x` in the definition needs a variable, \
         `@x` a map, and a bare name takes any expression, which the body cannot change.\n\n    \
         macro inc($x) { $x++ }\n    begin { inc(1); }",
    ),
    (
        "E0211",
        "macro calls itself",
        "Macros are replaced by their bodies when the script is compiled, and that would never end.\n\n    \
         macro a() { b() }\n    macro b() { a() }\n    begin { a(); }",
    ),
    (
        "E0212",
        "file that cannot be imported",
        "An imported or included file is missing, is of no known type, or holds what it may not: imported scripts have no config \
         block, and headers only C definitions. Files and folders that anyone may write to are refused, for the object will run \
         with root's rights. Paths start at the folder of the file that imports.\n\n    import \"no_such_file.bt\";\n    begin { }",
    ),
    (
        "E0213",
        "too much to expand",
        "Macros or `#define`s that use their arguments several times, nested in each other, make code that grows without bounds. \
         Bind such an argument to a variable: `macro m(x) { let $x = x; $x * $x }`.",
    ),
    (
        "E0214",
        "bad use of a #define",
        "What a name is replaced by must be a complete expression, or a complete type where one is wanted, and a `#define` with \
         parameters gets as many arguments.\n\n    #define ADD 1 +\n    begin { print(ADD 2); }",
    ),
    (
        "E0215",
        "map is not a parameter",
        "Macros see only the maps that they are given.\n\n    macro inc() { @x++ }\n    begin { inc(); }\n\n\
         Write `macro inc(@m) { @m++ }`, and `inc(@x)`.",
    ),
    (
        "E0216",
        "macro defined twice",
        "Macros may share a name if calls can tell them apart, by the number of arguments or by their kinds. A macro that follows \
         one which takes all the same arguments would never be called.\n\n    macro m(x) { 1 }\n    macro m($x) { 2 }\n    begin { }",
    ),
    (
        "E0217",
        "name that needs clang",
        "The script includes headers, and uses a name that neither the script, nor btc's own list of constants, nor the kernel's \
         BTF has. Only the headers can tell, and reading them needs clang: install the package `clang` on the machine that \
         compiles. btrun never needs it.",
    ),
    (
        "E0218",
        "file in C that cannot be imported",
        "`import \"x.bpf.c\"` has an installed clang (15 to 19) compile the file, and links its functions into the program. They may use helpers, \
         kernel functions (`__ksym`), types of the kernel and global variables; maps and programs of their own they cannot have.",
    ),
    (
        "E0209",
        "two config blocks",
        "A script has one config block, before its probes.",
    ),
    (
        "E0313",
        "no type",
        "A variable is declared without a type and never assigned, so nothing says what it holds.\n\n    begin { let $x; print($x); }",
    ),
    (
        "E0312",
        "wrong kind of map",
        "Maps are declared as hash, lruhash, percpuhash or percpulruhash, with their size: `let @a = lruhash(100);`. Those that are kept per CPU \
         hold aggregations (`count()`, `sum()`, ...), the others everything else.",
    ),
    (
        "E0301",
        "type mismatch",
        "A variable or map holds values of one type; which one, its first use decides.\n\n    begin { $x = 1; $x = \"one\"; }",
    ),
    (
        "E0302",
        "wrong key type",
        "All keys of a map are of one type.\n\n    begin { @x[1] = 1; @x[\"a\"] = 2; }",
    ),
    (
        "E0303",
        "operands do not fit",
        "An operator was given values that it cannot work on.\n\n    begin { print(\"a\" + 1); }",
    ),
    (
        "E0304",
        "no such cast",
        "There is no conversion between these types.\n\n    begin { $x = (uint64)\"a\"; }",
    ),
    (
        "E0305",
        "not a struct, array or pointer",
        "Only structs, and pointers to them, have fields; only arrays, maps and pointers have elements. Integers must be cast \
         first: `((struct file *)arg0).f_flags`.",
    ),
    (
        "E0306",
        "not a condition",
        "A predicate, an `if`, `&&`, `||` and `?:` need an integer, a bool or a pointer.",
    ),
    (
        "E0307",
        "not a value",
        "An aggregation, a whole struct, or a call without a result stands where a value is needed.\n\n    \
         begin { @c = count(); @x = @c; }",
    ),
    (
        "E0308",
        "map with and without key",
        "A map is used as `@x` in one place and as `@x[key]` in another.",
    ),
    (
        "E0309",
        "map key too large",
        "Kernels before 5.11 take keys of at most 512 bytes. Strings in keys are cut to fit, other values cannot be.",
    ),
    (
        "E0508",
        "too many probes",
        "The script has more probes than `max_probes` or `max_bpf_progs` allow; both can be raised in the config block.",
    ),
    (
        "E0509",
        "two tests of one name",
        "Tests and benchmarks are told apart by their names.\n\n    test:works { }\n    test:works { }",
    ),
    (
        "E0310",
        "not in a loop",
        "`break` and `continue` only mean something inside a loop.",
    ),
    (
        "E0311",
        "not a map or a range",
        "A `for` goes over the entries of a map with keys, or over a range: `for ($i : 0..10)`.",
    ),
    (
        "E0401",
        "wrong number of arguments",
        "The message shows the form of the function.",
    ),
    (
        "E0402",
        "wrong argument",
        "An argument has a type or a value that the function does not take.",
    ),
    (
        "E0403",
        "aggregation outside of a map",
        "`count()` and its like are assigned to a map: `@x = count()`.",
    ),
    (
        "E0404",
        "bad format string",
        "The format of a printf has a conversion that does not exist.\n\n    begin { printf(\"%q\", 1); }",
    ),
    (
        "E0405",
        "format and arguments differ",
        "A printf has more or fewer arguments than conversions, or one that its conversion cannot print.\n\n    \
         begin { printf(\"%s\", 1); }",
    ),
    (
        "E0406",
        "not a literal",
        "The argument must be known when the script is compiled.",
    ),
    (
        "E0407",
        "unsafe call",
        "The call changes something or runs a command. `btc --unsafe` compiles it, and `btrun --unsafe` runs it.\n\n    \
         begin { system(\"date\"); }",
    ),
    (
        "E0408",
        "the script refuses",
        "A `static_assert` of the script is not true, or `fail` is reached when it is compiled.\n\n    \
         static_assert(sizeof(struct item) == 16, \"items have changed\");",
    ),
    (
        "E0501",
        "unknown probe type",
        "No provider has that name.\n\n    kprob:vfs_read { }",
    ),
    (
        "E0502",
        "malformed probe",
        "The attach point is not written as its provider wants it; the help shows how.",
    ),
    (
        "E0503",
        "unknown tracepoint or iterator",
        "The name is nearly that of a known tracepoint or iterator: a slip.",
    ),
    (
        "E0504",
        "the number of parameters in a probe",
        "A parameter can complete an attach point, and is replaced when the object runs; `$#` cannot.\n\n    kprobe:$1 { @ = count(); }\n\nIn quotes a dollar means itself: `uprobe:./app:\"f$#\"`.",
    ),
    (
        "E0505",
        "not available in this probe",
        "The builtin exists, but not in probes of this kind.\n\n    begin { print(retval); }",
    ),
    (
        "E0506",
        "unknown arguments",
        "The script uses fields of a tracepoint that neither the running kernel nor the recorded formats know, or arguments of a \
         function of which no BTF or DWARF is at hand. Compile on a machine that has it, or give the format of a tracepoint with \
         `--tracepoints FILE`, the kernel's BTF with `--btf FILE`, the folder below which programs and their debug files are with \
         `--sysroot DIR`. `arg0`, `arg1`, ... need none of it.",
    ),
    (
        "E0507",
        "no probes",
        "A script without probes does nothing, and there is nothing to compile.",
    ),
    (
        "E0511",
        "not in a pinned iterator",
        "A pinned iterator runs when its file is read, after btrun has gone. The kernel writes what it prints, and can write integers \
         and strings: `printf` without `%o`, `%r` and the precision of numbers, `print` of one integer or string. What btrun \
         would do (maps, `time`, `exit`, `system`, stacks, symbols) is not possible there.\n\n    \
         iter:task:list { printf(\"%-16s %d\\n\", ctx.task.comm, ctx.task.pid); }",
    ),
    (
        "E0510",
        "no longer part of the language",
        "Older bpftraces had this, and 0.26 does not: `asyncwatchpoint`, and watchpoints on arguments of functions.\n\n    watchpoint:compute+arg0:8:w { }\n\nPrint the address with a uprobe, and watch it: \
         `watchpoint:$1:8:w`, with the address as the object's parameter.",
    ),
    (
        "E0601",
        "too much memory for a BPF program",
        "The values of a probe do not fit in what the kernel gives a program: 512 bytes of stack, and 32 KiB of memory per CPU. \
         Lower `max_strlen`, or use fewer long strings at once.",
    ),
    (
        "E0602",
        "bad config value",
        "The value of a config variable is out of range or of the wrong kind.",
    ),
    (
        "E0603",
        "too much work",
        "The verifier follows loops step by step, and gives up after a million instructions. Shorter strings help.",
    ),
    (
        "E0604",
        "probe too long",
        "A jump of a BPF program reaches 32767 instructions. Thousands of statements in one probe are more than that: cut it in several \
         probes of the same event, which run one after the other.",
    ),
    (
        "E0701",
        "no kernel types",
        "Types of the kernel come from BTF, /sys/kernel/btf/vmlinux of the machine that compiles or a file given with `--btf`.",
    ),
    (
        "E0320",
        "literal out of range",
        "A literal is assigned to what cannot hold it.\n\n    begin { let $x: uint16 = -1; }\n\nCast it if that is meant: `(uint16)-1`.",
    ),
    (
        "E0321",
        "literals overflow",
        "Arithmetic on literals is done by the compiler, and its result must be an `int64` or a `uint64`.\n\n    begin { print(1 << 64); }",
    ),
    (
        "E0322",
        "no address",
        "`&` takes a variable, a map, a member of a struct or an element of an array in memory. Results of operations and values in maps have no \
         address that a script could use.\n\n    begin { print(&(1 + 2)); }",
    ),
    (
        "E0323",
        "type without a name",
        "A pointer to a struct or union of the kernel that has neither a tag nor a typedef. Members are found on the target by names, so the way \
         to them must begin at a type that has one: write `$struct.member.field` instead of taking the address of `$struct.member` first.",
    ),
    (
        "W0921",
        "map is never used",
        "A map is declared, and nothing in the script names it.\n\n    let @a = hash(10);\n    begin { }",
    ),
    (
        "W0922",
        "never reached",
        "A statement behind `return`, `break` or `continue`, or behind an `if` whose both sides end with one.",
    ),
    (
        "W0923",
        "value is not used",
        "An expression without effect stands as a statement.\n\n    begin { $x = 1; $x + 1; }\n\n`_ = $x + 1;` says that it is meant.",
    ),
    (
        "W0924",
        "variable without a value",
        "A variable is declared with `let`, and read before anything is assigned to it, or nothing ever is. It is 0, or empty.",
    ),
    (
        "W0925",
        "`while` is deprecated",
        "bpftrace may drop `while`: the kernel must be shown that it ends. A loop over a range always does: `for ($i : 0..10) { ... }`.",
    ),
    (
        "W0926",
        "old config variable",
        "A config variable has another name now, or no effect any more.",
    ),
    (
        "W0927",
        "number or text",
        "A parameter of the command line is used where a number would do as well as a text: `print($1)`, `@[$1]`, `$x = $1`. It is taken for a \
         number, and btrun refuses anything else. Write `(int64)$1` or `str($1)`.",
    ),
    (
        "W0928",
        "map printed in a loop",
        "`print(@map)` sends a message, and btrun prints the map when it gets it. A loop may have changed the map by then.",
    ),
    (
        "W0930",
        "a map that nobody sees",
        "A pinned iterator writes to a map after the run, and nothing reads it: btrun prints maps when it ends. Print what it holds in \
         the probe.",
    ),
    (
        "W0929",
        "build ids of other stacks",
        "The config block sets `stack_mode = build_id`, which the kernel records of `ustack` only. `kstack` and `dw_ustack` are printed in the mode \
         `raw`. Name a mode in the call: `kstack(bpftrace)`.",
    ),
    (
        "W0920",
        "implicit cast",
        "A value is cast to a type that does not have all values of its own type: one of them is signed, the other is not, or it is smaller. \
         Where no type holds both, the result is an `int64`.\n\n    begin { $a = (uint64)1; $a = (int64)-1; }\n\nWrite the cast to say that it \
         is meant.",
    ),
    (
        "W0905",
        "variable used outside of its block",
        "A variable belongs to the block that first assigns to it. Releases of bpftrace before 0.21 let it live for the whole probe, and scripts \
         for them rely on it; so does btc, with this warning. Declare it in the outer block: `let $x;`.",
    ),
    (
        "W0904",
        "string is cut",
        "A string literal is longer than `max_strlen`.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut seen = HashSet::new();
        for (code, title, explanation) in super::all() {
            assert!(seen.insert(code), "{code} is listed twice");
            assert!(
                !title.is_empty() && !explanation.is_empty(),
                "{code} says nothing"
            );
            assert!(
                code.len() == 5 && (code.starts_with('E') || code.starts_with('W')),
                "{code}"
            );
        }
    }

    /// Every code in the sources is in the registry.
    #[test]
    fn codes_in_use_are_listed() {
        fn visit(dir: &std::path::Path, codes: &mut HashSet<String>) {
            for entry in std::fs::read_dir(dir).expect("readable").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    visit(&path, codes);
                } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("codes.rs")
                {
                    let text = std::fs::read_to_string(&path).expect("readable");
                    let quoted = text
                        .split('"')
                        .filter(|w| w.len() == 5 && w[1..].bytes().all(|b| b.is_ascii_digit()));
                    codes.extend(
                        quoted
                            .filter(|w| w.starts_with(['E', 'W']))
                            .map(str::to_string),
                    );
                }
            }
        }
        let mut used = HashSet::new();
        visit(
            std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
            &mut used,
        );
        assert!(used.len() > 20, "{used:?}");
        for code in used {
            assert!(
                super::find(&code).is_some(),
                "{code} is not in the registry"
            );
        }
    }
}
