//! Runs a process and measures it: wall time, peak memory, the time until a line, and the time of its BPF programs.

use std::io::{BufRead, BufReader};
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};

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

/// What the programs of a tracer cost.
#[derive(Debug, Clone, Copy)]
pub struct Price {
    /// Of all programs, after the verifier's changes.
    pub instructions: u64,
    /// Those that the verifier followed, on all paths.
    pub verified: u64,
    /// The mean time of a run.
    pub nanos: f64,
}

/// Measures the tracer's programs while `workload` runs.
pub fn price(tracer: &mut Command, workload: &str, cwd: &Path) -> Result<Price> {
    let mut running = Running::start(tracer)?;
    let deadline = Instant::now() + ATTACH_TIMEOUT;
    running.wait_attached(deadline, &mut |_| {});
    // bpftrace says that it is attaching, not that it has: wait until a program of it has run.
    let attached = running.until(deadline, &mut |_| {}, |r| {
        std::thread::sleep(Duration::from_millis(50));
        let _ = std::fs::read("/proc/self/stat"); // a read, for the programs that count reads
        let _ = std::fs::metadata("/").and_then(|_| std::fs::File::open("/no/such/file").map(drop));
        stats(r.pid()).runs > 0 || r.has_ended()
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
    let (instructions, verified) = instructions(&after.programs);
    running.signal(libc::SIGINT);
    running.wait(Instant::now() + ATTACH_TIMEOUT, &mut |_| {});
    running.kill();
    ensure!(after.runs > before.runs, "{tracer:?}: no event");
    Ok(Price {
        instructions,
        verified,
        nanos: (after.nanos - before.nanos) as f64 / (after.runs - before.runs) as f64,
    })
}

/// All programs that a process holds: their ids, and what they have run.
struct Stats {
    programs: Vec<u32>,
    nanos: u64,
    runs: u64,
}

fn stats(pid: u32) -> Stats {
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
    Stats {
        programs: programs.keys().map(|id| *id as u32).collect(),
        nanos: programs.values().map(|p| p.0).sum(),
        runs: programs.values().map(|p| p.1).sum(),
    }
}

/// Instructions of programs as they lie in the kernel, and those that the verifier looked at (from Linux 5.16 on).
fn instructions(programs: &[u32]) -> (u64, u64) {
    let options = ProgInfoQueryOptions::default().include_xlated_prog_insns(true);
    ProgInfoIter::with_query_opts(options)
        .filter(|info| programs.contains(&info.id))
        .fold((0, 0), |sum, info| {
            let length = info.xlated_prog_insns.len() / 8;
            (
                sum.0 + length as u64,
                sum.1 + u64::from(info.verified_insns),
            )
        })
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
