//! The tokens of both grammars.
//!
//! Most variants are what logos finds in the text. Those at the end are made by later steps of the lexer, which see
//! more context than a regular expression does; the grammar needs them to stay LR(1).

use logos::Logos;

use crate::ast::{AttachPart, Expr};

/// A token between two byte offsets: what lalrpop reads.
pub type Triple<'s> = (usize, Tok<'s>, usize);

#[derive(Logos, Debug, Clone, PartialEq)]
#[logos(skip(r"[ \t\r\n\x0b\x0c\u{feff}]+"))]
#[logos(skip(r"//[^\n]*", allow_greedy = true))]
pub enum Tok<'s> {
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*", |lex| lex.slice())]
    Ident(&'s str),
    #[regex(r"\$[A-Za-z_][A-Za-z0-9_]*", |lex| lex.slice())]
    Var(&'s str),
    #[regex(r"@([A-Za-z_][A-Za-z0-9_]*)?", |lex| lex.slice())]
    Map(&'s str),
    /// Becomes [`Tok::Param`].
    #[regex(r"\$[0-9]+", |lex| lex.slice())]
    RawParam(&'s str),
    #[token("$#")]
    ParamCount,
    /// Becomes [`Tok::Int`].
    #[regex(r"[0-9][0-9A-Za-z_]*", |lex| lex.slice())]
    Number(&'s str),
    /// Opens a string, which has a lexer of its own.
    #[token("\"")]
    Quote,
    #[token("'")]
    Apostrophe,
    #[token("/*")]
    CommentOpen,

    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("for")]
    For,
    #[token("while")]
    While,
    #[token("unroll")]
    Unroll,
    #[token("let")]
    Let,
    #[token("return")]
    Return,
    #[token("break")]
    Break,
    #[token("continue")]
    Continue,
    #[token("struct")]
    Struct,
    #[token("union")]
    Union,
    #[token("enum")]
    Enum,
    #[token("sizeof")]
    Sizeof,
    #[token("offsetof")]
    Offsetof,
    #[token("typeof")]
    Typeof,
    #[token("typeinfo")]
    Typeinfo,
    #[token("true")]
    True,
    #[token("false")]
    False,

    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token("[")]
    LBracket,
    #[token("]")]
    RBracket,
    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,
    #[token(";")]
    Semi,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token("?")]
    Question,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token("->")]
    Arrow,

    #[token("=")]
    Assign,
    #[token("+=")]
    PlusAssign,
    #[token("-=")]
    MinusAssign,
    #[token("*=")]
    StarAssign,
    #[token("/=")]
    SlashAssign,
    #[token("%=")]
    PercentAssign,
    #[token("&=")]
    AmpAssign,
    #[token("|=")]
    PipeAssign,
    #[token("^=")]
    CaretAssign,
    #[token("<<=")]
    ShlAssign,
    #[token(">>=")]
    ShrAssign,

    #[token("++")]
    PlusPlus,
    #[token("--")]
    MinusMinus,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("&")]
    Amp,
    #[token("|")]
    Pipe,
    #[token("^")]
    Caret,
    #[token("~")]
    Tilde,
    #[token("!")]
    Bang,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("==")]
    EqEq,
    #[token("!=")]
    NotEq,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEq,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEq,
    #[token("&&")]
    AndAnd,
    #[token("||")]
    OrOr,

    // From here on: made from the above.
    Int(u64),
    Str(Vec<u8>),
    Param(u32),

    /// The words that open an item at script level; elsewhere they are plain names.
    Config,
    Import,
    Macro,
    ProbeName(&'s str),
    Provider(&'s str),
    Part(AttachPart),
    /// The slashes around a predicate.
    PredOpen,
    PredClose,

    /// The parentheses around a cast's type.
    CastOpen,
    CastClose,
    /// The `(` of `(a = 1, b = 2)`.
    RecordOpen,
    /// Before an argument that is a type.
    TypeStart,
    /// A `{` or an `if` where an operand is expected, not a statement.
    ExprBrace,
    ExprIf,
    Comptime,
    /// Empty; the input is one expression instead of an item.
    ExprStart,
    /// Text that an error was reported for.
    Lost,

    // Only in C definitions.
    Typedef,
    /// A C keyword that names a type: `unsigned`, `int`.
    CWord(&'s str),
    CConst(Box<Expr>),
    CAttribute(Vec<String>),
    /// A parameter list of a function pointer; what is in it does not matter.
    CParams,
}

impl Tok<'_> {
    /// An operand is complete after this token: a following `{` opens a body, a following `(` a call.
    pub fn ends_operand(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            Ident(_)
                | Var(_)
                | Map(_)
                | Param(_)
                | ParamCount
                | Int(_)
                | Str(_)
                | True
                | False
                | RParen
                | RBracket
                | RBrace
                | PlusPlus
                | MinusMinus
        )
    }

    /// An operand must follow this token.
    pub fn wants_operand(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            LParen
                | LBracket
                | Comma
                | Colon
                | Question
                | DotDot
                | Return
                | PredOpen
                | CastClose
                | Comptime
                | ExprStart
        ) || self.is_operator()
            || self.is_assignment()
    }

    pub fn is_assignment(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            Assign
                | PlusAssign
                | MinusAssign
                | StarAssign
                | SlashAssign
                | PercentAssign
                | AmpAssign
                | PipeAssign
                | CaretAssign
                | ShlAssign
                | ShrAssign
        )
    }

    /// Prefix and infix operators, without `++` and `--`.
    pub fn is_operator(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            Plus | Minus
                | Star
                | Slash
                | Percent
                | Amp
                | Pipe
                | Caret
                | Tilde
                | Bang
                | Shl
                | Shr
                | EqEq
                | NotEq
                | Less
                | LessEq
                | Greater
                | GreaterEq
                | AndAnd
                | OrOr
        )
    }

    /// Whether an expression may start with this token.
    pub fn starts_operand(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            Ident(_)
                | Var(_)
                | Map(_)
                | Param(_)
                | ParamCount
                | Int(_)
                | Str(_)
                | True
                | False
                | LParen
                | Minus
                | Plus
                | Bang
                | Tilde
                | Star
                | Amp
                | PlusPlus
                | MinusMinus
                | Sizeof
                | Offsetof
                | Typeof
                | Typeinfo
        )
    }

    /// A keyword, which is a plain name after `.` and in a few other places.
    pub fn is_keyword(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            If | Else
                | For
                | While
                | Unroll
                | Let
                | Return
                | Break
                | Continue
                | Struct
                | Union
                | Enum
                | Sizeof
                | Offsetof
                | Typeof
                | Typeinfo
        )
    }
}
