//! The tools suite: the scripts that Debian's package `bpftrace` installs compile unchanged, and run on the kernel of the same Debian, in a
//! VM.
//!
//! The package's bpftrace (0.17) warned of probes that a kernel does not have, and went on; so the scripts are compiled with
//! `missing_probes = warn`. A script of which nothing is left but `BEGIN` and `END` is skipped, with what is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::kernels::Batch;
use crate::job::{End, How, Job, Outcome, Result as CaseResult};
use crate::kernels::packages::Cache;
use crate::report::{Report, Verdict};
use crate::stage::{self, Stage};

const SUITE: &str = "tools";

/// Debian 12's.
const KERNEL: &str = "6.1";

/// So many scripts the package has at least.
const SCRIPTS: usize = 38;

const ENVIRONMENT: &[(&str, &str)] = &[("BPFTRACE_MISSING_PROBES", "warn")];

/// Programs and libraries that the scripts trace: package, and files of it.
const TRACED: &[(&str, &[&str])] = &[
    ("bash", &["/bin/bash"]),
    (
        "libc6",
        &[
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib/x86_64-linux-gnu/libpthread.so.0",
        ],
    ),
    (
        "libssl3",
        &[
            "/usr/lib/x86_64-linux-gnu/libssl.so.3",
            "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        ],
    ),
];

/// Something for the scripts to see.
const TRIGGER: &str = "events exec 2 traced; events open 2 /etc/passwd; events read 2 16; events write 2 16; events sleep 2 1; sync";

pub fn run(stage: &Stage, filter: &str, guest: &Path, report: &mut Report) {
    if let Err(error) = run_all(stage, filter, guest, report) {
        report.add(SUITE, "all", &Verdict::failed(format!("{error:#}")));
    }
}

fn run_all(stage: &Stage, filter: &str, guest: &Path, report: &mut Report) -> Result<()> {
    let cache = Cache::open()?;
    let kernel = cache.kernel(KERNEL)?;
    let btf = cache.btf(&kernel)?.display().to_string();
    let scripts = scripts(&cache.package("bpftrace")?)?;
    let options = ["--btf".to_string(), btf];
    let mut jobs = Vec::new();
    for (name, script) in scripts.iter().filter(|(name, _)| name.contains(filter)) {
        let object = stage.path().join(format!("tools-{name}.bpf.o"));
        let compiled = stage::compile(&stage.tools, script, &options, ENVIRONMENT, &object)?;
        if compiled.status != Some(0) {
            let verdict = Verdict::failed(format!("btc failed\n{}", compiled.stderr));
            report.add(SUITE, name, &verdict);
            continue;
        }
        jobs.push(Job {
            object: object.display().to_string(),
            trigger: Some(TRIGGER.to_string()),
            end: End {
                how: How::Sigint,
                after: Duration::from_secs(1),
            },
            ..Job::new(name)
        });
    }
    let mut files = Vec::new();
    for (package, paths) in TRACED {
        let folder = cache.package(package)?;
        for path in *paths {
            files.push((folder.join(&path[1..]), path.to_string()));
        }
    }
    let batch = Batch {
        program: &stage.btrun(),
        tracees: &stage::tracees(&stage.tools.root)?,
        files: &files,
        guest,
        busybox: &cache.busybox()?,
        kernel: &kernel,
        stream: false,
    };
    batch.run_all(SUITE, jobs, &mut |outcome| {
        let script = scripts.iter().find(|(name, _)| *name == outcome.name);
        if let Some((name, path)) = script {
            let verdict = judge(path, outcome);
            let verdict = verdict.unwrap_or_else(|e| Verdict::failed(format!("{e:#}")));
            report.add(SUITE, name, &verdict);
        }
    })
}

/// Names and paths, sorted.
fn scripts(package: &Path) -> Result<Vec<(String, PathBuf)>> {
    let folder = package.join("usr/sbin");
    let entries = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
    let mut scripts = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "bt") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            scripts.push((name.into_owned(), path));
        }
    }
    scripts.sort();
    ensure!(
        scripts.len() >= SCRIPTS,
        "the package has {} scripts, not {SCRIPTS}",
        scripts.len()
    );
    Ok(scripts)
}

fn judge(script: &Path, outcome: &Outcome) -> Result<Verdict> {
    let ran = match &outcome.result {
        CaseResult::Skipped(reason) => return Ok(Verdict::Skipped(reason.clone())),
        CaseResult::Ran(ran) => ran,
    };
    let text = fs::read_to_string(script)?;
    let own = text
        .lines()
        .filter(|l| matches!(l.trim(), "BEGIN" | "END"))
        .count();
    let attached = ran.stderr.lines().find_map(|line| {
        let count = line.strip_prefix("Attached ")?.split(' ').next()?;
        count.parse::<usize>().ok()
    });
    let mut missing: Vec<&str> = ran
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("WARNING: ")?.strip_suffix("; left out"))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    let mut problems = ran.problems.clone();
    match attached {
        None => problems.push("it was not attached".to_string()),
        Some(count) if count <= own && problems.is_empty() && !missing.is_empty() => {
            return Ok(Verdict::Skipped(missing.join("; ")));
        }
        Some(_) => {}
    }
    if ran.status != Some(0) {
        problems.push(format!("exit status {:?}", ran.status));
    }
    if let Some(line) = ran
        .stderr
        .lines()
        .find(|l| l.to_lowercase().starts_with("error"))
    {
        problems.push(line.to_string());
    }
    Ok(Verdict::of(problems, || {
        format!("--- stdout\n{}--- stderr\n{}", ran.stdout, ran.stderr)
    }))
}
