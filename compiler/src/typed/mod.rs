//! The typed program: what the checker makes of the syntax tree, and what layout and code generation read.
//!
//! Every expression has its type; names are resolved to ids; there is nothing left to refuse.

pub mod visit;

use std::collections::BTreeMap;

use bt_abi::manifest::{Attach, SlotValue};
use bt_grammar::ast::{BinaryOp, IncDecOp};
use bt_grammar::span::Span;

use crate::builtins::Builtin;
use crate::functions::Function;
use crate::probes::ProbeKind;
use crate::types::{FieldRef, RecordId, Ty};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(/** A map of the script: index in [`Script::maps`]. */ MapId);
id!(/** A scratch variable: index in [`Probe::vars`]. */ VarId);
id!(/** A late-bound value: index in [`Script::slots`]. */ SlotId);
id!(/** A call that sends a record; given out in the order of checking, over all probes. */ CallId);

#[derive(Debug, Default)]
pub struct Script {
    /// One for each attach point; a body with several attach points was checked once for each.
    pub probes: Vec<Probe>,
    pub maps: Vec<Map>,
    pub slots: Vec<Slot>,
    pub config: ScriptConfig,
    /// Parameters that are literals.
    pub params: BTreeMap<u32, String>,
}

/// Settings: the environment over the script's `config` block over the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptConfig {
    /// Bytes of a string, its NUL included.
    pub max_strlen: u32,
    /// Entries of a map with keys.
    pub max_map_keys: u32,
    pub print_maps_on_exit: bool,
    pub str_trunc_trailer: String,
    pub stack_mode: bt_abi::types::StackMode,
    pub license: String,
    pub max_bpf_progs: u64,
    pub max_probes: u64,
    /// Larger values go to the scratch map instead of the BPF stack. Bytes.
    pub on_stack_limit: u32,
    /// Pages of 4 KiB of the ring buffer.
    pub perf_rb_pages: Option<u64>,
    /// `error`, `warn` or `enable` for features that bpftrace calls unstable, where the script says.
    pub stability: std::collections::BTreeMap<&'static str, String>,
    /// What only btrun needs to know.
    pub run: std::collections::BTreeMap<String, String>,
}

impl Default for ScriptConfig {
    fn default() -> Self {
        ScriptConfig {
            max_strlen: 1024,
            max_map_keys: 4096,
            print_maps_on_exit: true,
            str_trunc_trailer: "..".into(),
            stack_mode: bt_abi::types::StackMode::Bpftrace,
            license: "GPL".into(),
            max_bpf_progs: 1024,
            max_probes: 1024,
            on_stack_limit: 64,
            perf_rb_pages: None,
            stability: Default::default(),
            run: Default::default(),
        }
    }
}

#[derive(Debug)]
pub struct Probe {
    pub kind: ProbeKind,
    pub attach: Attach,
    /// What the builtin `probe` gives.
    pub text: String,
    pub span: Span,
    /// Pointers of the context without which the program ends at once.
    pub objects: Vec<Expr>,
    pub predicate: Option<Expr>,
    pub body: Vec<Stmt>,
    pub vars: Vec<Var>,
}

#[derive(Debug, Clone)]
pub struct Var {
    /// With the `$`.
    pub name: String,
    pub ty: Ty,
    /// `let $x: T`: the type is fixed.
    pub declared: bool,
    /// `let $x`: it belongs to its block, whatever old scripts do.
    pub local: bool,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Map {
    /// With the `@`.
    pub name: String,
    /// Several keys are a tuple; none is a scalar map.
    pub key: Option<Ty>,
    pub value: Ty,
    /// A declared kind and size.
    pub declared: Option<Declared>,
    /// Programs read its aggregation, so it must not lie apart for each CPU.
    pub shared: bool,
    /// The first use.
    pub span: Span,
}

/// `let @map = kind(max_entries)`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    pub lru: bool,
    pub per_cpu: bool,
    pub max_entries: u32,
}

#[derive(Debug, Clone)]
pub struct Slot {
    pub value: SlotValue,
    pub ty: Ty,
    pub span: Span,
}

