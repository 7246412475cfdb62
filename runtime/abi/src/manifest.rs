//! The manifest: all that `btrun` must know about an object besides its programs and maps.

use serde::{Deserialize, Serialize};

pub use crate::attach_point::{Attach, Period, UserTarget};
pub use crate::flags::{self, KNOWN as KNOWN_FLAGS};
use crate::types::Type;

/// The version that this code writes, and the newest that it reads.
pub const VERSION: Version = Version { major: 1, minor: 0 };

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
    /// Programs that stand for two of those, where the kernel can attach them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
    /// The maps of the script, in the order of first use. Events use the index.
    pub maps: Vec<Map>,
    /// What the programs send.
    pub events: Vec<Event>,
    /// What `btrun` writes into [`crate::names::SLOTS_SECTION`] before load.
    pub slots: Vec<Slot>,
    /// Parameters that were given when the script was compiled: they are part of the programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<FixedParam>,
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
    /// Functions of the kernel that programs call, some of them maybe only where they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kfuncs: Vec<Kfunc>,
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

/// `$INDEX` has this text, and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedParam {
    /// From 1.
    pub index: u32,
    pub text: String,
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

/// A function of the kernel that programs call by its BTF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kfunc {
    pub name: String,
    /// The first call.
    pub span: Span,
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

/// One program for a kprobe and the kretprobe of the same functions: a kprobe session, which asks the kernel which of the two it is run
/// for. Its cookies have the place of the kprobe in the lower 32 bits, that of the kretprobe in the upper ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The function in the object.
    pub name: String,
    /// Indices of the programs that it stands for.
    pub entry: u32,
    pub exit: u32,
}

/// Another program of the same probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The function in the object.
    pub name: String,
    pub attach: Attach,
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
    /// `unwatch(address)`: the watchpoints at the address, a `u64` at this offset, are over.
    Unwatch { address: u32 },
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
    /// `skboutput(path, skb, length, offset)`: a packet for a file, through [`crate::names::PACKETS_MAP`]; see [`crate::record::Packet`].
    Packet {
        path: String,
        /// The path is what this slot (its index) holds, a string; `path` is empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slot: Option<u32>,
    },
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

    pub fn args_mut(&mut self) -> &mut [Arg] {
        match self {
            EventKind::Printf(f)
            | EventKind::Cat(f)
            | EventKind::System(f)
            | EventKind::Errorf(f)
            | EventKind::Warnf(f) => &mut f.args,
            EventKind::Print { value: arg } | EventKind::PrintMapEntry { key: arg, .. } => {
                std::slice::from_mut(arg)
            }
            _ => &mut [],
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
    /// `kfunc_allowed(name)`: may the program (its index) call that function of the kernel?
    KfuncAllowed { program: u32, named: Named },
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
    /// An array has no such element; the first is taken.
    IndexOutOfRange,
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
