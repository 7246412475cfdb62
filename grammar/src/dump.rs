//! The tree as indented S-expressions, for `btc --emit ast` and for tests.
//!
//! The text is stable: one node, one form; names and literals as a script would write them; places are left out.
//! What fits on a line of [`WIDTH`] columns is on one line.

use crate::ast::*;

mod c;
mod expr;
mod stmt;

/// The longest line, indentation included, before a form is broken into several.
const WIDTH: usize = 100;

/// A form: a word, or a list in parentheses.
pub(crate) enum Form {
    Word(String),
    List(Vec<Form>),
}

impl Form {
    pub(crate) fn word(text: impl Into<String>) -> Form {
        Form::Word(text.into())
    }

    /// `(head items...)`
    pub(crate) fn list(head: &str, items: impl IntoIterator<Item = Form>) -> Form {
        let mut forms = vec![Form::word(head)];
        forms.extend(items);
        Form::List(forms)
    }

    fn flat_width(&self) -> usize {
        match self {
            Form::Word(text) => text.chars().count(),
            Form::List(items) => items.iter().map(|i| i.flat_width() + 1).sum::<usize>() + 1,
        }
    }

    fn write(&self, indent: usize, out: &mut String) {
        match self {
            Form::Word(text) => out.push_str(text),
            Form::List(items) => {
                out.push('(');
                let fits = indent + self.flat_width() <= WIDTH;
                for (n, item) in items.iter().enumerate() {
                    if n > 0 && fits {
                        out.push(' ');
                    } else if n > 0 {
                        out.push('\n');
                        out.extend(std::iter::repeat_n(' ', indent + 2));
                    }
                    item.write(indent + 2, out);
                }
                out.push(')');
            }
        }
    }
}

/// The whole script, one top-level form per definition and item.
pub fn dump(script: &Script) -> String {
    let definitions = script.definitions.iter().map(c::definition);
    let mut out = String::new();
    for form in definitions.chain(script.items.iter().map(item)) {
        form.write(0, &mut out);
        out.push('\n');
    }
    out
}

/// A string literal as a script would write it.
pub(crate) fn quoted(bytes: &[u8]) -> Form {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
    Form::Word(text)
}

fn item(item: &Item) -> Form {
    match item {
        Item::Config(config) => {
            let entries = config
                .entries
                .iter()
                .map(|e| Form::list(&e.name.node, [config_value(&e.value.node)]));
            Form::list("config", entries)
        }
        Item::Import(import) => Form::list("import", [quoted(import.path.node.as_bytes())]),
        Item::MapDecl(decl) => {
            let head = [Form::word(&decl.map.node), Form::word(&decl.kind.node)];
            Form::list(
                "let",
                head.into_iter()
                    .chain(decl.max_entries.as_ref().map(expr::expr)),
            )
        }
        Item::Macro(m) => {
            let params = m.params.iter().map(|p| {
                let kind = match p.kind {
                    MacroParamKind::Variable => "variable",
                    MacroParamKind::Map => "map",
                    MacroParamKind::Expr => "expr",
                };
                Form::list(kind, [Form::word(&p.name.node)])
            });
            Form::list(
                "macro",
                [
                    Form::word(&m.name.node),
                    Form::list("params", params),
                    stmt::block("body", &m.body),
                ],
            )
        }
        Item::Probe(probe) => {
            let mut forms = Vec::new();
            if let Some(name) = &probe.name {
                forms.push(Form::list("name", [Form::word(&name.node)]));
            }
            forms.extend(probe.attach_points.iter().map(attach_point));
            if let Some(predicate) = &probe.predicate {
                forms.push(Form::list("predicate", [expr::expr(predicate)]));
            }
            forms.push(stmt::block("body", &probe.body));
            Form::list("probe", forms)
        }
    }
}

fn config_value(value: &ConfigValue) -> Form {
    match value {
        ConfigValue::Int(n) => Form::word(n.to_string()),
        ConfigValue::Bool(b) => Form::word(b.to_string()),
        ConfigValue::Word(w) => quoted(w.as_bytes()),
    }
}

fn attach_point(point: &AttachPoint) -> Form {
    let parts = point.parts.iter().map(|part| {
        let text = quoted(part.text.as_bytes());
        if part.quoted {
            Form::list("quoted", [text])
        } else {
            text
        }
    });
    Form::list(
        "attach",
        std::iter::once(Form::word(&point.provider.node)).chain(parts),
    )
}
