//! Tells casts from parentheses, records from tuples, types from expressions, and blocks that are values from bodies.
//!
//! All of these need more than one token of lookahead or knowledge about names, which an LR(1) grammar has not. A pass
//! over the tokens of an item marks them, and the grammar stays free of conflicts.

use crate::token::{Tok, Triple};

/// What the braces of an item mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Braces {
    Blocks,
    /// `config = {` is not a block that is assigned.
    Config,
}

/// Names that never are types: `(pid)*tid` is a product, `(foo)*tid` a cast.
const BUILTINS: &[&str] = &[
    "args",
    "cgroup",
    "comm",
    "cpid",
    "cpu",
    "ctx",
    "curtask",
    "elapsed",
    "func",
    "gid",
    "has_cpid",
    "jiffies",
    "kstack",
    "ncpus",
    "nsecs",
    "numaid",
    "pcomm",
    "pid",
    "ppid",
    "probe",
    "probetype",
    "rand",
    "retval",
    "tid",
    "uid",
    "usermode",
    "username",
    "ustack",
];

fn is_builtin(name: &str) -> bool {
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    BUILTINS.contains(&name)
        || name.starts_with("__builtin_")
        || numbered("arg")
        || numbered("sarg")
}

/// Types that everybody knows, so that a single word suffices to recognise them.
fn is_type_name(name: &str) -> bool {
    let sized = ["int", "uint"].iter().any(|p| {
        name.strip_prefix(p)
            .is_some_and(|n| matches!(n.trim_end_matches("_t"), "8" | "16" | "32" | "64"))
    });
    sized
        || is_c_word(name)
        || matches!(
            name,
            "string" | "bool" | "buffer" | "inet" | "usym_t" | "ksym_t" | "size_t"
        )
}

/// C keywords that make up a type's name, and qualifiers.
pub fn is_c_word(name: &str) -> bool {
    matches!(
        name,
        "unsigned"
            | "signed"
            | "char"
            | "short"
            | "int"
            | "long"
            | "void"
            | "float"
            | "double"
            | "_Bool"
            | "__int128"
            | "const"
            | "volatile"
    )
}

pub fn shape<'s>(src: &'s str, tokens: Vec<Triple<'s>>, braces: Braces) -> Vec<Triple<'s>> {
    let mut shaper = Shaper {
        src,
        tokens,
        out: Vec::new(),
        braces,
    };
    shaper.run();
    shaper.out
}

struct Shaper<'s> {
    src: &'s str,
    tokens: Vec<Triple<'s>>,
    out: Vec<Triple<'s>>,
    braces: Braces,
}

/// A type found ahead.
struct TypeAhead<'s> {
    /// The index of the token behind it.
    end: usize,
    /// It is nothing but this one word.
    bare: Option<&'s str>,
}

impl<'s> Shaper<'s> {
    fn run(&mut self) {
        self.out.reserve(self.tokens.len() + 4);
        // A list of attach points may end in a colon or a comma, and what follows is the action all the same.
        let mut in_header = matches!(self.tok(0), Some(Tok::ProbeName(_) | Tok::Provider(_)));
        for i in 0..self.tokens.len() {
            let (start, tok, end) = self.tokens[i].clone();
            let leaves_header = matches!(tok, Tok::LBrace | Tok::PredOpen);
            let tok = match tok {
                Tok::LParen => self.paren(i),
                Tok::LBrace
                    if self.braces == Braces::Blocks && self.prev_wants_operand() && !in_header =>
                {
                    Tok::ExprBrace
                }
                Tok::Ident("comptime") if self.operand_after_comptime(i) => Tok::Comptime,
                Tok::Ident("import") if matches!(self.tok(i + 1), Some(Tok::Str(_))) => Tok::Import,
                tok if tok.is_keyword() => self.keyword(i, tok),
                tok => tok,
            };
            in_header &= !leaves_header;
            self.out.push((start, tok, end));
            self.mark_type_argument(i);
        }
    }

