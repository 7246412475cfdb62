//! No input crashes the compiler: every fixture, cut at tokens, with tokens dropped, doubled and swapped, is compiled to the end.
//! Whether it is accepted does not matter; that there is an answer does, and that no answer is "internal error".

use std::path::Path;
use std::process::Command;

/// A small generator (xorshift), so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Mutations of each fixture; more with `MUTATIONS=200`.
fn rounds() -> usize {
    std::env::var("MUTATIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12)
}

fn fixtures() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let mut scripts = Vec::new();
    for folder in ["run", "ui", "issues"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            continue;
        };
        for path in entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "bt"))
        {
            // The header is comments, which say nothing to the compiler.
            let text = std::fs::read_to_string(&path).expect("fixtures are UTF-8");
            let body: Vec<&str> = text
                .lines()
                .filter(|l| !l.trim_start().starts_with("//"))
                .collect();
            scripts.push((path.display().to_string(), body.join("\n")));
        }
    }
    scripts.sort();
    scripts
}

/// Words, numbers, strings and single signs, with the white space before them.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if at > start && !(word(previous) && word(c)) && !previous.is_whitespace() {
            tokens.push(&text[start..at]);
            start = at;
        }
        previous = c;
    }
    tokens.push(&text[start..]);
    tokens
}

fn mutate(tokens: &[&str], random: &mut Random) -> String {
    let mut list = tokens.to_vec();
    let (a, b) = (random.below(list.len()), random.below(list.len()));
    match random.below(5) {
        0 => list.truncate(a),
        1 => {
            list.remove(a);
        }
        2 => list.insert(b, tokens[a]),
        3 => list.swap(a, b),
        _ => list[a] = tokens[b],
    }
    list.concat()
}

/// Compiles in a process of its own, as a crash would end it. Gives whether the script was accepted.
fn compile(name: &str, script: &str) -> bool {
    let output = Command::new(env!("CARGO_BIN_EXE_btc"))
        .args(["-e", script, "-o", "/dev/null", "--emit", "manifest"])
        .output()
        .expect("btc runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let answered = matches!(output.status.code(), Some(0 | 1)) && !stderr.contains("E0001");
    assert!(
        answered,
        "{name}: {}\n{stderr}\n----\n{script}",
        output.status
    );
    let errors = stderr.contains("error[");
    assert_eq!(
        output.status.code() == Some(1),
        errors,
        "{name}: {stderr}\n----\n{script}"
    );
    !errors
}

#[test]
fn every_mutation_has_an_answer() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let scripts = fixtures();
    assert!(scripts.len() > 50, "the fixtures are gone");
    let mut accepted = 0;
    for (name, text) in &scripts {
        let tokens = tokens(text);
        for round in 0..rounds() {
            let script = if round == 0 {
                text.clone()
            } else {
                mutate(&tokens, &mut random)
            };
            accepted += usize::from(compile(name, &script));
        }
    }
    assert!(
        accepted > scripts.len() / 4,
        "hardly any script is accepted: {accepted}"
    );
}
