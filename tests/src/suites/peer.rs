//! The peer suite: a script under Debian's bpftrace and under btc + btrun prints the same, on this machine's kernel.
//!
//! The script is in the language that both know. Debian 12's bpftrace is 0.17; where 0.26, which btc follows, means another output, the
//! fixture says what differs (`fixture::peer`).

use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::ui::difference;
use crate::fixture::{Fixture, Mode, Peer};
use crate::job::{Job, Place, Ran};
use crate::report::{Report, Verdict};
use crate::runner::{Runner, Running};
use crate::stage::{Stage, parallel, place_tracees};

const BPFTRACE: &str = "bpftrace";

/// For one run of bpftrace, which compiles with clang first, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(40);

pub fn run(stage: &Stage, fixtures: &[Fixture], report: &mut Report) {
    let cases: Vec<&Fixture> = fixtures.iter().filter(|f| f.mode == Mode::Peer).collect();
    if cases.is_empty() {
        return;
    }
    if let Err(error) = Command::new(BPFTRACE).arg("--version").output() {
        let verdict = Verdict::failed(format!(
            "Debian's bpftrace cannot be started ({error}); `.ci/deps test` installs it"
        ));
        return report.add("peer", BPFTRACE, &verdict);
    }
    let _alone = match place_tracees(&stage.tools.root) {
        Ok(guard) => guard,
        Err(error) => {
            return report.add("peer", "tracees", &Verdict::failed(format!("{error:#}")));
        }
    };
    let runner = Runner {
        btrun: stage.btrun(),
        cwd: stage.tools.root.clone(),
        place: Place::Host,
        slowness: 1,
    };
    // Two cases that trace the same program at once would see each other's.
    let active = Mutex::new(());
    let report = Mutex::new(report);
    parallel(&cases, |fixture| {
        let alone = fixture.job.tracee.is_some() || fixture.job.trigger.is_some();
        let _guard = alone.then(|| active.lock().unwrap_or_else(|e| e.into_inner()));
        let verdict = compare(stage, &runner, fixture)
            .unwrap_or_else(|error| Verdict::failed(format!("{error:#}")));
        let mut report = report.lock().unwrap_or_else(|e| e.into_inner());
        report.add("peer", &fixture.name, &verdict);
    });
}

fn compare(stage: &Stage, runner: &Runner, fixture: &Fixture) -> Result<Verdict> {
    let job = stage.job(fixture)?;
    let theirs = bpftrace(runner, fixture, &job)?;
    let ours = match runner.run(&job, &mut |_| {}).result {
        crate::job::Result::Ran(ran) => ran,
        crate::job::Result::Skipped(reason) => return Ok(Verdict::Skipped(reason)),
    };
    let mut problems = fixture.expect.judge(&ours);
    match &fixture.peer {
        Peer::Same(buts) => {
            if theirs.status != ours.status {
                problems.push(format!(
                    "bpftrace's exit status is {:?}, btrun's {:?}",
                    theirs.status, ours.status
                ));
            }
            let [mut expected, mut got] = [&theirs, &ours].map(|ran| lines(&ran.stdout));
            for but in buts {
                but.remove(&mut expected);
                but.remove(&mut got);
            }
            if expected != got {
                problems.push(format!(
                    "bpftrace (-) and btrun (+) differ\n{}",
                    difference(&expected.join("\n"), &got.join("\n"))
                ));
            }
        }
        Peer::Differs(_) => {
            if lines(&theirs.stdout) == lines(&ours.stdout) && theirs.status == ours.status {
                problems.push("bpftrace prints the same: `PEER: same`".to_string());
            }
        }
    }
    Ok(Verdict::of(problems, || {
        format!(
            "--- stderr of bpftrace\n{}--- stderr of btrun\n{}",
            theirs.stderr, ours.stderr
        )
    }))
}

/// bpftrace starts the tracee, or what the trigger names, itself, so that it is attached before the first call.
fn bpftrace(runner: &Runner, fixture: &Fixture, job: &Job) -> Result<Ran> {
    let mut command = Command::new("unshare");
    let mount = "mount -t tracefs tracefs /sys/kernel/tracing && exec \"$@\"";
    command.args(["-m", "sh", "-c", mount, "sh", BPFTRACE, "-B", "line"]);
    command.args(&job.options);
    let traced = job.tracee.as_ref().map(|words| words.join(" "));
    if let Some(traced) = traced.or(job.trigger.clone()) {
        command.arg("-c").arg(traced);
    }
    command
        .arg(&fixture.path)
        .args(&job.args)
        .current_dir(&runner.cwd);
    let mut running = Running::start(&mut command).context("starting bpftrace")?;
    let status = running.wait(Instant::now() + TIMEOUT, &mut |_| {});
    if status.is_none() {
        running.kill();
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(
        status.is_some(),
        "bpftrace did not end within {TIMEOUT:?}:\n{}",
        text(&running.stderr)
    );
    Ok(Ran {
        stdout: text(&running.stdout),
        stderr: text(&running.stderr),
        status,
        ..Ran::default()
    })
}

/// Without the line that says what is attached, which went from stdout to stderr, and without blanks at the ends of lines.
fn lines(stdout: &str) -> Vec<String> {
    let attached = |line: &&str| {
        line.starts_with("Attached ")
            || line.starts_with("Attaching ")
            || line.starts_with("{\"type\": \"attached_probes\"")
    };
    stdout
        .lines()
        .filter(|line| !attached(line))
        .map(|line| line.trim_end().to_string())
        .collect()
}
