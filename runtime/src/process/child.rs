//! The command of `-c`: forked early, before this process takes a mount namespace of its own or opens anything; it waits for the word
//! before it becomes the program, so that probes are there for its first instruction, and for the execve(2) itself.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::command::Command;
use super::hold;
use crate::error::{Failure, describe};
use crate::signals;

/// How long a command may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(3);

pub struct Child {
    pub pid: u32,
    name: String,
    pub program: CString,
    /// A byte starts it; closed without one, it goes away.
    go: Option<PipeWriter>,
    /// The error of execve(2); closed by its success.
    failed: PipeReader,
    /// As wait(2) gives it.
    status: Option<libc::c_int>,
}

impl Child {
    pub fn prepare(command: Command) -> Result<Child, Failure> {
        let cannot = |e: io::Error| Failure::system(&e, "cannot start a process");
        let (wait, go) = io::pipe().map_err(cannot)?;
        let (failed, fail) = io::pipe().map_err(cannot)?;
        let argv: Vec<*const libc::c_char> = command
            .args
            .iter()
            .map(|a| a.as_ptr())
            .chain([std::ptr::null()])
            .collect();
        // SAFETY: this process has one thread, so its copy is whole.
        match unsafe { libc::fork() } {
            ..0 => Err(cannot(io::Error::last_os_error())),
            0 => become_program(&command, &argv, wait, &go, fail),
            pid => Ok(Child {
                pid: pid as u32,
                name: command.name,
                program: command.path,
                go: Some(go),
                failed,
                status: None,
            }),
        }
    }

    /// Comes back when it has become the program. If something is to be done `before` its first instruction, it is held there.
    pub fn start(&mut self, before: Option<&mut dyn FnMut()>) -> Result<(), Failure> {
        let Some(mut go) = self.go.take() else {
            return Ok(());
        };
        // Where tracing is forbidden it is not held.
        let held = before.filter(|_| hold::seize(self.pid));
        let mut answer = Vec::new();
        let mut told = go.write_all(&[1]);
        if let (Some(before), Ok(())) = (held, &told) {
            match hold::until_exec(self.pid) {
                Ok(None) => {
                    before();
                    told = hold::release(self.pid);
                }
                // It could not become the program.
                Ok(Some(status)) => self.status = Some(status),
                Err(error) => told = Err(error),
            }
        }
        let asked = told.and_then(|()| self.failed.read_to_end(&mut answer));
        asked.map_err(|e| {
            Failure::system(&e, format!("cannot start the command `{}`", self.name))
        })?;
        match answer.first_chunk() {
            None => Ok(()),
            Some(number) => {
                let error = io::Error::from_raw_os_error(i32::from_ne_bytes(*number));
                let why = describe(&error);
                Err(Failure::unusable(format!(
                    "the command `{}` cannot be run: {why}",
                    self.name
                )))
            }
        }
    }

    /// Reaps it. One that goes on is asked to end first, and then made to.
    pub fn finish(&mut self) -> Option<String> {
        if self.wait(false) {
            return self.status.map(|status| told(&self.name, status));
        }
        // what has not been started goes away by itself
        if self.go.take().is_none() {
            self.kill(libc::SIGTERM);
        }
        let asked = Instant::now();
        while !self.wait(false) {
            if asked.elapsed() > PATIENCE {
                self.kill(libc::SIGKILL);
                self.wait(true);
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn kill(&self, signal: libc::c_int) {
        // SAFETY: no pointers. The process has not been waited for, so the number is still its own.
        unsafe { libc::kill(self.pid as libc::pid_t, signal) };
    }

    /// Has it ended, or, if that is asked for, does it now?
    fn wait(&mut self, block: bool) -> bool {
        if self.status.is_some() {
            return true;
        }
        let flags = if block { 0 } else { libc::WNOHANG };
        let mut status = 0;
        // SAFETY: the status lives through the call.
        let done = unsafe { libc::waitpid(self.pid as libc::pid_t, &mut status, flags) };
        if done > 0 {
            self.status = Some(status);
        }
        // an error: there is no such child any more
        done != 0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.finish();
    }
}

/// How it ended.
fn told(name: &str, status: libc::c_int) -> String {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        let core = if libc::WCOREDUMP(status) {
            ", core dumped"
        } else {
            ""
        };
        return format!("`{name}` was killed by signal {signal}{core}");
    }
    format!("`{name}` exited with status {}", libc::WEXITSTATUS(status))
}

/// The other side of the fork.
fn become_program(
    command: &Command,
    argv: &[*const libc::c_char],
    mut wait: PipeReader,
    go: &PipeWriter,
    fail: PipeWriter,
) -> ! {
    // SAFETY: no pointers but those of the command, which are terminated and live until the program takes this one's place. Our end of the
    // pipe is closed, so that the end of btrun closes the last one; nothing uses it any more here.
    unsafe {
        libc::close(go.as_raw_fd());
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
    }
    let mut word = [0];
    if !matches!(wait.read(&mut word), Ok(1)) {
        // SAFETY: no pointers; nothing of the parent's is flushed twice.
        unsafe { libc::_exit(0) };
    }
    signals::forget();
    // SAFETY: see above.
    unsafe { libc::execv(command.path.as_ptr(), argv.as_ptr()) };
    let number = io::Error::last_os_error().raw_os_error().unwrap_or(0);
    let mut fail = File::from(std::os::fd::OwnedFd::from(fail));
    let _ = fail.write_all(&number.to_ne_bytes());
    // SAFETY: no pointers.
    unsafe { libc::_exit(127) }
}
