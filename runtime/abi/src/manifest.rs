//! The manifest: all that `btrun` must know about an object besides its programs and maps.

use serde::{Deserialize, Serialize};

use crate::attach::{Part, is_pattern};
use crate::types::Type;

/// The version that this code writes, and the newest that it reads.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// Flags of `Manifest::must_understand` that this code knows.
pub const KNOWN_FLAGS: &[&str] = &[
    flags::VALUES,
    flags::AGGREGATIONS,
    flags::OUTPUTS,
    flags::SLOTS,
    flags::STRUCTS,
    flags::TARGETS,
    flags::CALLED,
    flags::COUNTERS,
    flags::TRACING,
    flags::PROCESS,
    flags::PLACES,
    flags::TRACED,
    flags::SERIES,
    flags::VARIABLES,
    flags::ALTERNATIVES,
    flags::ADDRESSES,
    flags::USDT,
    flags::UNWINDING,
    flags::ITERATORS,
    flags::BUILD_IDS,
    flags::KFUNCS,
];

/// What [`Manifest::must_understand`] may name.
pub mod flags {
    /// Types from [`crate::Type::Inet`] to [`crate::Type::UserName`].
    pub const VALUES: &str = "values";
    /// Types from [`crate::Type::Avg`] to [`crate::Type::Max`].
    pub const AGGREGATIONS: &str = "aggregations";
    /// Events from [`super::EventKind::Cat`] to [`super::EventKind::Join`].
    pub const OUTPUTS: &str = "outputs";
    /// Slots from [`super::SlotValue::KernelAddress`] to [`super::SlotValue::TaiOffset`].
    pub const SLOTS: &str = "slots";
    /// Types [`crate::Type::Chars`], [`crate::Type::BitField`] and [`crate::Type::KernelStruct`].
    pub const STRUCTS: &str = "structs";
    /// Names with `*` in [`super::Attach`], [`super::Attach::Deferred`], and [`super::SlotValue::ProbeId`].
    pub const TARGETS: &str = "targets";
    /// [`super::Attach::Signal`], [`super::Attach::Test`] and [`super::Attach::Bench`].
    pub const CALLED: &str = "called";
    /// [`super::Attach::Software`], [`super::Attach::Hardware`] and [`super::Attach::Watchpoint`].
    pub const COUNTERS: &str = "counters";
    /// [`super::Attach::Fentry`], [`super::Attach::Fexit`], [`super::Attach::RawTracepoint`] and [`super::FieldOwner::Function`].
    pub const TRACING: &str = "tracing";
    /// [`super::SlotValue::PidNamespace`], [`super::SlotValue::ChildPid`] and [`super::SlotValue::Target`].
    pub const PROCESS: &str = "process";
    /// [`super::UserTarget::Demangled`] and [`super::UserTarget::Line`].
    pub const PLACES: &str = "places";
    /// [`super::Attach::KprobeAddress`].
    pub const ADDRESSES: &str = "addresses";
    /// [`super::Program::alternatives`].
    pub const ALTERNATIVES: &str = "alternatives";
    /// [`super::Attach::FentryProgram`], [`super::Attach::FexitProgram`], and `*` or [`super::SlotValue::ProbeId`] in the attach
    /// points of [`TRACING`].
    pub const TRACED: &str = "traced";
    /// [`crate::Type::TimeSeries`].
    pub const SERIES: &str = "series";
    /// [`super::SlotValue::UserAddress`] and [`super::SlotValue::UserMask`].
    pub const VARIABLES: &str = "variables";
    /// [`super::Attach::Usdt`], [`super::SlotValue::UsdtPlace`] and [`super::SlotValue::UsdtOffset`].
    pub const USDT: &str = "usdt";
    /// The maps of [`crate::unwind`], and [`super::FaultKind::NoUnwindTable`].
    pub const UNWINDING: &str = "unwinding";
    /// [`super::Attach::Iter`].
    pub const ITERATORS: &str = "iterators";
    /// [`crate::types::StackMode::BuildId`].
    pub const BUILD_IDS: &str = "build_ids";
    /// [`super::SlotValue::KfuncExists`].
    pub const KFUNCS: &str = "kfuncs";
}

