//! Types of values as they lie in map keys, map values and event records.

use serde::{Deserialize, Serialize};

/// How a value lies in memory and how it is printed. Sizes and offsets are in bytes; integers are in the target's byte order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
///
/// C's name of a type is its `tag` in the manifest, since a field's `name` stands in the same object.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Type {
    /// An integer of 1, 2, 4 or 8 bytes.
    Int { size: u32, signed: bool },
    /// One byte, 0 or 1; printed `true` or `false`.
    Bool,
    /// NUL-terminated within `size` bytes, or filling them.
    String { size: u32 },
    /// 8 bytes; printed in hexadecimal with `0x`.
    Pointer,
    /// An integer of `size` bytes, printed by name where it has one. `kernel`: an enum of the kernel, whose `variants` are those of the
    /// target where its BTF has an enum of that name.
    Enum {
        #[serde(rename = "tag", alias = "name")]
        name: String,
        size: u32,
        signed: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        kernel: bool,
        variants: Vec<Variant>,
    },
    /// `count` elements without padding in between.
    Array { element: Box<Type>, count: u32 },
    /// Fields at their offsets, printed `(a, b)`.
    Tuple { size: u32, fields: Vec<Field> },
    /// A struct, union or record, printed `{ .name = value, ... }`. The fields of a union overlap.
    Struct {
        #[serde(rename = "tag", alias = "name")]
        name: String,
        size: u32,
        fields: Vec<NamedField>,
    },
    /// A `char[size]` of C: text up to its first NUL, or all of it. Only as a field of a struct.
    Chars { size: u32 },
    /// `bits` bits of an integer of `size` bytes, above the lowest `shift` bits. Only as a field of a struct.
    BitField {
        size: u32,
        shift: u32,
        bits: u32,
        signed: bool,
    },
    /// A struct or union of the target's kernel, as its BTF describes it, at the start of `size` bytes.
    KernelStruct {
        name: String,
        union: bool,
        size: u32,
    },
    /// 8 bytes: `u64` key into the map [`crate::names::stacks_map`], 0 if there was no stack.
    KernelStack { limit: u32, mode: StackMode },
    /// 16 bytes: the key as above, then `u32` process id (of the root pid namespace), `u32` 0.
    UserStack { limit: u32, mode: StackMode },

    // Values that are printed in a form of their own.
    /// 24 bytes: `u64` address family (2 AF_INET, 10 AF_INET6), then the address in network byte order: 4 bytes and 12 zeros, or 16.
    Inet,
    /// 8 bytes: an address of the kernel, printed as the function or variable that it lies in.
    KernelSymbol,
    /// 16 bytes: `u64` address, `u32` process id (of the root pid namespace), `u32` 0.
    UserSymbol,
    /// `u32` length, then `capacity` bytes of which so many count; padded to a multiple of 8.
    Buffer { capacity: u32 },
    /// 8 bytes: nanoseconds of a clock (as clock_gettime(2) numbers it, see [`clock`]), printed as local time by this format of
    /// strftime(3), in which `%f` stands for microseconds.
    Timestamp { format: String, clock: i32 },
    /// 8 bytes: the 6 of an Ethernet address, and two zeros.
    MacAddress,
    /// 8 bytes: `u64` id of a cgroup, printed as `hierarchy:path` of each hierarchy whose name matches `filter` (empty: all).
    CgroupPath { filter: String },
    /// 8 bytes: `u64` user id, printed by name where /etc/passwd has one.
    UserName,

    // Aggregations: only as the value of a map.
    /// `u64` per CPU: the sum over all CPUs is the count.
    Count,
    /// `u64` or `i64` per CPU, summed.
    Sum { signed: bool },
    /// Per CPU `u64[n]`, buckets of logarithmic width, see [`hist_buckets`].
    Hist { bits: u32 },
    /// Per CPU `u64[n]`, see [`lhist_buckets`]: below `min`, the steps, at or above `max`.
    LinearHist { min: i64, max: i64, step: i64 },
    /// Per CPU `u64` or `i64` total, `u64` count: both summed; printed as their quotient.
    Avg(Signed),
    /// As [`Type::Avg`]; printed with count, average and total.
    Stats(Signed),
    /// Per CPU `u64` or `i64` value, `u64` that is not 0 once there is one.
    Min(Signed),
    /// As [`Type::Min`].
    Max(Signed),
    /// Per CPU a ring of buckets, see [`Series`].
    TimeSeries(Series),
}

