//! The syntax tree: what a script says, before anything in it has a meaning.
//!
//! It covers the whole language of bpftrace 0.26 and the older spellings, so that later passes extend what they
//! understand, not this file. Every node that a diagnostic may point at has a [`Span`].

use crate::span::{Ident, Span, Spanned};

/// A whole script file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// C definitions, in order (`#include`, `#define`, struct, union, enum, typedef).
    pub definitions: Vec<CItem>,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Config(Config),
    Import(Import),
    MapDecl(MapDecl),
    Macro(Macro),
    Probe(Probe),
}

/// `config = { name = value; ... }`
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub entries: Vec<ConfigEntry>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConfigEntry {
    pub name: Ident,
    pub value: Spanned<ConfigValue>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ConfigValue {
    Int(u64),
    Bool(bool),
    /// A quoted string or a bare word (`stack_mode = perf`).
    Word(String),
}

/// `import "path";`
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub path: Spanned<String>,
    pub span: Span,
}

/// `let @name = kind(max_entries);`
#[derive(Debug, Clone, PartialEq)]
pub struct MapDecl {
    /// With the `@`.
    pub map: Ident,
    pub kind: Ident,
    pub max_entries: Option<Expr>,
    pub span: Span,
}

/// `macro name($a, b, @c) { ... }`
#[derive(Debug, Clone, PartialEq)]
pub struct Macro {
    pub name: Ident,
    pub params: Vec<MacroParam>,
    pub body: Block,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MacroParam {
    pub kind: MacroParamKind,
    /// With the sigil, where it has one.
    pub name: Ident,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacroParamKind {
    Variable,
    Map,
    Expr,
}

/// `[name=]probe[,probe] /predicate/ { action }`
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    pub name: Option<Ident>,
    pub attach_points: Vec<AttachPoint>,
    pub predicate: Option<Expr>,
    pub body: Block,
    pub span: Span,
}

/// `provider:part:part`. Parts are unquoted; `kprobe: vfs_read` and `kprobe:vfs_read` are the same.
#[derive(Debug, Clone, PartialEq)]
pub struct AttachPoint {
    pub provider: Ident,
    pub parts: Vec<AttachPart>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AttachPart {
    pub text: String,
    /// Written in double quotes: `*` in it is no wildcard.
    pub quoted: bool,
    pub span: Span,
}

/// Statements, and the expression at the end that is the block's value (`{ $x = 1; $x }`).
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub stmts: Vec<Stmt>,
    /// The last expression if no semicolon follows it. A call such as `{ exit() }` is here too.
    pub tail: Option<Box<Expr>>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    Expr(Expr),
    /// `target = value`, or `target op= value`. The target is a [`ExprKind::Var`], [`ExprKind::Map`], an index of a map,
    /// or something that later passes refuse.
    Assign {
        target: Expr,
        op: Option<BinaryOp>,
        value: Expr,
    },
    /// `let $x: T = value`; type and value optional.
    Let {
        var: Ident,
        ty: Option<TypeExpr>,
        value: Option<Expr>,
    },
    /// `_ = value`
    Discard(Expr),
    If {
        cond: Expr,
        then: Block,
        otherwise: Option<Block>,
    },
    /// `for ($kv : @map) { }`
    ForMap {
        var: Ident,
        map: Expr,
        body: Block,
    },
    /// `for ($i : start..end) { }`
    ForRange {
        var: Ident,
        start: Expr,
        end: Expr,
        body: Block,
    },
    While {
        cond: Expr,
        body: Block,
    },
    Unroll {
        count: Expr,
        body: Block,
    },
    Block(Block),
    Return(Option<Expr>),
    Break,
    Continue,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// An integer literal, with suffixes and exponents applied; a duration is in nanoseconds. Never negative: `-1` is a
    /// unary minus on 1.
    Int(u64),
    /// A string literal after its escapes. Bytes, because `\xff` is legal.
    Str(Vec<u8>),
    Bool(bool),
    /// A bare name: a builtin, an enum constant, a `#define`, a macro or one of its parameters.
    Ident(String),
    /// `$x`, with the `$`.
    Var(String),
    /// `@x` or `@`, with the `@`. A key is an [`ExprKind::Index`] around it.
    Map(String),
    /// `$1`; counted from 1.
    Param(u32),
    /// `$#`
    ParamCount,
    Unary {
        op: UnaryOp,
        expr: Box<Expr>,
    },
    /// `++x`, `x++`, `--x`, `x--`
    IncDec {
        op: IncDecOp,
        prefix: bool,
        target: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `cond ? then : otherwise`; `cond ?: otherwise` has no `then`.
    Ternary {
        cond: Box<Expr>,
        then: Option<Box<Expr>>,
        otherwise: Box<Expr>,
    },
    /// `base.name` or `base->name`
    Field {
        base: Box<Expr>,
        name: Ident,
        arrow: bool,
    },
    /// `base.0`
    TupleField {
        base: Box<Expr>,
        index: Spanned<u32>,
    },
    /// `base[i]`, `@map[a, b]`; several indices only for maps.
    Index {
        base: Box<Expr>,
        indices: Vec<Expr>,
    },
    Call {
        name: Ident,
        args: Vec<Arg>,
    },
    /// `(type)expr`
    Cast {
        ty: TypeExpr,
        expr: Box<Expr>,
    },
    Sizeof(Box<Arg>),
    /// `offsetof(type or expression, a.b)`
    Offsetof {
        base: Box<Arg>,
        path: Vec<Ident>,
    },
    Typeof(Box<Arg>),
    Typeinfo(Box<Arg>),
    /// `(a, b)`; also `(a,)` and `()`.
    Tuple(Vec<Expr>),
    /// `(x = 1, y = 2)`
    Record(Vec<(Ident, Expr)>),
    Block(Block),
    /// What stood here could not be parsed; an error was reported.
    Error,
}

/// An argument of a call: an expression, or a type where the function takes one.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    Expr(Expr),
    Type(TypeExpr),
}

impl Arg {
    pub fn span(&self) -> Span {
        match self {
            Arg::Expr(e) => e.span,
            Arg::Type(t) => t.span,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`
    Not,
    /// `~`
    BitNot,
    /// `*`
    Deref,
    /// `&`
    AddressOf,
    /// `+`
    Plus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncDecOp {
    Inc,
    Dec,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    LogicalAnd,
    LogicalOr,
}

impl BinaryOp {
    /// As it is written in a script.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::LogicalAnd => "&&",
            BinaryOp::LogicalOr => "||",
        }
    }

    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
        )
    }

    pub fn is_logical(self) -> bool {
        matches!(self, BinaryOp::LogicalAnd | BinaryOp::LogicalOr)
    }
}

/// A type as written in the body of a script: postfix modifiers, left to right (`struct foo*[4]`).
#[derive(Debug, Clone, PartialEq)]
pub struct TypeExpr {
    pub base: TypeBase,
    pub modifiers: Vec<TypeModifier>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TypeBase {
    /// A builtin type, a typedef, or C words joined by one space (`unsigned int`).
    Named(String),
    Struct(String),
    Union(String),
    Enum(String),
    /// `typeof(x)` as a type.
    Typeof(Box<Arg>),
    /// `(a, b)` as a type: a tuple's.
    Tuple(Vec<TypeExpr>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum TypeModifier {
    Pointer,
    /// `[N]` or `[]`
    Array(Option<Box<Expr>>),
}

/// One C definition at the top of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum CItem {
    /// `#include <path>` or `#include "path"`
    Include {
        path: Spanned<String>,
        system: bool,
        span: Span,
    },
    /// `#define NAME(params) body`; the body is source text with line continuations joined.
    Define {
        name: Ident,
        params: Option<Vec<String>>,
        body: Spanned<String>,
        span: Span,
    },
    Record(CRecord),
    Enum(CEnum),
    Typedef {
        name: Ident,
        ty: CType,
        span: Span,
    },
}

/// `struct S { ... }` or `union U { ... }`
#[derive(Debug, Clone, PartialEq)]
pub struct CRecord {
    pub is_union: bool,
    pub name: Option<Ident>,
    pub fields: Vec<CField>,
    /// Words of `__attribute__((...))`: `packed`, `aligned(8)`.
    pub attributes: Vec<String>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CField {
    /// `None`: an anonymous struct or union, or padding bits.
    pub name: Option<Ident>,
    pub ty: CType,
    /// Width of a bit-field.
    pub bits: Option<u32>,
    /// `aligned(16)`, `packed`
    pub attributes: Vec<String>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CType {
    /// C words or a typedef's name, qualifiers dropped, joined by one space (`unsigned long long`).
    Named(String),
    Struct(String),
    Union(String),
    Enum(String),
    /// Defined in place.
    Record(Box<CRecord>),
    InlineEnum(Box<CEnum>),
    Pointer(Box<CType>),
    /// `None`: a flexible array.
    Array(Box<CType>, Option<Box<Expr>>),
    /// A function; only ever behind a pointer.
    Function,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CEnum {
    pub name: Option<Ident>,
    pub variants: Vec<(Ident, Option<Expr>)>,
    pub span: Span,
}