/// A reader refuses a newer `major`, and ignores unknown fields of a newer `minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this schema.
    pub version: Version,
    /// What a reader must know to run the object; it refuses an object with a flag that it does not know.
    pub must_understand: Vec<String>,
    /// Who wrote it: `btc 0.1.0`.
    pub compiler: String,
    /// Target architecture as `uname -m` says it: `x86_64`.
    pub arch: String,
    pub source: Source,
    /// In the order of the script. An event's header and [`crate::names::LOST_MAP`] use the index.
    pub programs: Vec<Program>,
    /// The maps of the script, in the order of first use. Events use the index.
    pub maps: Vec<Map>,
    /// What the programs send.
    pub events: Vec<Event>,
    /// What `btrun` writes into [`crate::names::SLOTS_SECTION`] before load.
    pub slots: Vec<Slot>,
    /// Fields of kernel types and tracepoints that the programs read, for messages when the target lacks one.
    pub fields: Vec<FieldUse>,
    /// The programs and libraries whose types the programs were compiled with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binaries: Vec<Binary>,
    /// What may go wrong while programs run, counted in [`crate::names::FAULTS_SECTION`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What the kernel must offer.
    pub needs: Vec<Need>,
    pub config: Config,
    /// What the script can do besides looking.
    #[serde(default, skip_serializing_if = "Capabilities::is_empty")]
    pub capabilities: Capabilities,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Calls that change something or run commands: a loader asks for consent.
    #[serde(default, rename = "unsafe")]
    pub unsafe_calls: Vec<UnsafeCall>,
}

impl Capabilities {
    pub fn is_empty(&self) -> bool {
        self.unsafe_calls.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsafeCall {
    /// `system`, `signal`
    pub function: String,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// File name without folders: `vfs.bt`.
    pub name: String,
    /// The script itself, so that a message can show the line.
    pub text: String,
}

/// A place in the source: bytes, end exclusive, and the line and column (both from 1, column in characters) of the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub line: u32,
    pub column: u32,
}

/// One BPF program, of one attach point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The function in the object.
    pub name: String,
    /// The attach point as the builtin `probe` says it: `kprobe:vfs_read`.
    pub probe: String,
    pub attach: Attach,
    /// What the program can be instead, the best first, where the kernel cannot attach it so. The first that it can is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    pub span: Span,
}

/// Another program of the same probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The function in the object.
    pub name: String,
    pub attach: Attach,
}

/// Where a program is attached. Names and paths are resolved on the target. A name (category, event, module, function, binary) with a
/// `*` stands for all that match it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum Attach {
    /// Run once before the others are attached (`BPF_PROG_TEST_RUN` of a raw tracepoint program).
    Begin,
    /// Run once after the others are detached.
    End,
    /// Run each time that btrun gets the signal: `SIGUSR1`.
    Signal {
        signal: String,
    },
    /// Run once by `btrun --test`; a return value of 0 is a pass.
    Test {
        name: String,
    },
    /// Run again and again by `btrun --bench` (an XDP program, whose test run counts time); a return value above 0 skips it.
    Bench {
        name: String,
    },
    Kprobe {
        module: Option<String>,
        function: String,
        offset: u64,
    },
    Kretprobe {
        module: Option<String>,
        function: String,
    },
    /// An instruction of the kernel, or the return of the function that begins there; nothing says what it is, so that it takes consent.
    KprobeAddress {
        address: u64,
        at_return: bool,
    },
    Tracepoint {
        category: String,
        event: String,
    },
    /// `binary`: a path (relative ones from the working directory of `btrun`), or a name to be searched.
    Uprobe {
        binary: String,
        target: UserTarget,
    },
    Uretprobe {
        binary: String,
        target: UserTarget,
    },
    /// A static probe that a program or library has a note about. `binary`: as in `Uprobe`; empty for all that the traced process
    /// has mapped, `*` for all that any process has. No `namespace` (the provider that the note names) stands for any.
    Usdt {
        binary: String,
        namespace: Option<String>,
        name: String,
    },
    /// On one CPU.
    Interval {
        period: Period,
    },
    /// On every CPU.
    Profile {
        period: Period,
    },
    /// Each time that so many events of the kernel have happened, on every CPU. The names are [`crate::events`]'s.
    Software {
        event: String,
        count: u64,
    },
    /// The same of the processor.
    Hardware {
        event: String,
        count: u64,
    },
    /// Accesses to memory: `length` bytes at an address, `mode` one of `w`, `rw` and `x`.
    Watchpoint {
        address: u64,
        length: u64,
        mode: String,
    },
    /// Entry of a function of the kernel's BTF, by a trampoline.
    Fentry {
        module: Option<String>,
        function: String,
    },
    /// Its return.
    Fexit {
        module: Option<String>,
        function: String,
    },
    /// Entry of a BPF program, or of a function of one, that is loaded on the target. `id`: of the program; none for all of them.
    FentryProgram {
        id: Option<u32>,
        function: String,
    },
    /// Its return.
    FexitProgram {
        id: Option<u32>,
        function: String,
    },
    /// A tracepoint, with the arguments that the kernel's code passes.
    RawTracepoint {
        module: Option<String>,
        event: String,
    },
    /// An iterator of the kernel, which runs the program once for each of its objects when it is read: `task`.
    Iter {
        name: String,
    },
    /// An attach point that parameters of the command line complete: [`crate::attach::parse`] reads it then. `target`: the
    /// provider's full name.
    Deferred {
        target: String,
        parts: Vec<Part>,
    },
}

