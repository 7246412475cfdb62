//! `#define`: text by text, as the C preprocessor replaces it (C17 6.10.3), `#` and `##` included.
//!
//! A use is one name or one call in the tree; what it is replaced by must be a whole expression or type. Names that a
//! replacement has led to are not replaced again, so that recursion ends by itself.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use bt_grammar::ast::CItem;
use bt_grammar::span::Span;

/// The `#define`s of a script and of what it imports.
#[derive(Default)]
pub struct Defines {
    all: HashMap<String, Rc<Define>>,
    /// The names in the tree that are looked up; nothing: all. Replacements may lead to any.
    wanted: Option<HashSet<String>>,
}

struct Define {
    /// `None`: used without parentheses.
    params: Option<Vec<String>>,
    body: Vec<Token>,
    span: Span,
}

/// What is wrong with a use.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    TooLarge,
    Arguments {
        name: String,
        want: usize,
        given: usize,
    },
    Unclosed {
        name: String,
    },
}

/// Tokens that one use may be replaced by, on the way and at the end.
const MAX_TOKENS: usize = 50_000;

/// Arguments within arguments.
const MAX_NESTING: usize = 64;

#[derive(Debug, Clone)]
struct Token {
    text: Rc<str>,
    /// White space stands before it.
    space: bool,
    /// Definitions that led to this token, and do not apply to it.
    hidden: Rc<Vec<String>>,
}

impl Token {
    fn is(&self, text: &str) -> bool {
        &*self.text == text
    }
}

impl Defines {
    /// Those of all definitions; of two with one name the later counts.
    pub fn of(definitions: &[CItem]) -> Defines {
        let mut defines = Defines::default();
        for item in definitions {
            if let CItem::Define {
                name, params, body, ..
            } = item
            {
                defines.add(&name.node, params.clone(), &body.node, name.span);
            }
        }
        defines
    }

    /// Those of headers, for some names of the script. Messages about them point at an `#include`.
    pub fn of_headers(definitions: &[CItem], wanted: HashSet<String>, include: Span) -> Defines {
        let mut defines = Defines::default();
        for item in definitions {
            if let CItem::Define {
                name, params, body, ..
            } = item
            {
                defines.add(&name.node, params.clone(), &body.node, include);
            }
        }
        defines.wanted = Some(wanted);
        defines
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.wanted.as_ref().is_none_or(|w| w.contains(name))
    }

    fn add(&mut self, name: &str, params: Option<Vec<String>>, body: &str, span: Span) {
        let define = Define {
            params,
            body: tokens(body),
            span,
        };
        self.all.insert(name.to_string(), Rc::new(define));
    }

    /// Whether a bare use of the name is replaced. An empty definition stands for nothing, and is left to mean what it meant.
    pub fn is_value(&self, name: &str) -> bool {
        self.is_wanted(name)
            && self
                .all
                .get(name)
                .is_some_and(|d| d.params.is_none() && !d.body.is_empty())
    }

    pub fn is_known(&self, name: &str) -> bool {
        self.is_wanted(name) && self.all.get(name).is_some_and(|d| !d.body.is_empty())
    }

    pub fn span(&self, name: &str) -> Option<Span> {
        self.all.get(name).map(|d| d.span)
    }

