//! A running btrun and its two pipes, read without threads, so that a case can close one of them.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often conditions are looked at.
const TICK: Duration = Duration::from_millis(10);

/// More output than this is cut off: a fixture needs less, and a serial line would need minutes.
const MAX_OUTPUT: usize = 1 << 20;

pub struct Running {
    child: Child,
    out: Option<File>,
    err: Option<File>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    status: Option<i32>,
}

impl Running {
    pub fn start(command: &mut Command) -> Result<Running> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Running {
            out: child.stdout.take().map(|p| File::from(OwnedFd::from(p))),
            err: child.stderr.take().map(|p| File::from(OwnedFd::from(p))),
            child,
            stdout: Vec::new(),
            stderr: Vec::new(),
            status: None,
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Until btrun says that it is attached, or has ended.
    pub fn wait_attached(&mut self, deadline: Instant, output: &mut dyn FnMut(&str)) {
        self.until(deadline, output, |running| {
            running.has_ended() || attached(&running.stdout) || attached(&running.stderr)
        });
    }

    /// Collects output until `done` or the deadline; says whether it was `done`.
    pub fn until(
        &mut self,
        deadline: Instant,
        output: &mut dyn FnMut(&str),
        mut done: impl FnMut(&mut Running) -> bool,
    ) -> bool {
        loop {
            if done(self) {
                return true;
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            self.pump(TICK.min(deadline - now), output);
        }
    }

    /// Waits for the end and the rest of the output. `None`: still running at the deadline.
    pub fn wait(&mut self, deadline: Instant, output: &mut dyn FnMut(&str)) -> Option<i32> {
        self.until(deadline, output, Running::has_ended);
        // A process that inherited the pipes must not hold the case up.
        let drained = Instant::now() + Duration::from_secs(1);
        if self.status.is_some() {
            self.until(drained, output, |r| r.out.is_none() && r.err.is_none());
        }
        self.status
    }

    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.status = status.code().or_else(|| status.signal().map(|s| 128 + s));
        }
        self.status.is_some()
    }

    pub fn signal(&mut self, signal: i32) {
        if !self.has_ended() {
            // SAFETY: plain system call; the process is our own child and not yet waited for, so the id is still its own.
            unsafe { libc::kill(self.child.id() as i32, signal) };
        }
    }

    pub fn close_stdout(&mut self) {
        self.out = None;
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn pump(&mut self, wait: Duration, output: &mut dyn FnMut(&str)) {
        let fd = |file: &Option<File>| libc::pollfd {
            fd: file.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut fds = [fd(&self.out), fd(&self.err)];
        // SAFETY: `fds` is an array of two entries that outlives the call; negative descriptors are ignored.
        unsafe { libc::poll(fds.as_mut_ptr(), 2, wait.as_millis().max(1) as i32) };
        if fds[0].revents != 0 {
            read(&mut self.out, &mut self.stdout, output);
        }
        if fds[1].revents != 0 {
            read(&mut self.err, &mut self.stderr, output);
        }
    }
}

fn read(file: &mut Option<File>, to: &mut Vec<u8>, output: &mut dyn FnMut(&str)) {
    let Some(pipe) = file else {
        return;
    };
    let mut buffer = [0; 16 * 1024];
    match pipe.read(&mut buffer) {
        Ok(0) | Err(_) => *file = None,
        Ok(n) => {
            output(&String::from_utf8_lossy(&buffer[..n]));
            let room = MAX_OUTPUT.saturating_sub(to.len());
            to.extend_from_slice(&buffer[..n.min(room)]);
        }
    }
}

/// `Attached 3 probes` at the start of a line.
fn attached(output: &[u8]) -> bool {
    let starts = |line: &[u8]| line.starts_with(b"Attached ") || line.starts_with(b"Attaching ");
    let complete = output
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |n| n + 1);
    output[..complete].split(|b| *b == b'\n').any(starts)
}