impl Attach {
    /// It stands for all places that match.
    pub fn is_pattern(&self) -> bool {
        let target = |binary: &str, target: &UserTarget| {
            is_pattern(binary)
                || matches!(target, UserTarget::Function { name, .. } if is_pattern(name))
                // overloads have one name
                || matches!(target, UserTarget::Demangled(_))
        };
        match self {
            Attach::Kprobe {
                module, function, ..
            }
            | Attach::Kretprobe { module, function } => {
                is_pattern(function) || module.as_deref().is_some_and(is_pattern)
            }
            Attach::Fentry { module, function }
            | Attach::Fexit { module, function }
            | Attach::RawTracepoint {
                module,
                event: function,
            } => is_pattern(function) || module.as_deref().is_some_and(is_pattern),
            Attach::FentryProgram { id, function } | Attach::FexitProgram { id, function } => {
                id.is_none() || is_pattern(function)
            }
            Attach::Tracepoint { category, event } => is_pattern(category) || is_pattern(event),
            Attach::Uprobe { binary, target: t } | Attach::Uretprobe { binary, target: t } => {
                target(binary, t)
            }
            Attach::Usdt {
                binary,
                namespace,
                name,
            } => {
                binary.is_empty()
                    || is_pattern(binary)
                    || is_pattern(name)
                    || namespace.as_deref().is_some_and(is_pattern)
            }
            _ => false,
        }
    }

    /// The name of the place is known on the target alone: bpftrace's names of functions and raw tracepoints hold the module.
    pub fn has_late_name(&self) -> bool {
        match self {
            Attach::Fentry { module, .. }
            | Attach::Fexit { module, .. }
            | Attach::RawTracepoint { module, .. } => module.is_none() || self.is_late(),
            _ => self.is_late(),
        }
    }

    /// The program is loaded for one function, event or BPF program.
    pub fn is_traced(&self) -> bool {
        matches!(
            self,
            Attach::Fentry { .. }
                | Attach::Fexit { .. }
                | Attach::FentryProgram { .. }
                | Attach::FexitProgram { .. }
                | Attach::RawTracepoint { .. }
        )
    }

