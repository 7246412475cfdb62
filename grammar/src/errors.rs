//! Errors of the generated parsers, in words.

use lalrpop_util::ParseError;

use crate::actions::Context;
use crate::diag::Diagnostic;
use crate::span::Span;
use crate::token::Tok;

/// Names of tokens that only appear together where an expression may start; one of them stands for all.
const EXPRESSION_STARTS: &[&str] = &[
    "identifier",
    "$variable",
    "@map",
    "$1",
    "$#",
    "number",
    "string",
    "sizeof",
    "offsetof",
    "typeof",
    "typeinfo",
    "true",
    "false",
    "import",
    "comptime",
    "(",
    "cast (",
    "record (",
    "value {",
    "value if",
    "++",
    "--",
    "-",
    "+",
    "!",
    "~",
    "*",
    "&",
];

/// The same for statements, beyond expressions.
const STATEMENT_STARTS: &[&str] = &[
    "if", "for", "while", "unroll", "let", "return", "break", "continue", ";", "{",
];

/// Worth naming among what was expected. The rest (operators, mostly) would only make the list long.
const NOTABLE: &[&str] = &[
    ";",
    ")",
    "]",
    "}",
    "{",
    ",",
    ":",
    "=",
    "identifier",
    "$variable",
    "@map",
    "number",
    "string",
    "provider",
    "part",
    "predicate }",
    "cast )",
    "else",
    "struct",
    "(",
];

pub fn diagnostic(error: ParseError<usize, Tok<'_>, ()>) -> Diagnostic {
    match error {
        ParseError::UnrecognizedToken {
            token: (start, tok, end),
            expected,
        } => unexpected(Span::new(start, end), &tok, &expected),
        ParseError::UnrecognizedEof { location, expected } => {
            let diagnostic =
                Diagnostic::error("E0101", Span::new(location, location), "unexpected end");
            finish(diagnostic, &expected)
        }
        // The lexer reports its errors itself, the grammar has none of its own, and each item is parsed on its own:
        // what is left can only be a token too many.
        ParseError::ExtraToken {
            token: (start, tok, end),
        } => unexpected(Span::new(start, end), &tok, &[]),
        ParseError::InvalidToken { location } => {
            Diagnostic::error("E0101", Span::new(location, location), "unexpected text")
                .here("not expected here")
        }
        ParseError::User { error: () } => {
            Diagnostic::error("E0101", Span::default(), "syntax error")
        }
    }
}

/// The next statement starts on a new line, or the item ends, and a semicolon would have been right before.
pub fn missing_semicolon(
    cx: &Context<'_>,
    error: &ParseError<usize, Tok<'_>, ()>,
) -> Option<Diagnostic> {
    let (expected, before) = match error {
        ParseError::UnrecognizedToken {
            token: (start, tok, _),
            expected,
        } => {
            let statement = tok.starts_operand() || (tok.is_keyword() && *tok != Tok::Else);
            let before = cx.token_before(*start).filter(|_| statement)?;
            let new_line = cx.src[before.end as usize..*start].contains('\n');
            (expected, new_line.then_some(before)?)
        }
        ParseError::UnrecognizedEof { location, expected } => {
            (expected, cx.token_before(*location)?)
        }
        _ => return None,
    };
    let separated = before.start == before.end || &cx.src[before.range()] == ";";
    if separated || !expected.iter().any(|name| name.trim_matches('"') == ";") {
        return None;
    }
    Some(
        Diagnostic::error("E0119", before, "missing `;`")
            .here("expected `;` after this")
            .help("statements are separated by semicolons"),
    )
}

fn unexpected(span: Span, tok: &Tok<'_>, expected: &[String]) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0101", span, format!("unexpected {}", describe(tok)));
    finish(diagnostic, expected)
}

fn finish(diagnostic: Diagnostic, expected: &[String]) -> Diagnostic {
    match expected_words(expected) {
        Some(words) => diagnostic.here(format!("expected {words}")),
        None => diagnostic.here("not expected here"),
    }
}