    /// The text with all definitions replaced, and names that are left as `rename` has them.
    pub fn expand(
        &self,
        text: &str,
        rename: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Problem> {
        let mut budget = MAX_TOKENS;
        let expanded = self.run(tokens(text), &mut budget, 0)?;
        let mut out = String::new();
        for token in &expanded {
            if token.space && !out.is_empty() {
                out.push(' ');
            }
            out.push_str(rename(&token.text).as_deref().unwrap_or(&token.text));
        }
        Ok(out)
    }

    fn run(
        &self,
        input: Vec<Token>,
        budget: &mut usize,
        depth: usize,
    ) -> Result<Vec<Token>, Problem> {
        if depth > MAX_NESTING {
            return Err(Problem::TooLarge);
        }
        let mut rest: VecDeque<Token> = input.into();
        let mut out = Vec::new();
        while let Some(token) = rest.pop_front() {
            *budget = budget.checked_sub(1).ok_or(Problem::TooLarge)?;
            let define = match self.all.get(&*token.text) {
                Some(define) if !token.hidden.iter().any(|h| **h == *token.text) => define.clone(),
                _ => {
                    out.push(token);
                    continue;
                }
            };
            let replaced = match &define.params {
                None => substitute(&define.body, &[], &[], &[]),
                Some(params) if rest.front().is_some_and(|t| t.is("(")) => {
                    let args = arguments(&mut rest, params, &token.text)?;
                    let full = args
                        .iter()
                        .map(|a| self.run(a.clone(), budget, depth + 1))
                        .collect::<Result<Vec<_>, _>>()?;
                    substitute(&define.body, params, &args, &full)
                }
                Some(_) => {
                    out.push(token);
                    continue;
                }
            };
            *budget = budget
                .checked_sub(replaced.len())
                .ok_or(Problem::TooLarge)?;
            for (index, mut made) in replaced.into_iter().enumerate().rev() {
                let mut hidden = token.hidden.to_vec();
                hidden.extend(made.hidden.iter().cloned());
                hidden.push(token.text.to_string());
                made.hidden = Rc::new(hidden);
                made.space |= index == 0 && token.space;
                rest.push_front(made);
            }
        }
        Ok(out)
    }
}

/// The arguments of a call, whose parenthesis is next.
fn arguments(
    rest: &mut VecDeque<Token>,
    params: &[String],
    name: &str,
) -> Result<Vec<Vec<Token>>, Problem> {
    rest.pop_front();
    let mut args = vec![Vec::new()];
    let mut depth = 0usize;
    loop {
        let Some(token) = rest.pop_front() else {
            let name = name.to_string();
            return Err(Problem::Unclosed { name });
        };
        match &*token.text {
            ")" if depth == 0 => break,
            // The rest belongs to `...`, commas included.
            "," if depth == 0 && !(args.len() == params.len() && is_variadic(params)) => {
                args.push(Vec::new());
                continue;
            }
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(last) = args.last_mut() {
            last.push(token);
        }
    }
    if args.len() == 1 && args[0].is_empty() && params.is_empty() {
        args.clear();
    }
    if is_variadic(params) && args.len() + 1 == params.len() {
        args.push(Vec::new());
    }
    match args.len() == params.len() {
        true => Ok(args),
        false => Err(Problem::Arguments {
            name: name.to_string(),
            want: params.len(),
            given: args.len(),
        }),
    }
}

fn is_variadic(params: &[String]) -> bool {
    params.last().is_some_and(|p| p == "...")
}

/// A body with its parameters replaced: by arguments as written beside `#` and `##`, else by expanded ones.
fn substitute(
    body: &[Token],
    params: &[String],
    args: &[Vec<Token>],
    full: &[Vec<Token>],
) -> Vec<Token> {
    let param = |t: &Token| {
        let name = if t.is("__VA_ARGS__") { "..." } else { &*t.text };
        params.iter().position(|p| p == name)
    };
    let mut out: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(token) = body.get(at) {
        at += 1;
        let next = body.get(at);
        if token.is("#")
            && let Some(index) = next.and_then(param)
        {
            out.push(stringified(&args[index], token.space));
            at += 1;
            continue;
        }
        if token.is("##") {
            let Some(next) = next else { continue };
            at += 1;
            let right = match param(next) {
                Some(index) => args[index].clone(),
                None => vec![next.clone()],
            };
            paste(&mut out, right);
            continue;
        }
        match param(token) {
            Some(index) => {
                let pasted = next.is_some_and(|n| n.is("##"));
                let given = if pasted { &args[index] } else { &full[index] };
                let start = out.len();
                out.extend(given.iter().cloned());
                if let Some(first) = out.get_mut(start) {
                    first.space = token.space;
                }
            }
            None => out.push(token.clone()),
        }
    }
    out
}

/// Joins the last token and the first of `right` to one.
fn paste(out: &mut Vec<Token>, mut right: Vec<Token>) {
    if let (Some(left), Some(first)) = (out.last_mut(), right.first()) {
        left.text = format!("{}{}", left.text, first.text).into();
        right.remove(0);
    }
    out.append(&mut right);
}

fn stringified(arg: &[Token], space: bool) -> Token {
    let mut text = String::from("\"");
    for (index, token) in arg.iter().enumerate() {
        if index > 0 && token.space {
            text.push(' ');
        }
        let quoted = token.text.starts_with('"');
        for c in token.text.chars() {
            if quoted && matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
    }
    text.push('"');
    Token {
        text: text.into(),
        space,
        hidden: Rc::default(),
    }
}

/// Cuts text as far as replacing needs it: names, numbers, strings, variables and maps as a whole, the rest by characters.
fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut space = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            c if c.is_whitespace() => {
                space = true;
                rest = &rest[c.len_utf8()..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                space = true;
                rest = rest.find("*/").map_or("", |n| &rest[n + 2..]);
                continue;
            }
            '/' if rest.starts_with("//") => {
                space = true;
                rest = rest.find('\n').map_or("", |n| &rest[n..]);
                continue;
            }
            '"' => string_len(rest),
            '$' | '@' => 1 + word_len(&rest[1..]),
            c if c.is_ascii_alphanumeric() || c == '_' => word_len(rest),
            '#' if rest.starts_with("##") => 2,
            c => c.len_utf8(),
        };
        out.push(Token {
            text: rest[..len].into(),
            space,
            hidden: Rc::default(),
        });
        space = false;
        rest = &rest[len..];
    }
    out
}

fn word_len(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

fn string_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(b) = bytes.get(at) {
        match b {
            b'"' => return at + 1,
            b'\\' if bytes.get(at + 1).is_some_and(u8::is_ascii) => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Definitions as `NAME value` or `NAME(a,b) value`.
    fn defines(lines: &[&str]) -> Defines {
        let text: String = lines.iter().map(|l| format!("#define {l}\n")).collect();
        Defines::of(&bt_grammar::parse(&text).script.definitions)
    }

    #[track_caller]
    fn check(lines: &[&str], text: &str, expected: &str) {
        assert_eq!(
            defines(lines).expand(text, |_| None).as_deref(),
            Ok(expected)
        );
    }

    #[test]
    fn replaces_text_not_values() {
        check(&["SQ(x) x * x"], "SQ(1 + 2)", "1 + 2 * 1 + 2");
        check(
            &["SQ(x) ((x) * (x))"],
            "SQ((1, 2))",
            "(((1, 2)) * ((1, 2)))",
        );
        check(&["X 1"], "$X + @X + X + \"X\"", "$X + @X + 1 + \"X\"");
    }

    #[test]
    fn nests() {
        check(&["A B + 1", "B C", "C 3"], "A", "3 + 1");
        check(&["F(x) G(x, x)", "G(a, b) a-b"], "F(F(1))", "1-1-1-1");
        check(&["G F", "F(x) <x>"], "G(7)", "<7>");
    }

    #[test]
    fn recursion_ends() {
        check(&["A A"], "A", "A");
        check(&["A B", "B A + 1"], "A", "A + 1");
        check(&["f(x) x + f(x)"], "f(1)", "1 + f(1)");
    }

    #[test]
    fn strings_and_pasting() {
        check(&["S(x) #x"], "S(a  + \"b\\n\")", "\"a + \\\"b\\\\n\\\"\"");
        check(&["P(a, b) a ## b", "xy 5"], "P(x, y)", "5");
        check(
            &["L(f, ...) printf(f, __VA_ARGS__)"],
            "L(\"%d\", 1, 2)",
            "printf(\"%d\", 1, 2)",
        );
    }

    #[test]
    fn growth_is_limited() {
        let lines: Vec<String> = (0..40)
            .map(|n| format!("A{n}(x) A{}(x x)", n + 1))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            defines(&lines).expand("A0(1)", |_| None),
            Err(Problem::TooLarge)
        );
        let deep: Vec<String> = (0..4000)
            .map(|n| format!("A{n}(x) A{0}(A{0}(x))", n + 1))
            .collect();
        let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
        assert_eq!(
            defines(&deep).expand("A0(1)", |_| None),
            Err(Problem::TooLarge)
        );
        assert_eq!(
            defines(&["F(a, b) a"]).expand("F(1)", |_| None),
            Err(Problem::Arguments {
                name: "F".into(),
                want: 2,
                given: 1
            })
        );
    }
}
