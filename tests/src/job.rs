//! What the runner must know of a case, and what it answers: the contract of the host's harness and the guest.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much slower than a host a guest is: the emulated machine is 5 to 20 times slower, and cases mostly wait.
pub const GUEST_SLOWNESS: u32 = 6;

/// One run of one object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The fixture: `run/hello`.
    pub name: String,
    /// Path of the object, the same on host and guest.
    pub object: String,
    /// Options of btrun, before the object.
    pub options: Vec<String>,
    /// Positional parameters and script options, after the object. `{pid}` is the tracee's process id, `{child}` that of its child; in options too.
    pub args: Vec<String>,
    pub needs: Vec<Need>,
    pub kernels: Kernels,
    /// A command that starts before btrun and waits for a line on its standard input, which it gets once btrun is attached.
    pub tracee: Option<Vec<String>>,
    /// A shell command that runs once btrun is attached.
    pub trigger: Option<String>,
    pub end: End,
    /// For the whole case, on the host.
    pub timeout: Duration,
    /// Run btrun as user `nobody`.
    pub unprivileged: bool,
    /// Mounts of the case, in a mount namespace of its own.
    pub mounts: Mounts,
}

/// Long enough for the slowest case on a busy host; the guest multiplies it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

/// So long after the trigger a signal is sent, if the fixture does not say.
pub const DEFAULT_AFTER: Duration = Duration::from_millis(300);

impl Job {
    /// A job that needs nothing, gets nothing and ends by itself.
    pub fn new(name: &str) -> Job {
        Job {
            name: name.to_string(),
            object: String::new(),
            options: Vec::new(),
            args: Vec::new(),
            needs: Vec::new(),
            kernels: Kernels::default(),
            tracee: None,
            trigger: None,
            end: End {
                how: How::Exit,
                after: DEFAULT_AFTER,
            },
            timeout: DEFAULT_TIMEOUT,
            unprivileged: false,
            mounts: Mounts::AsTheyAre,
        }
    }
}

/// What a kernel must offer. The runner looks for it where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    Kprobe,
    Uprobe,
    Tracepoint,
    NoKprobe,
    /// The module `loop`, with BTF.
    Module,
}

/// Where the guest has the module.
pub const GUEST_MODULE: &str = "/modules/loop.ko";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mounts {
    /// What the machine has.
    AsTheyAre,
    /// tracefs and bpffs.
    Tracefs,
    /// bpffs, for the trigger too.
    Bpf,
    /// The kernel's BTF is hidden.
    NoBtf,
}

/// On which kernels a case runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernels {
    pub at_least: Option<(u32, u32)>,
    pub at_most: Option<(u32, u32)>,
    pub place: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Host,
    Vm,
}

/// How a run ends, counted from attached, tracee and trigger done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub how: How,
    pub after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// The script ends by itself.
    Exit,
    Sigint,
    Sigterm,
    Sigkill,
    /// Nobody reads the output any longer.
    CloseStdout,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    pub name: String,
    pub result: Result,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Result {
    /// The reason.
    Skipped(String),
    Ran(Ran),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    /// Exit code, or 128 and the signal.
    pub status: Option<i32>,
    /// What is wrong whatever the fixture expects: timed out, left something attached, changed the mounts.
    pub problems: Vec<String>,
    pub millis: u64,
}

/// What the guest writes to its serial port, one line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
pub enum Frame {
    Booted {
        kernel: String,
    },
    Started {
        name: String,
    },
    /// Output of btrun as it comes, if the host wants it.
    Output {
        text: String,
    },
    Done(Outcome),
    End,
}

/// `jobs.json` of the guest.
#[derive(Debug, Serialize, Deserialize)]
pub struct JobList {
    pub jobs: Vec<Job>,
    pub btrun: String,
    /// Working directory of the cases.
    pub cwd: String,
    /// Send output as it comes.
    pub stream: bool,
}