#[derive(Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum StmtKind {
    Expr(Expr),
    SetVar {
        var: VarId,
        value: Expr,
    },
    SetMap {
        map: MapId,
        key: Option<Expr>,
        value: Expr,
    },
    /// `@map[key] op= value`: one lookup. `op` and `value` are of the integers.
    UpdateMap {
        map: MapId,
        key: Option<Expr>,
        op: BinaryOp,
        value: Expr,
    },
    /// `@map[key] = count()` and its like.
    Aggregate {
        map: MapId,
        key: Option<Expr>,
        call: Call,
    },
    If {
        cond: Expr,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
    /// `for ($i : start..end)`; a variable of 64 bits.
    ForRange {
        var: VarId,
        start: Expr,
        end: Expr,
        body: Vec<Stmt>,
    },
    /// `for ($kv : @map)`; a variable that holds a tuple of key and value.
    ForMap {
        var: VarId,
        map: MapId,
        body: Vec<Stmt>,
    },
    While {
        cond: Expr,
        body: Vec<Stmt>,
    },
    Break,
    Continue,
    Unroll {
        count: u32,
        body: Vec<Stmt>,
    },
    Block(Vec<Stmt>),
    /// With a value where it says something: in tests and benchmarks.
    Return(Option<Expr>),
}

#[derive(Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Ty,
    pub span: Span,
}

