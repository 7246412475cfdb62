//! Where programs are attached, as the manifest says it.

use serde::{Deserialize, Serialize};

use crate::attach::{Part, is_pattern};

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
    /// `pin`: where it stays after the run, for whoever reads that file; it writes to its reader instead of sending records.
    Iter {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pin: Option<String>,
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