    fn tok(&self, i: usize) -> Option<&Tok<'s>> {
        self.tokens.get(i).map(|(_, tok, _)| tok)
    }

    fn prev(&self) -> Option<&Tok<'s>> {
        self.out.last().map(|(_, tok, _)| tok)
    }

    fn prev_wants_operand(&self) -> bool {
        self.prev().is_some_and(|tok| {
            tok.wants_operand() || matches!(tok, Tok::RecordOpen | Tok::TypeStart)
        })
    }

    /// Keywords are plain names as fields, and where what follows shows that no statement starts.
    fn keyword(&self, i: usize, tok: Tok<'s>) -> Tok<'s> {
        let after_dot = matches!(self.prev(), Some(Tok::Dot | Tok::Arrow));
        let alone = matches!(tok, Tok::Return | Tok::Break | Tok::Continue);
        let before_end = matches!(
            self.tok(i + 1),
            Some(Tok::RParen | Tok::Comma | Tok::Dot | Tok::Assign)
        );
        if after_dot || (before_end && !alone) {
            let (start, _, end) = self.tokens[i];
            return Tok::Ident(&self.src[start..end]);
        }
        if tok == Tok::If && self.prev_wants_operand() {
            Tok::ExprIf
        } else {
            tok
        }
    }

    /// `comptime (x)` reads as a call by itself.
    fn operand_after_comptime(&self, i: usize) -> bool {
        self.tok(i + 1).is_some_and(|tok| {
            tok.starts_operand()
                && !matches!(
                    tok,
                    Tok::LParen | Tok::Plus | Tok::Minus | Tok::Star | Tok::Amp
                )
        })
    }

    fn paren(&mut self, i: usize) -> Tok<'s> {
        if self
            .prev()
            .is_some_and(|tok| tok.ends_operand() && *tok != Tok::RBrace)
            || self.call_with_bang()
        {
            return Tok::LParen;
        }
        let condition = matches!(
            self.prev(),
            Some(Tok::If | Tok::ExprIf | Tok::While | Tok::Unroll)
        );
        if !condition
            && let (Some(Tok::Ident(name)), Some(Tok::Assign)) = (self.tok(i + 1), self.tok(i + 2))
            && !is_builtin(name)
        {
            return Tok::RecordOpen;
        }
        let takes_type = matches!(
            self.prev(),
            Some(Tok::Sizeof | Tok::Offsetof | Tok::Typeof | Tok::Typeinfo)
        );
        if takes_type {
            return Tok::LParen;
        }
        let Some(ahead) = self.type_ahead(i + 1) else {
            return Tok::LParen;
        };
        // A plus is the one sign that only adds here: `(size) + 1`.
        let operand_follows = self.tok(ahead.end + 1).is_some_and(|tok| {
            (tok.starts_operand() && !matches!(tok, Tok::Plus | Tok::PlusPlus))
                || (*tok == Tok::LBrace && !condition && ahead.bare.is_none_or(is_type_name))
        });
        let unsure = ahead
            .bare
            .is_some_and(|name| condition && !is_type_name(name));
        if self.tok(ahead.end) != Some(&Tok::RParen) || !operand_follows || unsure {
            return Tok::LParen;
        }
        self.tokens[ahead.end].1 = Tok::CastClose;
        Tok::CastOpen
    }

    /// `name!(`, an old way to call a macro.
    fn call_with_bang(&self) -> bool {
        matches!(
            self.out.as_slice(),
            [.., (_, Tok::Ident(_), _), (_, Tok::Bang, _)]
        )
    }

    /// Marks the argument after token `i` if it is a type and may be one.
    fn mark_type_argument(&mut self, i: usize) {
        let marked = match self.out.as_slice() {
            [
                ..,
                (_, Tok::Sizeof | Tok::Offsetof | Tok::Typeof | Tok::Typeinfo, _),
                (_, Tok::LParen, _),
            ] => self
                .type_ahead(i + 1)
                .is_some_and(|ahead| matches!(self.tok(ahead.end), Some(Tok::RParen | Tok::Comma))),
            [.., (_, Tok::LParen | Tok::Comma, _)] => {
                matches!(self.tok(i + 1), Some(Tok::Struct | Tok::Union | Tok::Enum))
                    && matches!(self.tok(i + 2), Some(Tok::Ident(_)))
            }
            _ => false,
        };
        if marked {
            // It has the place of the token that it announces, so that an error here has one.
            let (start, _, end) = self.tokens[i + 1];
            self.out.push((start, Tok::TypeStart, end));
        }
    }

    /// Whether the tokens from `i` on read as a type.
    fn type_ahead(&self, mut i: usize) -> Option<TypeAhead<'s>> {
        let mut bare = None;
        let mut words = 0;
        while let Some(Tok::Ident(name)) = self.tok(i)
            && is_c_word(name)
        {
            i += 1;
            words += 1;
        }
        match self.tok(i)? {
            Tok::Struct | Tok::Union | Tok::Enum => {
                if !matches!(self.tok(i + 1), Some(Tok::Ident(_))) {
                    return None;
                }
                i += 2;
            }
            Tok::Typeof => i = self.behind_group(i + 1)?,
            Tok::Ident(name) if !is_builtin(name) => {
                bare = (words == 0).then_some(*name);
                i += 1;
            }
            _ if words == 0 => return None,
            _ => {}
        }
        let base_end = i;
        loop {
            match self.tok(i) {
                Some(Tok::Star) => i += 1,
                Some(Tok::LBracket) => i = self.behind_group(i)?,
                _ => break,
            }
        }
        Some(TypeAhead {
            end: i,
            bare: bare.filter(|_| i == base_end),
        })
    }

    /// The index behind the bracket that closes the one at `i`. They balance: [`super::brackets`] saw to it.
    fn behind_group(&self, i: usize) -> Option<usize> {
        if !matches!(self.tok(i)?, Tok::LParen | Tok::LBracket) {
            return None;
        }
        let mut depth = 0usize;
        for (n, (_, tok, _)) in self.tokens[i..].iter().enumerate() {
            match tok {
                Tok::LParen | Tok::LBracket | Tok::LBrace => depth += 1,
                Tok::RParen | Tok::RBracket | Tok::RBrace | Tok::CastClose => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(i + n + 1);
            }
        }
        None
    }
}