/// At most four things, in plain words.
fn expected_words(expected: &[String]) -> Option<String> {
    let names: Vec<&str> = expected.iter().map(|name| name.trim_matches('"')).collect();
    let has = |name: &str| names.contains(&name);
    let mut words: Vec<String> = Vec::new();
    let expression = has("number") && has("$variable") && has("identifier");
    let statement = expression && has("let");
    if statement {
        words.push("a statement".to_owned());
    } else if expression {
        words.push("an expression".to_owned());
    }
    for name in NOTABLE.iter().copied().filter(|name| has(name)) {
        let covered = (expression && EXPRESSION_STARTS.contains(&name))
            || (statement && STATEMENT_STARTS.contains(&name));
        if !covered {
            words.push(plain(name));
        }
    }
    // It may follow any operand, and is never the point where something else is missing too.
    if words.len() > 1 {
        words.retain(|w| w != "`=`");
    }
    words.truncate(4);
    let last = words.pop()?;
    if words.is_empty() {
        Some(last)
    } else {
        Some(format!("{} or {last}", words.join(", ")))
    }
}

fn plain(name: &str) -> String {
    match name {
        "identifier" => "a name".to_owned(),
        "$variable" => "a variable".to_owned(),
        "@map" => "a map".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a string".to_owned(),
        "provider" => "an attach point".to_owned(),
        "part" => "a target".to_owned(),
        "predicate }" => "`/` and the action in braces".to_owned(),
        "cast )" => "`)`".to_owned(),
        name => format!("`{name}`"),
    }
}

/// A token as the user wrote it, or nearly so.
pub fn describe(tok: &Tok<'_>) -> String {
    match tok {
        Tok::Ident(name)
        | Tok::Var(name)
        | Tok::Map(name)
        | Tok::CWord(name)
        | Tok::Provider(name) => {
            format!("`{name}`")
        }
        Tok::Int(_) | Tok::Number(_) => "number".to_owned(),
        Tok::Str(_) | Tok::Quote => "string".to_owned(),
        Tok::Param(_) | Tok::RawParam(_) | Tok::ParamCount => "parameter".to_owned(),
        Tok::Part(part) => format!("`{}`", part.text),
        Tok::TypeStart => "type".to_owned(),
        Tok::PredOpen => "predicate".to_owned(),
        Tok::PredClose => "end of the predicate".to_owned(),
        Tok::CAttribute(_) => "`__attribute__`".to_owned(),
        Tok::CConst(_) => "expression".to_owned(),
        Tok::CParams => "parameter list".to_owned(),
        tok => match symbol(tok) {
            Some(symbol) => format!("`{symbol}`"),
            None => "text".to_owned(),
        },
    }
}

fn symbol(tok: &Tok<'_>) -> Option<&'static str> {
    use Tok::*;
    Some(match tok {
        If | ExprIf => "if",
        Else => "else",
        For => "for",
        While => "while",
        Unroll => "unroll",
        Let => "let",
        Return => "return",
        Break => "break",
        Continue => "continue",
        Struct => "struct",
        Union => "union",
        Enum => "enum",
        Typedef => "typedef",
        Sizeof => "sizeof",
        Offsetof => "offsetof",
        Typeof => "typeof",
        Typeinfo => "typeinfo",
        True => "true",
        False => "false",
        Config => "config",
        Import => "import",
        Macro => "macro",
        Comptime => "comptime",
        LParen | CastOpen | RecordOpen => "(",
        RParen | CastClose => ")",
        LBracket => "[",
        RBracket => "]",
        LBrace | ExprBrace => "{",
        RBrace => "}",
        Semi => ";",
        Comma => ",",
        Colon => ":",
        Question => "?",
        Dot => ".",
        DotDot => "..",
        Arrow => "->",
        Assign => "=",
        PlusAssign => "+=",
        MinusAssign => "-=",
        StarAssign => "*=",
        SlashAssign => "/=",
        PercentAssign => "%=",
        AmpAssign => "&=",
        PipeAssign => "|=",
        CaretAssign => "^=",
        ShlAssign => "<<=",
        ShrAssign => ">>=",
        PlusPlus => "++",
        MinusMinus => "--",
        Plus => "+",
        Minus => "-",
        Star => "*",
        Slash => "/",
        Percent => "%",
        Amp => "&",
        Pipe => "|",
        Caret => "^",
        Tilde => "~",
        Bang => "!",
        Shl => "<<",
        Shr => ">>",
        EqEq => "==",
        NotEq => "!=",
        Less => "<",
        LessEq => "<=",
        Greater => ">",
        GreaterEq => ">=",
        AndAnd => "&&",
        OrOr => "||",
        _ => return None,
    })
}
