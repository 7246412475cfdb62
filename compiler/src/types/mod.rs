//! Types of the language as the compiler knows them.

mod common;
mod records;
mod user;
mod values;

pub use bt_abi::names::FunctionKind;
pub use common::common_fields;
pub use records::{FieldDef, FieldRef, Origin, Record, RecordId, Records};
pub use user::ArgumentPlace;

use std::fmt;
use std::rc::Rc;

use bt_abi::types::{Signed, Variant};

/// The type of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ty {
    Int(IntTy),
    Bool,
    /// A NUL-terminated string in a buffer of so many bytes.
    Str(u32),
    Ptr(Box<Ty>, Space),
    /// Only behind a pointer.
    Void,
    /// A copy of a struct or union in the program's own memory. A struct of the kernel may be larger on the target than here, so there
    /// is room to spare.
    Value(RecordId, Rc<bt_abi::Type>),
    /// A struct or union; a value of it is a place to read from.
    Record(RecordId),
    /// An enum of the kernel or of the script; computes as its integer.
    Enum(IntTy, Rc<EnumDef>),
    Array(Box<Ty>, u32),
    Tuple(Vec<Ty>),
    /// A record, `(x = 1, y = 2)`: a tuple whose fields have names.
    Named(Vec<(String, Ty)>),
    Stack(StackTy),
    /// What btrun prints in a form of its own.
    Printed(Printed),
    /// The value of a map that the programs keep per CPU.
    Agg(Agg),
    /// What a call for its effect gives.
    Unit,
    /// Not inferred yet, or the result of a mistake that was reported: everything accepts it in silence.
    Unknown,
}

/// An enumeration and its constants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnumDef {
    /// Empty for one without a name.
    pub name: String,
    /// Of the kernel, not of the script: the constants may have other values on the target.
    pub kernel: bool,
    pub variants: Vec<Variant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IntTy {
    /// 1, 2, 4 or 8.
    pub bytes: u32,
    pub signed: bool,
    /// Made of literals that are not negative alone: it takes the sign of what it meets. Then `signed` is set.
    pub flexible: bool,
}

impl IntTy {
    pub const fn new(bytes: u32, signed: bool) -> IntTy {
        IntTy {
            bytes,
            signed,
            flexible: false,
        }
    }

    /// 64 bits, from literals that are not negative.
    pub const fn flexible() -> IntTy {
        IntTy {
            bytes: 8,
            signed: true,
            flexible: true,
        }
    }

    /// The type of a literal: the smallest signed one, or `uint64` if none holds it.
    pub fn of_literal(value: i128) -> IntTy {
        let holds = |bytes: &u32| IntTy::new(*bytes, true).holds(value);
        match [1, 2, 4, 8].iter().find(|bytes| holds(bytes)) {
            Some(bytes) => IntTy {
                bytes: *bytes,
                signed: true,
                flexible: value >= 0,
            },
            None => IntTy::new(8, false),
        }
    }

    /// Whether a number is one of its values.
    pub fn holds(self, value: i128) -> bool {
        let bits = self.bytes * 8;
        match self.signed {
            true => value >= -(1 << (bits - 1)) && value < 1 << (bits - 1),
            false => value >= 0 && value < 1 << bits,
        }
    }

    /// Whether all values of it are values of the other.
    pub fn fits(self, other: IntTy) -> bool {
        match (self.signed, other.signed) {
            _ if self.flexible => self.bytes <= other.bytes,
            (a, b) if a == b => self.bytes <= other.bytes,
            (false, true) => self.bytes < other.bytes,
            _ => false,
        }
    }
}

/// Where a pointer points, and so which helper reads through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    Kernel,
    User,
    /// The context of the program: read directly.
    Context,
    /// The program's own memory: a variable or a map's value. Read directly.
    Own,
    /// Not known (an integer that was cast): the kernel decides by the address.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StackTy {
    pub user: bool,
    pub limit: u32,
    pub mode: bt_abi::types::StackMode,
}

impl StackTy {
    /// Of all frames.
    pub fn bytes(self) -> u32 {
        self.limit * self.mode.frame_size()
    }
}

/// Aggregations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Agg {
    Count,
    Sum { signed: bool },
    Hist { bits: u32 },
    LinearHist { min: i64, max: i64, step: i64 },
    Avg { signed: bool },
    Stats { signed: bool },
    Min { signed: bool },
    Max { signed: bool },
    TimeSeries(bt_abi::types::Series),
}