    /// What it is attached to is known on the target alone.
    pub fn is_late(&self) -> bool {
        self.is_pattern()
            || matches!(
                self,
                Attach::Deferred { .. }
                    | Attach::Usdt {
                        namespace: None,
                        ..
                    }
            )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserTarget {
    /// A function of the symbol table, and bytes into it.
    Function { name: String, offset: u64 },
    /// An address as the symbol table counts them.
    Address(u64),
    /// All functions whose name is this one, or matches it, once C++ names are written out. Parameters count if it has a `(`.
    Demangled(String),
    /// The first instruction of a line that DWARF's line table has. `file`: the end of its path.
    Line {
        file: String,
        line: u64,
        column: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Nanoseconds between two events.
    Nanoseconds(u64),
    /// Events a second.
    Hertz(u64),
}

/// A map of the script.
///
/// - With a key: a hash map (per-CPU for aggregations), key and value as their types say.
/// - Without (`key` is none): an array of one entry (per-CPU for aggregations) whose value is the value and, at offset `set_offset`, a
///   `u64` that is not 0 once the script has assigned to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// As the script says it: `@ID`, or `@`.
    pub name: String,
    /// The map in the object.
    pub symbol: String,
    /// Several keys are a tuple.
    pub key: Option<Type>,
    pub value: Type,
    /// Bytes of a value in the map (on one CPU), a multiple of 8.
    pub value_size: u32,
    pub set_offset: Option<u32>,
    pub span: Span,
}

/// One kind of record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    #[serde(flatten)]
    pub kind: EventKind,
    /// Bytes of the record, header included.
    pub size: u32,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// `printf(format, args...)`; the format's grammar is [`crate::format`].
    Printf(Format),
    /// `print(value)`: the value and a newline.
    Print { value: Arg },
    /// `print(@map, top, div)`; 0 stands for "all" and "do not divide".
    PrintMap { map: u32, top: u64, div: u64 },
    /// `print(@map[key])` of an aggregation: printed as a map of one entry.
    PrintMapEntry { map: u32, key: Arg },
    /// `clear(@map)`
    Clear { map: u32 },
    /// `zero(@map)`
    Zero { map: u32 },
    /// `time(format)`: a strftime format for the local time at which `btrun` reads the record.
    Time { format: String },
    /// `exit(code)`; the code is an `i64` at this offset. Records that were sent before are still reported.
    Exit { code: u32 },
    /// `cat(format, args...)`: the content of the file of that name, up to `max_cat_bytes`.
    Cat(Format),
    /// `system(format, args...)`: what this command of the shell prints.
    System(Format),
    /// `errorf(format, args...)`: a line on standard error, with the place in the script.
    Errorf(Format),
    /// `warnf(format, args...)`
    Warnf(Format),
    /// `join(array, separator)`: NUL-terminated strings from the header to the record's end, which `size` does not count.
    Join { separator: String },
}

impl EventKind {
    /// The values in its record.
    pub fn args(&self) -> &[Arg] {
        match self {
            EventKind::Printf(f)
            | EventKind::Cat(f)
            | EventKind::System(f)
            | EventKind::Errorf(f)
            | EventKind::Warnf(f) => &f.args,
            EventKind::Print { value: arg } | EventKind::PrintMapEntry { key: arg, .. } => {
                std::slice::from_ref(arg)
            }
            _ => &[],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// The grammar is [`crate::format`]'s.
    pub format: String,
    pub args: Vec<Arg>,
}

/// A value in a record; the offset counts from the record's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arg {
    pub offset: u32,
    #[serde(flatten)]
    pub ty: Type,
}

/// A place in the slots section that `btrun` fills before load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Offset in the section.
    pub offset: u32,
    /// How the value lies there: `Int` of 8 bytes, `Bool` of 1, or `String` (always NUL-terminated, zero-filled).
    pub ty: Type,
    #[serde(flatten)]
    pub value: SlotValue,
    /// The first use in the script.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "value", rename_all = "snake_case")]
pub enum SlotValue {
    /// `$1`, `str($1)`: positional parameter, from 1. Missing ones are 0 or "". The same parameter may have a slot of either type.
    Param { index: u32 },
    /// `$#`
    ParamCount,
    /// `getopt(name, default, description)`: `--name=value`, or `--name` for a bool.
    Option {
        name: String,
        default: OptionDefault,
        description: Option<String>,
    },
    /// Nanoseconds of CLOCK_BOOTTIME (the clock of the builtin `nsecs`) at which tracing started, for `elapsed`.
    StartTime,
    /// `kaddr(symbol)`: the address that /proc/kallsyms gives.
    KernelAddress(Named),
    /// `cgroupid(path)`: the id of a cgroup of version 2.
    CgroupId(Named),
    /// `ncpus`: CPUs that the kernel can have.
    Cpus,
    /// `nsecs(sw_tai)`: nanoseconds of CLOCK_TAI less those of CLOCK_BOOTTIME.
    TaiOffset,
    /// `uaddr(symbol)`: the address of a variable less that of the place which the program (its index) is attached to.
    UserAddress { program: u32, named: Named },
    /// The bits that a variable of at most 8 bytes has, all where it has another size.
    UserMask { program: u32, named: Named },
    /// Part of what names the pid namespace of btrun; 0 for the root one.
    PidNamespace { part: NamespacePart },
    /// The process id of the command that btrun runs, or 0.
    ChildPid,
    /// The process that programs of the kernel's events are limited to (`btrun -p`); 0 for no limit.
    Target { part: TargetPart },
    /// Which of the places that a program (its index) is attached to the program runs for: an index of
    /// [`crate::names::PROBE_NAMES_MAP`], or 0 if the attach cookie says it.
    ProbeId { program: u32 },
    /// Where the argument of a static probe is: see [`crate::usdt::Argument`].
    UsdtPlace(UsdtArgument),
    /// What is added to it, or the constant that it is.
    UsdtOffset(UsdtArgument),
    /// `kfunc_exist(name)`: has the BTF of the kernel itself a function of that name?
    KfuncExists(Named),
}

/// An argument (from 0) of the static probe that a program (its index) is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsdtArgument {
    pub program: u32,
    pub argument: u32,
}

/// As stat(2) gives them of /proc/self/ns/pid; the device as the kernel encodes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamespacePart {
    Device,
    Inode,
}

/// What names a process to `bpf_get_ns_current_pid_tgid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetPart {
    /// Its id in its own pid namespace.
    Pid,
    /// That namespace as stat(2) gives it of /proc/PID/ns/pid, the device as the kernel encodes it; 0 for the root one, in which
    /// `bpf_get_current_pid_tgid` counts.
    Device,
    Inode,
}

