//! Every diagnostic code is listed once, explained, and can be triggered; no other is used.

mod common;

use std::collections::BTreeSet;

use bt_grammar::codes::CODES;
use bt_grammar::diag::Diagnostic;

/// One script per code.
const TRIGGERS: &[(&str, &str)] = &[
    ("E0101", "begin { $x = 1 + ; }"),
    ("E0102", "begin { print(“hello”) }"),
    ("E0103", "begin { } /* rest"),
    ("E0104", "begin { printf(\"hello); }"),
    ("E0105", r#"begin { printf("100\%"); }"#),
    ("E0106", "begin { print(08); }"),
    ("E0107", "begin { print(1e20); }"),
    ("E0108", "begin { printf('hello'); }"),
    ("E0109", "kprobe:f /pid = 42/ { }"),
    ("E0110", "begin { $x = -----------1 DEEP }"),
    ("E0111", "begin { if (1) { }"),
    ("E0112", "begin { print(1)); }"),
    ("E0113", "uprobe:/opt/my app:main { }"),
    ("E0114", "printf(\"hello\");"),
    ("E0115", "{ exit(); }"),
    ("E0116", "kprobe:vfs_read"),
    ("E0117", "#include linux/fs.h\n"),
    ("E0118", "#if LINUX_VERSION_CODE < 330000\n#endif\n"),
    ("E0119", "begin {\n print(1)\n print(2)\n}"),
    ("E0120", "begin { for ($i = 0; $i < 10; $i++) { } }"),
];

fn trigger(code: &str) -> Vec<Diagnostic> {
    let script = TRIGGERS
        .iter()
        .find(|(c, _)| *c == code)
        .map_or("", |(_, script)| script);
    bt_grammar::parse(&script.replace("DEEP", &"+(".repeat(300))).diagnostics
}

#[test]
fn each_code_is_listed_once_and_explained() {
    let listed: BTreeSet<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(listed.len(), CODES.len(), "a code is listed twice");
    assert!(CODES.is_sorted(), "codes are out of order");
    for (code, title, explanation) in CODES {
        assert!(
            !title.contains('\n') && !title.ends_with('.'),
            "{code}: {title}"
        );
        assert!(explanation.contains("\n    "), "{code} has no example");
    }
}

#[test]
fn each_code_is_triggered_alone() {
    for (code, ..) in CODES {
        let mut found: Vec<&str> = trigger(code).iter().map(|d| d.code).collect();
        found.dedup();
        assert_eq!(found, [*code]);
    }
}

#[test]
fn messages_follow_the_house_style() {
    for (code, ..) in CODES {
        for diagnostic in trigger(code) {
            let first = diagnostic.message.chars().next();
            assert!(
                first.is_some_and(|c| !c.is_uppercase()),
                "{code}: {}",
                diagnostic.message
            );
            assert!(
                !diagnostic.message.ends_with('.'),
                "{code}: {}",
                diagnostic.message
            );
            for label in &diagnostic.labels {
                assert!(
                    !label.text.is_empty() && !label.text.ends_with('.'),
                    "{code}: label {:?}",
                    label.text
                );
            }
            assert!(
                diagnostic.help.is_none_or(|help| !help.ends_with('.')),
                "{code}"
            );
        }
    }
}

/// The source of this crate mentions no code that is not listed.
#[test]
fn used_codes_are_listed() {
    let listed: BTreeSet<String> = CODES.iter().map(|(code, ..)| (*code).to_owned()).collect();
    let mut used = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .expect("the crate's sources")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .file_name()
                .is_some_and(|name| name != "codes.rs" && name != "diag.rs")
            {
                let text = std::fs::read_to_string(&path).expect("a source file");
                let codes = text
                    .split('"')
                    .filter(|s| s.len() == 5 && s.starts_with("E0"));
                used.extend(codes.map(str::to_owned));
            }
        }
    }
    assert_eq!(used, listed);
}