/// Values whose text only the machine that prints them knows, or that have a spelling of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Printed {
    /// `ntop()`
    Inet,
    /// `ksym()`
    KernelSymbol,
    /// `usym()`
    UserSymbol,
    /// `buf()`, of at most so many bytes
    Buffer(u32),
    /// `strftime()`
    Timestamp { format: String, clock: i32 },
    /// `macaddr()`
    MacAddress,
    /// `cgroup_path()`
    CgroupPath { filter: String },
    /// `username`
    UserName,
    /// A number that a table names: `syscall_name()`
    Named(crate::names::Table),
}

impl Printed {
    fn to_abi(&self) -> bt_abi::Type {
        use bt_abi::Type as A;
        match self {
            Printed::Inet => A::Inet,
            Printed::KernelSymbol => A::KernelSymbol,
            Printed::UserSymbol => A::UserSymbol,
            Printed::Buffer(capacity) => A::Buffer {
                capacity: *capacity,
            },
            Printed::Timestamp { format, clock } => A::Timestamp {
                format: format.clone(),
                clock: *clock,
            },
            Printed::MacAddress => A::MacAddress,
            Printed::CgroupPath { filter } => A::CgroupPath {
                filter: filter.clone(),
            },
            Printed::UserName => A::UserName,
            Printed::Named(table) => table.to_abi(),
        }
    }

    /// As bpftrace calls the type.
    fn name(&self) -> &'static str {
        match self {
            Printed::Inet => "inet",
            Printed::KernelSymbol => "ksym_t",
            Printed::UserSymbol => "usym_t",
            Printed::Buffer(_) => "buffer",
            Printed::Timestamp { .. } => "timestamp",
            Printed::MacAddress => "macaddr_t",
            Printed::CgroupPath { .. } => "cgroup_path_t",
            Printed::UserName => "username_t",
            Printed::Named(_) => "name",
        }
    }
}

impl Agg {
    /// The integer that an aggregation is when programs read it; histograms and `stats()` have none.
    pub fn read_as(&self) -> Option<Ty> {
        match self {
            Agg::Count => Some(INT64),
            Agg::Sum { signed }
            | Agg::Avg { signed }
            | Agg::Min { signed }
            | Agg::Max { signed } => Some(Ty::int(8, *signed)),
            _ => None,
        }
    }
}

pub const INT64: Ty = Ty::Int(IntTy::new(8, true));
pub const UINT64: Ty = Ty::Int(IntTy::new(8, false));
pub const UINT32: Ty = Ty::Int(IntTy::new(4, false));

impl Ty {
    pub fn int(bytes: u32, signed: bool) -> Ty {
        Ty::Int(IntTy::new(bytes, signed))
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Ty::Unknown)
    }

    /// An integer, a bool, an enum or a pointer: what fits in a register.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Ty::Int(_) | Ty::Bool | Ty::Enum(..) | Ty::Ptr(..))
    }

    /// What arithmetic takes besides pointers.
    pub fn as_int(&self) -> Option<IntTy> {
        match self {
            Ty::Int(int) | Ty::Enum(int, _) => Some(*int),
            Ty::Bool => Some(IntTy::new(1, false)),
            _ => None,
        }
    }

    /// How a value lies in map keys, values and records. Records (structs) and aggregations within tuples have no layout.
    pub fn to_abi(&self) -> Option<bt_abi::Type> {
        use bt_abi::Type as A;
        Some(match self {
            Ty::Int(i) => A::Int {
                size: i.bytes,
                signed: i.signed,
            },
            Ty::Bool => A::Bool,
            Ty::Enum(i, def) => A::Enum {
                name: def.name.clone(),
                size: i.bytes,
                signed: i.signed,
                kernel: def.kernel,
                variants: def.variants.clone(),
            },
            Ty::Str(size) => A::String { size: *size },
            Ty::Ptr(..) => A::Pointer,
            Ty::Array(element, count) => A::Array {
                element: Box::new(element.to_abi()?),
                count: *count,
            },
            Ty::Tuple(items) => A::tuple(items.iter().map(Ty::to_abi).collect::<Option<Vec<_>>>()?),
            Ty::Named(fields) => named_layout(fields)?,
            Ty::Stack(s) if s.user => A::UserStack {
                limit: s.limit,
                mode: s.mode,
            },
            Ty::Stack(s) => A::KernelStack {
                limit: s.limit,
                mode: s.mode,
            },
            Ty::Printed(printed) => printed.to_abi(),
            Ty::Agg(Agg::Avg { signed }) => A::Avg(Signed { signed: *signed }),
            Ty::Agg(Agg::Stats { signed }) => A::Stats(Signed { signed: *signed }),
            Ty::Agg(Agg::Min { signed }) => A::Min(Signed { signed: *signed }),
            Ty::Agg(Agg::Max { signed }) => A::Max(Signed { signed: *signed }),
            Ty::Agg(Agg::TimeSeries(series)) => A::TimeSeries(*series),
            Ty::Agg(Agg::Count) => A::Count,
            Ty::Agg(Agg::Sum { signed }) => A::Sum { signed: *signed },
            Ty::Agg(Agg::Hist { bits }) => A::Hist { bits: *bits },
            Ty::Agg(Agg::LinearHist { min, max, step }) => A::LinearHist {
                min: *min,
                max: *max,
                step: *step,
            },
            Ty::Value(_, layout) => (**layout).clone(),
            Ty::Void | Ty::Record(_) | Ty::Unit | Ty::Unknown => return None,
        })
    }

    /// Bytes of a value, 0 for what has none.
    pub fn size(&self) -> u32 {
        self.to_abi().map_or(0, |abi| abi.size())
    }
}