#[derive(Debug)]
pub enum ExprKind {
    /// The bits of an integer or bool.
    Int(i64),
    /// Without the NUL.
    Str(Vec<u8>),
    Slot(SlotId),
    /// The string in a slot from this byte on: `str($1 + 1)`.
    SlotTail {
        slot: SlotId,
        skip: u32,
    },
    Var(VarId),
    /// The value in a map, 0 or empty if there is none.
    MapGet {
        map: MapId,
        key: Option<Box<Expr>>,
    },
    /// A whole map as an argument of `print`, `clear` and the like.
    MapRef(MapId),
    /// The value at a place in memory; for a struct the place itself.
    Read(Place),
    /// The address of a place.
    AddressOf(Place),
    /// The address of the program's own memory that holds a value.
    InMemory(Box<Expr>),
    Neg(Box<Expr>),
    Not(Box<Expr>),
    BitNot(Box<Expr>),
    /// Arithmetic on operands that are already of the result's type, or a shift.
    Arith {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// Comparison of scalars; `signed` says how.
    Compare {
        op: BinaryOp,
        signed: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// Comparison for equality of strings, arrays, buffers, tuples or records.
    Same {
        negate: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `&&` or `||`, with short circuit.
    Logical {
        and: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Ternary {
        cond: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    IncDecVar {
        var: VarId,
        op: IncDecOp,
        prefix: bool,
        /// 1, or the size of what a pointer points to.
        step: Box<Expr>,
    },
    IncDecMap {
        map: MapId,
        key: Option<Box<Expr>>,
        op: IncDecOp,
        prefix: bool,
        step: Box<Expr>,
    },
    /// A constant of the enum of the kernel that is the expression's type: its value on the target, and here.
    Enumerator {
        name: String,
        value: i64,
    },
    /// The size of a kernel type, as the target has it.
    TypeSize(RecordId),
    /// The offset of a member of a kernel type, as the target has it.
    FieldOffset(Vec<FieldRef>),
    /// A scalar as another scalar type; an array as the integer that its bytes are, and the other way round.
    Cast(Box<Expr>),
    Tuple(Vec<Expr>),
    TupleField {
        base: Box<Expr>,
        index: u32,
    },
    Builtin(&'static dyn Builtin),
    Call(Call),
    Block {
        stmts: Vec<Stmt>,
        value: Box<Expr>,
    },
    /// The rest of a mistake that was reported; never reaches code generation.
    Poison,
}

/// A place in memory: a pointer and the way from it.
#[derive(Debug)]
pub struct Place {
    /// A pointer, or the context of the program.
    pub base: Box<Expr>,
    pub steps: Vec<Step>,
}

#[derive(Debug)]
pub enum Step {
    Field(FieldRef),
    /// An element of an array, or what lies so many elements behind a pointer.
    Index {
        index: Box<Expr>,
        /// Bytes.
        element: u32,
        /// Elements are so many of a struct of the kernel, whose size the target knows.
        stride: Option<(RecordId, u32)>,
        /// Elements, where that is known: an index that is not among them reads the first.
        count: Option<u32>,
    },
}

#[derive(Debug)]
pub struct Call {
    pub function: &'static dyn Function,
    pub id: CallId,
    pub args: Vec<Expr>,
    pub data: CallData,
}

/// What a function's check found out for its lowering.
#[derive(Debug, Clone, PartialEq)]
pub enum CallData {
    None,
    /// A literal format or other text.
    Text(String),
    /// `print(@map, top, div)`
    PrintMap {
        top: u64,
        div: u64,
    },
    /// A size in bytes.
    Size(u32),
    /// The clock whose nanoseconds the call gives, of [`bt_abi::types::clock`].
    Clock(i32),
    Stack(crate::types::StackTy),
    /// A function in C, and the sign of its result.
    External {
        name: String,
        signed: bool,
    },
    /// A function of the kernel.
    Kernel(Box<crate::facts::RawFunction>),
}

impl Expr {
    pub fn poison(span: Span) -> Expr {
        Expr {
            kind: ExprKind::Poison,
            ty: Ty::Unknown,
            span,
        }
    }

    pub fn int(value: i64, ty: Ty, span: Span) -> Expr {
        Expr {
            kind: ExprKind::Int(value),
            ty,
            span,
        }
    }

    /// A literal of the smallest type that holds it.
    pub fn literal(value: i128, span: Span) -> Expr {
        let ty = Ty::Int(crate::types::IntTy::of_literal(value));
        Expr::int(value as i64, ty, span)
    }

    /// The number that an integer literal stands for.
    pub fn as_literal(&self) -> Option<i128> {
        match (&self.kind, &self.ty) {
            (ExprKind::Int(value), Ty::Int(int)) if int.signed => Some(i128::from(*value)),
            (ExprKind::Int(value), Ty::Int(_)) => Some(i128::from(*value as u64)),
            _ => None,
        }
    }

    /// The bits of a literal that takes the sign and width of what it is used with.
    pub fn flexible_int(&self) -> Option<i64> {
        match self.kind {
            ExprKind::Int(value) if matches!(self.ty, Ty::Int(_) | Ty::Enum(..)) => Some(value),
            _ => None,
        }
    }

    /// Whether evaluating it changes nothing, so that it may be evaluated late or not at all.
    pub fn is_pure(&self) -> bool {
        match &self.kind {
            ExprKind::IncDecVar { .. } | ExprKind::IncDecMap { .. } | ExprKind::Block { .. } => {
                false
            }
            ExprKind::Call(call) => call.function.is_pure() && call.args.iter().all(Expr::is_pure),
            ExprKind::Neg(e)
            | ExprKind::Not(e)
            | ExprKind::BitNot(e)
            | ExprKind::Cast(e)
            | ExprKind::InMemory(e) => e.is_pure(),
            ExprKind::TupleField { base, .. } => base.is_pure(),
            ExprKind::MapGet { key, .. } => key.as_ref().is_none_or(|k| k.is_pure()),
            ExprKind::Arith { left, right, .. }
            | ExprKind::Compare { left, right, .. }
            | ExprKind::Same { left, right, .. }
            | ExprKind::Logical { left, right, .. } => left.is_pure() && right.is_pure(),
            ExprKind::Ternary {
                cond,
                then,
                otherwise,
            } => cond.is_pure() && then.is_pure() && otherwise.is_pure(),
            ExprKind::Tuple(items) => items.iter().all(Expr::is_pure),
            ExprKind::Read(place) => {
                place.base.is_pure()
                    && place.steps.iter().all(|s| match s {
                        Step::Field(_) => true,
                        Step::Index { index, .. } => index.is_pure(),
                    })
            }
            _ => true,
        }
    }
}

/// The buffer of a literal: whole words, so that it is copied by words.
pub fn literal_size(text: &[u8]) -> u32 {
    (text.len() as u32 + 1).next_multiple_of(8)
}
