//! The documentation of functions and builtins, from what each says of itself: for `btc --help-functions` and docs/stdlib.md. The suite
//! `docs` compiles the examples of that page, and runs those that say what they print.

use crate::builtins::{BUILTINS, Builtin};
use crate::functions::{FUNCTIONS, Function};
use crate::suggest;

/// A script, and what it prints where that is the same everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    pub script: &'static str,
    pub prints: Option<&'static str>,
}

impl Example {
    pub const fn new(script: &'static str) -> Example {
        Example {
            script,
            prints: None,
        }
    }

    /// One that runs by itself and ends. Empty lines around the output do not count.
    pub const fn printing(script: &'static str, prints: &'static str) -> Example {
        Example {
            script,
            prints: Some(prints),
        }
    }
}

/// What is known of one name.
struct Entry {
    name: &'static str,
    signature: String,
    about: &'static str,
    notes: Vec<&'static str>,
    examples: &'static [Example],
}

/// What the grammar knows by name.
const CONSTRUCTS: &[(&str, &str, &str, &[Example])] = &[
    (
        "sizeof",
        "uint64 sizeof(type or expression)",
        "the bytes of a type, of a kernel type as the target has it; the expression is not evaluated",
        &[Example::printing(
            "begin { print(sizeof(uint32)); exit(); }",
            "4",
        )],
    ),
    (
        "offsetof",
        "uint64 offsetof(type or expression, member[.member])",
        "where a member lies in a struct, of a kernel type as the target has it",
        &[Example::printing(
            "struct pair { int first; int second; };\nbegin { print(offsetof(struct pair, second)); exit(); }",
            "4",
        )],
    ),
    (
        "typeof",
        "typeof(type or expression)",
        "a type, where a type may stand: in declarations, casts and arguments of macros",
        &[Example::printing(
            "begin { $x = (typeof(pid))-1; print($x); exit(); }",
            "4294967295",
        )],
    ),
    (
        "typeinfo",
        "typeinfo(type or expression)",
        "what is known of a type when the script is compiled",
        &[Example::printing(
            "begin { print(typeinfo(pid).full_type); exit(); }",
            "uint32",
        )],
    ),
];

fn of_function(function: &'static dyn Function) -> Entry {
    let mut notes = Vec::new();
    if function.is_unsafe() {
        notes.push("unsafe: `btc --unsafe` and `btrun --unsafe` allow it");
    }
    Entry {
        name: function.name(),
        signature: function.signature().to_string(),
        about: function.about(),
        notes,
        examples: function.examples(),
    }
}

fn of_builtin(builtin: &'static dyn Builtin) -> Entry {
    let name = builtin.names()[0];
    Entry {
        name,
        signature: format!("{name} or {name}()"),
        about: builtin.about(),
        notes: Vec::new(),
        examples: builtin.examples(),
    }
}

/// Functions and constructs of the grammar, by name.
fn functions() -> Vec<Entry> {
    let mut all: Vec<Entry> = FUNCTIONS.iter().copied().map(of_function).collect();
    let constructs = CONSTRUCTS.iter();
    all.extend(constructs.map(|(name, signature, about, examples)| Entry {
        name,
        signature: signature.to_string(),
        about,
        notes: Vec::new(),
        examples,
    }));
    all.sort_by_key(|entry| entry.name);
    all
}

fn builtins() -> Vec<Entry> {
    let mut all: Vec<Entry> = BUILTINS.iter().copied().map(of_builtin).collect();
    all.sort_by_key(|entry| entry.name);
    all
}

/// `btc --help-functions`
pub fn list() -> String {
    let mut text = String::from("Functions\n");
    for f in functions() {
        text.push_str(&format!("  {}\n      {}\n", f.signature, f.about));
    }
    text.push_str("\nBuiltins\n");
    for b in builtins() {
        text.push_str(&format!("  {:<10} {}\n", b.name, b.about));
    }
    text
}

/// `btc --help-functions NAME`; an error says which name may be meant.
pub fn one(name: &str) -> Result<String, String> {
    let known: Vec<Entry> = functions().into_iter().chain(builtins()).collect();
    let mut text = String::new();
    for entry in known.iter().filter(|entry| entry.name == name) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}\n    {}\n", entry.signature, entry.about));
        for note in &entry.notes {
            text.push_str(&format!("    {note}\n"));
        }
        for example in entry.examples {
            text.push_str(&format!("\n{}", indented(example.script)));
            if let Some(prints) = example.prints {
                text.push_str(&format!("  prints\n{}", indented(prints)));
            }
        }
    }
    if !text.is_empty() {
        return Ok(text);
    }
    let mut message = format!("there is no function and no builtin `{name}`");
    if let Some(near) = suggest::closest(name, known.iter().map(|entry| entry.name)) {
        message.push_str(&format!("; did you mean `{near}`?"));
    }
    Err(message)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

const INTRODUCTION: &str = "# Functions and builtins

`btc --help-functions` prints this page, `btc --help-functions NAME` one entry. It is written by `make docs` from what the compiler
knows; its examples are compiled and, where they say what they print, run by the tests (suite `docs`).

- Functions that give `@map = ...` are aggregations: they are assigned to a map, and kept for each CPU.
- `const` arguments must be known when the script is compiled.
- What a function needs of the kernel is looked up in the manifest when the object is run; a kernel that lacks it is told by name.
- How types, maps and parameters work says [language.md](language.md).
";

/// docs/stdlib.md
pub fn page() -> String {
    let mut text = String::from(INTRODUCTION);
    for (title, entries) in [("Functions", functions()), ("Builtins", builtins())] {
        text.push_str(&format!("\n## {title}\n"));
        for entry in entries {
            text.push_str(&format!(
                "\n### {}\n\n`{}`\n\n{}.\n",
                entry.name, entry.signature, entry.about
            ));
            for note in &entry.notes {
                text.push_str(&format!("\n{note}\n"));
            }
            for example in entry.examples {
                text.push_str(&format!("\n```c\n{}\n```\n", example.script));
                if let Some(prints) = example.prints {
                    text.push_str(&format!("\nprints\n\n```text\n{prints}\n```\n"));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_an_example() {
        for entry in functions().iter().chain(&builtins()) {
            assert!(
                !entry.examples.is_empty(),
                "`{}` has no example",
                entry.name
            );
            let called = entry.examples.iter().any(|e| e.script.contains(entry.name));
            let numbered = entry.name.ends_with(|c: char| c.is_ascii_digit());
            assert!(
                called || numbered,
                "no example of `{0}` uses it",
                entry.name
            );
        }
    }

    #[test]
    fn the_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/stdlib.md");
        if std::env::var_os("BLESS").is_some_and(|v| v == "1") {
            std::fs::write(path, page()).expect("docs/stdlib.md can be written");
        }
        let found = std::fs::read_to_string(path).expect("docs/stdlib.md");
        assert!(
            found == page(),
            "docs/stdlib.md is stale: `make docs` rewrites it"
        );
    }

    #[test]
    fn one_entry() {
        let text = one("strlen").expect("known");
        assert!(text.starts_with("uint64 strlen(string text)\n"), "{text}");
        assert!(text.contains("  prints\n    5\n"), "{text}");
        assert!(one("strlenn").expect_err("unknown").ends_with("`strlen`?"));
    }
}