/// A record lies as a tuple of its fields.
fn named_layout(fields: &[(String, Ty)]) -> Option<bt_abi::Type> {
    let types = fields
        .iter()
        .map(|(_, ty)| ty.to_abi())
        .collect::<Option<Vec<_>>>()?;
    let mut layout = bt_abi::types::Layout::new(0);
    let fields = fields
        .iter()
        .zip(types)
        .map(|((name, _), ty)| bt_abi::types::NamedField {
            name: name.clone(),
            offset: layout.push(&ty),
            ty,
        });
    let fields = fields.collect();
    Some(bt_abi::Type::Struct {
        name: String::new(),
        size: layout.size(),
        fields,
    })
}

struct DisplayTy<'a> {
    records: &'a Records,
    ty: &'a Ty,
}

impl fmt::Display for DisplayTy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |ty| DisplayTy {
            records: self.records,
            ty,
        };
        match self.ty {
            Ty::Int(i) => write!(f, "{}int{}", if i.signed { "" } else { "u" }, i.bytes * 8),
            Ty::Bool => write!(f, "bool"),
            Ty::Str(_) => write!(f, "string"),
            Ty::Ptr(to, _) => write!(f, "{}*", show(to)),
            Ty::Void => write!(f, "void"),
            Ty::Record(id) | Ty::Value(id, _) => {
                write!(f, "{}", self.records.get(*id).display())
            }
            Ty::Enum(_, def) if def.name.is_empty() => write!(f, "enum"),
            Ty::Enum(_, def) => write!(f, "enum {}", def.name),
            Ty::Array(element, count) => write!(f, "{}[{count}]", show(element)),
            Ty::Tuple(items) => {
                write!(f, "(")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if i > 0 { ", " } else { "" }, show(item))?;
                }
                write!(f, ")")
            }
            Ty::Named(fields) => {
                write!(f, "(")?;
                for (i, (name, item)) in fields.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{name}={}", show(item))?;
                }
                write!(f, ")")
            }
            Ty::Stack(s) => write!(f, "{}stack", if s.user { "u" } else { "k" }),
            Ty::Printed(printed) => f.write_str(printed.name()),
            Ty::Agg(Agg::Avg { .. }) => write!(f, "avg_t"),
            Ty::Agg(Agg::Stats { .. }) => write!(f, "stats_t"),
            Ty::Agg(Agg::Min { .. }) => write!(f, "min_t"),
            Ty::Agg(Agg::Max { .. }) => write!(f, "max_t"),
            Ty::Agg(Agg::TimeSeries(_)) => write!(f, "tseries_t"),
            Ty::Agg(Agg::Count) => write!(f, "count_t"),
            Ty::Agg(Agg::Sum { .. }) => write!(f, "sum_t"),
            Ty::Agg(Agg::Hist { .. }) => write!(f, "hist_t"),
            Ty::Agg(Agg::LinearHist { .. }) => write!(f, "lhist_t"),
            Ty::Unit => write!(f, "none"),
            Ty::Unknown => write!(f, "unknown"),
        }
    }
}