/// A symbol, or a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionDefault {
    Int(i64),
    Bool(bool),
    String(String),
}

/// A program or library whose DWARF was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binary {
    /// As [`Attach::Uprobe`] names it.
    pub name: String,
    /// In hexadecimal, as `readelf -n` shows it.
    pub build_id: String,
}

/// A field of a kernel type or a tracepoint that the object reads through a relocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldUse {
    #[serde(flatten)]
    pub owner: FieldOwner,
    /// The member, or members joined by dots.
    pub field: String,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "owner", rename_all = "snake_case")]
pub enum FieldOwner {
    /// `struct NAME` or `union NAME` of the kernel.
    Kernel {
        name: String,
    },
    Tracepoint {
        category: String,
        event: String,
    },
    /// Arguments of a function, and `retval`; of a raw tracepoint if `raw`.
    Function {
        raw: bool,
        name: String,
    },
}

/// Something that may go wrong at a place of the script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    pub kind: FaultKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The result is 1.
    DivisionByZero,
    /// A BPF helper, by name, gave a negative status.
    Helper { helper: String },
    /// A map has no such entry; counted only on demand.
    Lookup,
    /// A string was longer than `max_strlen`.
    StringCut,
    /// `dw_ustack` of a process whose files btrun was not told to read.
    NoUnwindTable,
    #[serde(other)]
    Unknown,
}

/// Something the kernel must have for the object to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub kind: NeedKind,
    /// `bpf_get_stack`, `ringbuf`, `tracepoint`, `btf`
    pub name: String,
    /// The first kernel that has it: `5.8`.
    pub since: String,
    /// The line that needs it.
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    Helper,
    MapType,
    ProgramType,
    Feature,
}

/// Settings of the script that concern the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Print all maps that are not empty at the end.
    pub print_maps_on_exit: bool,
    /// Entries that a map with a key can hold.
    pub max_map_keys: u32,
    /// Appended to strings that fill their buffer.
    pub str_trunc_trailer: String,
    /// Other config variables that the script or the compiling environment set and that concern the run, by their bpftrace name.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub settings: std::collections::BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            print_maps_on_exit: true,
            max_map_keys: 4096,
            str_trunc_trailer: "..".into(),
            settings: Default::default(),
        }
    }
}

/// Why a manifest cannot be used.
#[derive(Debug)]
pub enum ManifestError {
    /// Not JSON, or not of this schema.
    Malformed(serde_json::Error),
    /// Of a major version that this reader does not know.
    Newer(Version),
    /// Has must-understand flags that this reader does not know.
    Unknown(Vec<String>),
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ManifestError::Malformed(e) => write!(f, "the manifest cannot be read: {e}"),
            ManifestError::Newer(v) => {
                write!(
                    f,
                    "the manifest has version {}.{}, this program reads up to {}.x",
                    v.major, v.minor, VERSION.major
                )
            }
            ManifestError::Unknown(flags) => write!(
                f,
                "the manifest requires features unknown here: {}",
                flags.join(", ")
            ),
        }
    }
}

impl std::error::Error for ManifestError {}

impl Manifest {
    /// The types of all values that are reported: keys and values of maps, and what records hold.
    pub fn types(&self) -> impl Iterator<Item = &Type> {
        let maps = self.maps.iter();
        let maps = maps.flat_map(|map| map.key.iter().chain([&map.value]));
        let events = self.events.iter().flat_map(|e| e.kind.args());
        maps.chain(events.map(|arg| &arg.ty))
    }

    /// Reads the content of the manifest section. The version is looked at first, so that an object of another major version is
    /// refused by name whatever else it holds.
    pub fn from_json(json: &[u8]) -> Result<Manifest, ManifestError> {
        #[derive(Deserialize)]
        struct Head {
            version: Version,
            #[serde(default)]
            must_understand: Vec<String>,
        }
        let head: Head = serde_json::from_slice(json).map_err(ManifestError::Malformed)?;
        if head.version.major > VERSION.major {
            return Err(ManifestError::Newer(head.version));
        }
        let unknown: Vec<String> = head
            .must_understand
            .into_iter()
            .filter(|f| !KNOWN_FLAGS.contains(&f.as_str()))
            .collect();
        if !unknown.is_empty() {
            return Err(ManifestError::Unknown(unknown));
        }
        serde_json::from_slice(json).map_err(ManifestError::Malformed)
    }

    /// Pretty JSON with a final newline: for the file beside the object and for `btrun inspect`.
    pub fn to_json_pretty(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Compact JSON for the section.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
