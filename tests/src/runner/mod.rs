//! Runs one case with btrun and collects what it says. The same code runs on the host and in the guest.
//!
//! The order: tracee (waits), btrun, attached, tracee goes, trigger, end, and then the look at what was left behind.

mod child;
mod leftovers;
mod mounts;
mod needs;
mod tracee;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

pub use child::Running;
pub use leftovers::ids_of_process;
pub use needs::kernel_release;

use crate::job::{How, Job, Mounts, Outcome, Place, Ran, Result as CaseResult};

/// User and group `nobody` of Debian; any without privileges would do.
const NOBODY: u32 = 65_534;

/// Where and how cases run.
#[derive(Debug, Clone)]
pub struct Runner {
    pub btrun: PathBuf,
    /// Working directory of btrun, tracees and triggers; `target/tracees` lies below.
    pub cwd: PathBuf,
    pub place: Place,
    /// How much slower than a host this machine is.
    pub slowness: u32,
}

impl Runner {
    /// Runs a case; `output` gets stdout and stderr as they come.
    pub fn run(&self, job: &Job, output: &mut dyn FnMut(&str)) -> Outcome {
        let result = match needs::missing(job, self.place) {
            Some(reason) => CaseResult::Skipped(reason),
            None => CaseResult::Ran(self.run_now(job, output).unwrap_or_else(|error| Ran {
                problems: vec![format!("the harness failed: {error:#}")],
                ..Ran::default()
            })),
        };
        Outcome {
            name: job.name.clone(),
            result,
        }
    }

    fn run_now(&self, job: &Job, output: &mut dyn FnMut(&str)) -> Result<Ran> {
        let start = Instant::now();
        let deadline = start + job.timeout * self.slowness;
        let before = leftovers::mounts();
        let private = match job.mounts {
            Mounts::Bpf => Some(mounts::Private::with_bpf()?),
            _ => None,
        };
        let mut problems = Vec::new();
        let mut tracee = self.start_tracee(job)?;
        let mut running = Running::start(&mut self.btrun(job, tracee.as_ref()))?;
        running.wait_attached(deadline, output);
        let ids = ids_of_process(running.pid());
        if let Some(tracee) = &mut tracee {
            drop(tracee.stdin.take()); // the line it waits for, or the end of its input
        }
        if let Err(problem) = self.trigger(job, deadline, &mut running, output) {
            problems.push(problem);
        }
        if let Some(tracee) = &mut tracee {
            finish_tracee(tracee, deadline, &mut running, output);
        }
        end(job, self.slowness, &mut running, output);
        let status = running.wait(deadline, output);
        if status.is_none() {
            problems.push(format!("timed out after {:?}", job.timeout * self.slowness));
            running.kill();
        }
        problems.extend(leftovers::still_there(&ids));
        drop(private);
        if leftovers::mounts() != before {
            problems.push("the mounts of the machine changed".to_string());
        }
        Ok(Ran {
            stdout: String::from_utf8_lossy(&running.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&running.stderr).into_owned(),
            status,
            problems,
            millis: start.elapsed().as_millis() as u64,
        })
    }

    fn start_tracee(&self, job: &Job) -> Result<Option<Child>> {
        let Some([program, args @ ..]) = job.tracee.as_deref() else {
            return Ok(None);
        };
        let mut command = Command::new(self.cwd.join(program));
        command.args(args).current_dir(&self.cwd);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let tracee = command
            .spawn()
            .with_context(|| format!("starting the tracee {program}"))?;
        wait_until_it_waits(tracee.id());
        Ok(Some(tracee))
    }

    fn btrun(&self, job: &Job, tracee: Option<&Child>) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = match mount_script(job.mounts) {
            Some(script) => {
                let script = format!("{script} && exec \"$@\"");
                let mut unshare = Command::new("unshare");
                unshare
                    .args(["-m", "sh", "-c", &script, "sh"])
                    .arg(&self.btrun);
                unshare
            }
            None => Command::new(&self.btrun),
        };
        let named = tracee::Named::of(tracee, job);
        command
            .args(named.in_words(&job.options))
            .arg(&job.object)
            .args(named.in_words(&job.args))
            .current_dir(&self.cwd);
        if job.unprivileged {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs the trigger to its end, or says why not.
    fn trigger(
        &self,
        job: &Job,
        deadline: Instant,
        running: &mut Running,
        output: &mut dyn FnMut(&str),
    ) -> std::result::Result<(), String> {
        let Some(script) = &job.trigger else {
            return Ok(());
        };
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(&self.cwd)
            .env("PATH", search_path(&self.cwd));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.env("BTRUN_PID", running.pid().to_string());
        let mut child = command
            .spawn()
            .map_err(|e| format!("the trigger cannot start: {e}"))?;
        let done = running.until(deadline, output, |_| {
            matches!(child.try_wait(), Ok(Some(_)) | Err(_))
        });
        if !done {
            let _ = child.kill();
        }
        match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the trigger failed: {status}")),
            Err(error) => Err(format!("the trigger failed: {error}")),
        }
    }
}

/// What the shell does in the mount namespace before it becomes btrun.
fn mount_script(mounts: Mounts) -> Option<&'static str> {
    match mounts {
        Mounts::AsTheyAre | Mounts::Bpf => None,
        Mounts::Tracefs => {
            Some("mount -t tracefs tracefs /sys/kernel/tracing && mount -t bpf bpf /sys/fs/bpf")
        }
        Mounts::NoBtf => Some("mount -t tmpfs tmpfs /sys/kernel/btf"),
    }
}

/// A tracee is ready when it sleeps: it waits for its standard input to end. One that never does is started all the same.
fn wait_until_it_waits(pid: u32) {
    for _ in 0..200 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // `123 (name) S ...`
        if stat
            .rsplit(") ")
            .next()
            .is_some_and(|s| s.starts_with(['S', 'Z']))
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The tracees come first, then what the machine has.
fn search_path(cwd: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    format!("{}:{path}", cwd.join("target/tracees").display())
}

fn finish_tracee(
    tracee: &mut Child,
    deadline: Instant,
    running: &mut Running,
    output: &mut dyn FnMut(&str),
) {
    running.until(deadline, output, |_| {
        matches!(tracee.try_wait(), Ok(Some(_)) | Err(_))
    });
    let _ = tracee.kill();
    let _ = tracee.wait();
}

fn end(job: &Job, slowness: u32, running: &mut Running, output: &mut dyn FnMut(&str)) {
    if job.end.how == How::Exit {
        return;
    }
    // Seconds that the script counts itself are not slower in a VM; the default grace is for the machine.
    let grace = if job.end.after < Duration::from_secs(1) {
        slowness.min(3)
    } else {
        1
    };
    let until = Instant::now() + job.end.after * grace;
    running.until(until, output, Running::has_ended);
    match job.end.how {
        How::Exit => {}
        How::Sigint => running.signal(libc::SIGINT),
        How::Sigterm => running.signal(libc::SIGTERM),
        How::Sigkill => running.signal(libc::SIGKILL),
        How::CloseStdout => running.close_stdout(),
    }
}
