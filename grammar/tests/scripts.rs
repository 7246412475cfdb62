//! Whole scripts: each `tests/scripts/NAME.bt` parses, and its tree is `NAME.tree`.

use std::path::Path;

#[test]
fn scripts_give_their_trees() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("tests/scripts").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "bt") {
            continue;
        }
        count += 1;
        let source = std::fs::read_to_string(&path).expect("a script");
        let parsed = bt_grammar::parse(&source);
        assert_eq!(parsed.diagnostics, [], "{}", path.display());
        let dump = bt_grammar::dump(&parsed.script);
        let tree = path.with_extension("tree");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&tree, dump).expect("the tree is written");
            continue;
        }
        let expected = std::fs::read_to_string(&tree).unwrap_or_default();
        assert_eq!(
            dump,
            expected,
            "{}: BLESS=1 rewrites the expectation",
            tree.display()
        );
    }
    assert!(count >= 4, "scripts are missing");
}