/// Whether 64 bits have a sign. (A struct of its own, not a field of each variant: readers are smaller so.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signed {
    pub signed: bool,
}

/// `count` buckets of [`SERIES_BUCKET`] bytes: `u64` or `i64` value, `u64` (of the mode `last` the time of the value, else how many, or that
/// there is one), `u64` number of the interval, which is nanoseconds of CLOCK_TAI divided by `interval`; 0: never used. An
/// interval is in the bucket of its number modulo `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Series {
    /// Nanoseconds.
    pub interval: u64,
    pub count: u32,
    pub mode: SeriesMode,
    pub signed: bool,
}

/// What becomes of several values in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesMode {
    Last,
    Avg,
    Max,
    Min,
    Sum,
}

/// Bytes of a bucket of a time series.
pub const SERIES_BUCKET: u32 = 24;

/// Numbers of clocks.
pub mod clock {
    pub const MONOTONIC: i32 = 1;
    pub const BOOT: i32 = 7;
    pub const TAI: i32 = 11;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackMode {
    /// `symbol+offset`
    Bpftrace,
    /// `address symbol+offset (module)` as Linux perf prints it
    Perf,
    /// Addresses alone
    Raw,
    /// Build id and offset in the file: of user stacks only, which the kernel records so
    BuildId,
}

impl StackMode {
    pub fn name(self) -> &'static str {
        match self {
            StackMode::Bpftrace => "bpftrace",
            StackMode::Perf => "perf",
            StackMode::Raw => "raw",
            StackMode::BuildId => "build_id",
        }
    }

