//! Prints the tree and the diagnostics of a script: `cargo run -p bt-grammar --example show FILE`.

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let source = std::fs::read_to_string(&path)?;
        let parsed = bt_grammar::parse(&source);
        print!("{}", bt_grammar::dump(&parsed.script));
        for d in &parsed.diagnostics {
            eprintln!("{path}: {} {}", d.code, d.message);
            for label in &d.labels {
                let line = source[..label.span.start as usize].matches('\n').count() + 1;
                let text = source.get(label.span.range()).unwrap_or("?");
                eprintln!("    line {line} {text:?}: {}", label.text);
            }
            eprintln!("    help: {}", d.help.as_deref().unwrap_or("-"));
        }
    }
    Ok(())
}
