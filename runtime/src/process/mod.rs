//! The process that a run is about: one that is there (`-p`), or a command that the run starts (`-c`).
//!
//! Its end ends the run. Probes in programs, timers and counters are limited to it; probes in the kernel only by `-p`, as in bpftrace.

mod child;
mod command;
pub mod files;
mod hold;
pub mod maps;
pub mod namespace;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use bt_abi::manifest::TargetPart;

use crate::cli::{Run, Traced};
use crate::error::Failure;
use crate::symbols::search;
use child::Child;
use files::{Mapped, View};
use namespace::PidNamespace;

pub struct Process {
    /// As this process's pid namespace counts.
    pub pid: u32,
    /// Becomes readable when the process has ended.
    pidfd: OwnedFd,
    child: Option<Child>,
    /// What programs of the kernel's events compare with the current task.
    filter: Option<PidNamespace>,
    pub view: View,
}

/// How a command ended, as a line to say.
pub type Ended = Option<String>;

impl Process {
    /// The process that the command line names. A command waits until [`Process::start`].
    pub fn of(run: &Run) -> Result<Option<Process>, Failure> {
        match &run.traced {
            None => Ok(None),
            Some(Traced::Process(pid)) => Process::existing(*pid).map(Some),
            Some(Traced::Command(line)) => {
                let child = Child::prepare(command::find(line)?)?;
                let pid = child.pid;
                let pidfd =
                    open(pid).map_err(|e| Failure::system(&e, "cannot watch the command"))?;
                Ok(Some(Process {
                    pid,
                    pidfd,
                    child: Some(child),
                    filter: None,
                    view: View::default(),
                }))
            }
        }
    }

    fn existing(pid: u32) -> Result<Process, Failure> {
        let pidfd = open(pid).map_err(|error| match (error.raw_os_error(), leader(pid)) {
            (_, Some(leader)) if leader != pid => {
                Failure::unusable(format!("{pid} is a thread of the process {leader}")).help(
                    format!("`-p {leader}` traces the process, all of its threads included"),
                )
            }
            (Some(libc::ESRCH), _) => Failure::unusable(format!("process {pid} does not exist"))
                .help("-p takes a process id of the pid namespace that btrun runs in"),
            _ => Failure::system(&error, format!("cannot watch process {pid}")),
        })?;
        Ok(Process {
            pid,
            pidfd,
            child: None,
            filter: Some(PidNamespace::of(pid)?),
            view: View::of(pid),
        })
    }

    /// Lets the command run, once all is attached.
    pub fn start(&mut self, before: Option<&mut dyn FnMut()>) -> Result<(), Failure> {
        let child = self.child.as_mut();
        child.map_or(Ok(()), |child| child.start(before))
    }

    /// Has it ended?
    pub fn has_ended(&self) -> bool {
        let mut fd = libc::pollfd {
            fd: self.pidfd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor, which lives through the call.
        unsafe { libc::poll(&mut fd, 1, 0) > 0 }
    }

    pub fn watched(&self) -> i32 {
        self.pidfd.as_raw_fd()
    }

    /// The run is over: a command that has not ended is asked to. Says how it ended, if by itself.
    pub fn finish(&mut self) -> Ended {
        self.child.as_mut()?.finish()
    }

    pub fn command_pid(&self) -> Option<u32> {
        self.child.as_ref().map(|child| child.pid)
    }

    /// What limits programs of the kernel's events to the process; 0 is no limit.
    pub fn filter(&self, part: TargetPart) -> u64 {
        self.filter.as_ref().map_or(0, |f| f.part(part))
    }

    /// The files whose code it runs. Of a command, which is not running yet, its program and the libraries that this asks for.
    pub fn files(&self) -> Result<Vec<Mapped>, Failure> {
        if let Some(child) = &self.child {
            let program = PathBuf::from(OsStr::from_bytes(child.program.as_bytes()));
            // of a script, what runs it
            let program = command::interpreter(&program).unwrap_or(program);
            let program = program.canonicalize().unwrap_or(program);
            let files = search::with_libraries(program).into_iter();
            let mapped = |path: PathBuf| Mapped {
                name: path.clone(),
                path,
                deleted: false,
            };
            return Ok(files.map(mapped).collect());
        }
        let cannot = |e| {
            Failure::system(
                &e,
                format!("cannot read the mappings of process {}", self.pid),
            )
        };
        self.view.mapped(self.pid).map_err(cannot)
    }

    /// The files whose code a command is going to run.
    pub fn expected(&self) -> Vec<PathBuf> {
        let files = self.child.as_ref().and_then(|_| self.files().ok());
        files.into_iter().flatten().map(|f| f.path).collect()
    }

    /// The PATH in which it looks for programs.
    pub fn path(&self) -> Option<OsString> {
        if self.view.is_ours() {
            return std::env::var_os("PATH");
        }
        let environment = std::fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let mut variables = environment.split(|b| *b == 0);
        let path = variables.find_map(|v| v.strip_prefix(b"PATH="))?;
        Some(OsString::from_vec(path.to_vec()))
    }

    /// Its threads, as far as they can be seen.
    pub fn threads(&self) -> Vec<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid));
        let names = tasks.into_iter().flatten().flatten().map(|e| e.file_name());
        let mut found: Vec<i32> = names.filter_map(|n| n.to_str()?.parse().ok()).collect();
        if found.is_empty() {
            found.push(self.pid as i32);
        }
        found.sort_unstable();
        found
    }
}

fn open(pid: u32) -> io::Result<OwnedFd> {
    let no_flags: libc::c_uint = 0;
    // SAFETY: the call has no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, no_flags) };
    match fd {
        ..0 => Err(io::Error::last_os_error()),
        // SAFETY: a descriptor that we have just got, and that nobody else owns.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) }),
    }
}

/// The process that a thread belongs to.
fn leader(thread: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    namespace::field(&status, "Tgid")?.parse().ok()
}