    /// Bytes of a frame in [`crate::names::stacks_map`].
    pub fn frame_size(self) -> u32 {
        match self {
            StackMode::BuildId => 32,
            _ => 8,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    pub offset: u32,
    #[serde(flatten)]
    pub ty: Type,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NamedField {
    pub name: String,
    pub offset: u32,
    #[serde(flatten)]
    pub ty: Type,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variant {
    pub name: String,
    pub value: i64,
}

/// Buckets of `hist(n, bits)`. Bucket 0 holds negative values, bucket `v + 1` the value `v` for `v < 2^bits`; above that each
/// power of two is cut in `2^bits` buckets of equal width: a value with the highest set bit `h` (`h >= bits`) is in
/// bucket `1 + ((h - bits + 1) << bits) + ((v >> (h - bits)) & (2^bits - 1))`.
pub fn hist_buckets(bits: u32) -> u32 {
    1 + ((64 - bits + 1) << bits)
}

/// Buckets of `lhist(n, min, max, step)`: 0 holds values below `min`, the last those at or above `max`.
pub fn lhist_buckets(min: i64, max: i64, step: i64) -> u32 {
    let steps = (max as i128 - min as i128 + step as i128 - 1) / step.max(1) as i128;
    (steps + 2) as u32
}

/// Where a bit-field lies: the offset of the smallest integer that covers it and ends within `room` bytes, and its type. `None` if
/// there is none, as for 63 bits from the third on.
pub fn bit_field(start: u32, bits: u32, signed: bool, room: u32) -> Option<(u32, Type)> {
    let offset = start / 8;
    let reach = (start % 8).checked_add(bits)?;
    let size = [1u32, 2, 4, 8].into_iter().find(|size| reach <= size * 8)?;
    // One that would end behind the struct begins earlier.
    let offset = offset.min(room.checked_sub(size)?);
    let ty = Type::BitField {
        size,
        shift: start - offset * 8,
        bits,
        signed,
    };
    (start - offset * 8 + bits <= size * 8).then_some((offset, ty))
}

impl Type {
    /// Bytes that a value takes (for an aggregation: on one CPU).
    pub fn size(&self) -> u32 {
        match self {
            Type::Int { size, .. } | Type::Enum { size, .. } | Type::String { size } => *size,
            Type::Tuple { size, .. } | Type::Struct { size, .. } => *size,
            Type::BitField { size, .. } | Type::KernelStruct { size, .. } => *size,
            Type::Chars { size } => *size,
            Type::Bool => 1,
            Type::Pointer | Type::KernelStack { .. } | Type::Count | Type::Sum { .. } => 8,
            Type::KernelSymbol
            | Type::Timestamp { .. }
            | Type::MacAddress
            | Type::CgroupPath { .. }
            | Type::UserName => 8,
            Type::UserStack { .. } | Type::UserSymbol => 16,
            Type::Avg(_) | Type::Stats(_) | Type::Min(_) | Type::Max(_) => 16,
            Type::Inet => 24,
            Type::Buffer { capacity } => capacity.saturating_add(4).next_multiple_of(8),
            Type::Array { element, count } => element.size() * count,
            Type::Hist { bits } => 8 * hist_buckets(*bits),
            Type::LinearHist { min, max, step } => 8 * lhist_buckets(*min, *max, *step),
            Type::TimeSeries(series) => SERIES_BUCKET.saturating_mul(series.count),
        }
    }

    /// Alignment in bytes.
    pub fn align(&self) -> u32 {
        match self {
            Type::Int { size, .. } | Type::Enum { size, .. } => *size,
            Type::Bool => 1,
            // What is whole words long is copied by words.
            Type::String { .. } | Type::Array { .. } | Type::Struct { .. }
                if self.size().is_multiple_of(8) =>
            {
                8
            }
            Type::String { .. } | Type::Chars { .. } => 1,
            Type::Array { element, .. } => element.align(),
            Type::Tuple { fields, .. } => fields.iter().map(|f| f.ty.align()).max().unwrap_or(1),
            Type::Struct { fields, .. } => fields.iter().map(|f| f.ty.align()).max().unwrap_or(1),
            Type::BitField { size, .. } => *size,
            _ => 8,
        }
    }

    /// A value that the programs keep per CPU and the runtime merges.
    pub fn is_aggregation(&self) -> bool {
        matches!(
            self,
            Type::Count
                | Type::Sum { .. }
                | Type::Hist { .. }
                | Type::LinearHist { .. }
                | Type::TimeSeries(_)
                | Type::Avg(_)
                | Type::Stats(_)
                | Type::Min(_)
                | Type::Max(_)
        )
    }

    /// It, or a part of it, is like that.
    pub fn any(&self, is: &dyn Fn(&Type) -> bool) -> bool {
        is(self)
            || match self {
                Type::Array { element, .. } => element.any(is),
                Type::Tuple { fields, .. } => fields.iter().any(|f| f.ty.any(is)),
                Type::Struct { fields, .. } => fields.iter().any(|f| f.ty.any(is)),
                _ => false,
            }
    }

    /// A tuple of `types`, each field aligned, the size a multiple of the alignment.
    pub fn tuple(types: impl IntoIterator<Item = Type>) -> Type {
        let mut layout = Layout::new(0);
        let fields: Vec<Field> = types
            .into_iter()
            .map(|ty| Field {
                offset: layout.push(&ty),
                ty,
            })
            .collect();
        Type::Tuple {
            size: layout.size(),
            fields,
        }
    }
}

/// Lays fields out one after the other, as C does.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    end: u32,
    align: u32,
}

impl Layout {
    /// Starts after `header` bytes.
    pub fn new(header: u32) -> Layout {
        Layout {
            end: header,
            align: 1,
        }
    }

    /// The offset of the next field.
    pub fn push(&mut self, ty: &Type) -> u32 {
        self.push_raw(ty.size(), ty.align())
    }

    /// The offset of the next `size` bytes.
    pub fn push_raw(&mut self, size: u32, align: u32) -> u32 {
        let offset = self.end.next_multiple_of(align);
        self.end = offset + size;
        self.align = self.align.max(align);
        offset
    }

    /// Size so far, padded to the alignment.
    pub fn size(&self) -> u32 {
        self.end.next_multiple_of(self.align)
    }
}
