//! Runs a process and measures it: wall time, peak memory, the time until a line, and the time of its BPF programs.

use std::io::{BufRead, BufReader};
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::runner::Running;

/// A tracer that is not attached by then never will be.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(30);

/// What a process took.
pub struct Usage {
    pub wall: Duration,
    /// Of this process alone; the kernel counts the pages that it shared with us before exec, so we stay small.
    pub max_rss_mib: f64,
    /// Until the line that was asked for.
    pub line_after: Option<Duration>,
}

/// Runs to the end; `line` is looked for in stdout.
pub fn run(command: &mut Command, line: Option<&str>) -> Result<Usage> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let output = BufReader::new(child.stdout.take().context("no pipe")?);
    let mut line_after = None;
    for text in output.lines() {
        if line_after.is_none() && Some(text?.as_str()) == line {
            line_after = Some(start.elapsed());
        }
    }
    let max_rss_mib = wait(&child)?;
    Ok(Usage {
        wall: start.elapsed(),
        max_rss_mib,
        line_after,
    })
}

/// Waits for a child, and answers its peak memory in MiB.
fn wait(child: &Child) -> Result<f64> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to memory of the right type that outlives the call; the child is ours and not yet waited for.
    let (pid, usage) = unsafe {
        let pid = libc::wait4(child.id() as i32, &mut status, 0, usage.as_mut_ptr());
        (pid, usage.assume_init()) // zeroed, which is a value of this type, if the call failed
    };
    ensure!(
        pid == child.id() as i32,
        "wait4: {}",
        std::io::Error::last_os_error()
    );
    ensure!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "failed with status {status}"
    );
    Ok(usage.ru_maxrss as f64 / 1024.0)
}

/// Switches the kernel's BPF statistics on until the descriptor is dropped.
pub fn enable_stats() -> Result<OwnedFd> {
    const BPF_ENABLE_STATS: i64 = 32;
    let attr = [0u32; 16]; // the first word: BPF_STATS_RUN_TIME
    // SAFETY: `attr` is larger than the command needs, and its size is passed.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_ENABLE_STATS,
            attr.as_ptr(),
            size_of_val(&attr),
        )
    };
    ensure!(
        fd >= 0,
        "BPF statistics: {}",
        std::io::Error::last_os_error()
    );
    // SAFETY: the kernel has just given us this descriptor, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// The mean time of a run of the tracer's programs while `workload` runs.
pub fn nanos_per_event(tracer: &mut Command, workload: &str, cwd: &Path) -> Result<f64> {
    let mut running = Running::start(tracer)?;
    let deadline = Instant::now() + ATTACH_TIMEOUT;
    running.wait_attached(deadline, &mut |_| {});
    // bpftrace says that it is attaching, not that it has: wait until a program of it has run.
    let attached = running.until(deadline, &mut |_| {}, |r| {
        std::thread::sleep(Duration::from_millis(50));
        let _ = std::fs::read("/proc/self/stat"); // a read, for the programs that count reads
        let _ = std::fs::metadata("/").and_then(|_| std::fs::File::open("/no/such/file").map(drop));
        stats(r.pid()).1 > 0 || r.has_ended()
    });
    if !attached || running.has_ended() {
        let stderr = String::from_utf8_lossy(&running.stderr).into_owned();
        running.kill();
        bail!("{tracer:?} does not trace: {stderr}");
    }
    std::thread::sleep(Duration::from_millis(300));
    let before = stats(running.pid());
    let mut work = Command::new("sh");
    work.args(["-c", workload])
        .current_dir(cwd)
        .stdin(Stdio::null());
    let mut work = work.spawn().context("starting the workload")?;
    running.until(deadline, &mut |_| {}, |_| {
        matches!(work.try_wait(), Ok(Some(_)) | Err(_))
    });
    let _ = work.kill();
    let _ = work.wait();
    let after = stats(running.pid());
    running.signal(libc::SIGINT);
    running.wait(Instant::now() + ATTACH_TIMEOUT, &mut |_| {});
    running.kill();
    ensure!(after.1 > before.1, "{tracer:?}: no event");
    Ok((after.0 - before.0) as f64 / (after.1 - before.1) as f64)
}

/// Nanoseconds and runs of all programs that a process holds.
fn stats(pid: u32) -> (u64, u64) {
    let mut programs = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fdinfo"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let info = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let number = |key: &str| {
            let line = info.lines().find(|l| l.starts_with(key))?;
            line[key.len()..].trim().parse::<u64>().ok()
        };
        if let (Some(id), Some(nanos), Some(runs)) = (
            number("prog_id:"),
            number("run_time_ns:"),
            number("run_cnt:"),
        ) {
            programs.insert(id, (nanos, runs));
        }
    }
    programs
        .values()
        .fold((0, 0), |sum, p| (sum.0 + p.0, sum.1 + p.1))
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
