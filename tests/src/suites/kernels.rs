//! The run suite on stock kernels in VMs: one boot runs all cases of a kernel, with the objects that the host ran.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::judge;
use crate::fixture::{Fixture, Mode};
use crate::job::{
    Frame, GUEST_MODULE, GUEST_SLOWNESS, Job, JobList, Mounts, Outcome, Ran, Result as CaseResult,
};
use crate::kernels::initramfs::Initramfs;
use crate::kernels::packages::{Cache, Kernel};
use crate::kernels::vm::{self, End};
use crate::report::{Report, Verdict};
use crate::stage::{self, Stage};

/// Where the guest's cases run.
const CWD: &str = "/suite";

/// Beyond a case's own timeout (which the guest multiplies): the guest is slow and looks for leftovers.
const GRACE: Duration = Duration::from_secs(60);

/// A VM that dies is booted again for the cases that it has not run; so often at most.
const BOOTS: usize = 4;

/// Runs all run fixtures on each kernel. A kernel that cannot be had or booted is a failure by name.
pub fn run(
    stage: &Stage,
    fixtures: &[Fixture],
    versions: &[String],
    guest: &Path,
    report: &mut Report,
) {
    for version in versions {
        let suite = format!("kernel {version}");
        if let Err(error) = run_kernel(stage, fixtures, version, guest, report) {
            report.add(&suite, "boot", &Verdict::failed(format!("{error:#}")));
        }
    }
}

fn run_kernel(
    stage: &Stage,
    fixtures: &[Fixture],
    version: &str,
    guest: &Path,
    report: &mut Report,
) -> Result<()> {
    let cache = Cache::open()?;
    let kernel = cache.kernel(version)?;
    let suite = format!("kernel {version}");
    let mut waiting = Vec::new();
    for fixture in fixtures.iter().filter(|f| f.mode == Mode::Run) {
        match stage.job(fixture) {
            Ok(job) => waiting.push(job),
            Err(error) => report.add(
                &suite,
                &fixture.name,
                &Verdict::failed(format!("{error:#}")),
            ),
        }
    }
    let batch = Batch {
        program: &stage.btrun(),
        tracees: &stage::tracees(&stage.tools.root)?,
        files: &[],
        guest,
        busybox: &cache.busybox()?,
        kernel: &kernel,
        stream: false,
    };
    batch.run_all(&suite, waiting, &mut |outcome| {
        if let Some(fixture) = fixtures.iter().find(|f| f.name == outcome.name) {
            report.add(&suite, &outcome.name, &judge(fixture, outcome));
        }
    })
}

/// Runs one fixture on one kernel, and prints its output as it comes.
pub fn run_one(stage: &Stage, fixture: &Fixture, version: &str, guest: &Path) -> Result<Verdict> {
    let cache = Cache::open()?;
    let mut waiting = vec![stage.job(fixture)?];
    let mut verdict = None;
    let mut on_outcome = |outcome: &Outcome| verdict = Some(judge(fixture, outcome));
    let batch = Batch {
        program: &stage.btrun(),
        tracees: &stage::tracees(&stage.tools.root)?,
        guest,
        busybox: &cache.busybox()?,
        kernel: &cache.kernel(version)?,
        files: &[],
        stream: true,
    };
    for _ in 0..2 {
        if let Some(died) = batch.run(&mut waiting, &mut on_outcome)? {
            println!("the VM died\n{}", died.log);
            continue;
        }
        break;
    }
    verdict.context("the VM died")
}

/// Runs `bt-facts tracepoints` on a kernel.
pub fn tracepoints(version: &str, guest: &Path) -> Result<String> {
    let cache = Cache::open()?;
    let batch = Batch {
        program: &guest.with_file_name("bt-facts"),
        tracees: &[],
        files: &[],
        guest,
        busybox: &cache.busybox()?,
        kernel: &cache.kernel(version)?,
        stream: false,
    };
    let job = Job {
        object: "tracepoints".to_string(),
        mounts: Mounts::Tracefs,
        ..Job::new("facts")
    };
    let mut text = Err(anyhow::anyhow!("the VM died"));
    batch.run(&mut vec![job], &mut |outcome| {
        text = match &outcome.result {
            CaseResult::Ran(ran) if ran.status == Some(0) => Ok(ran.stdout.clone()),
            other => Err(anyhow::anyhow!("{other:?}")),
        };
    })?;
    text
}

/// Cases for one boot.
pub(super) struct Batch<'a> {
    /// btrun, or what stands in its place.
    pub program: &'a Path,
    /// Names and paths.
    pub tracees: &'a [(String, PathBuf)],
    /// Further files of the guest: here, and where they are there.
    pub files: &'a [(PathBuf, String)],
    pub guest: &'a Path,
    pub busybox: &'a Path,
    pub kernel: &'a Kernel,
    pub stream: bool,
}

pub(super) struct Died {
    /// The case that ran.
    during: Option<String>,
    log: String,
}

impl Batch<'_> {
    /// Runs all jobs, in as many boots as it takes.
    pub fn run_all(
        &self,
        suite: &str,
        mut waiting: Vec<Job>,
        on_outcome: &mut dyn FnMut(&Outcome),
    ) -> Result<()> {
        let mut boots = 0;
        let mut suspects: Vec<String> = Vec::new();
        while !waiting.is_empty() {
            boots += 1;
            let Died { during, log } = match self.run(&mut waiting, on_outcome)? {
                None => {
                    anyhow::ensure!(
                        waiting.is_empty(),
                        "the guest forgot {} cases",
                        waiting.len()
                    );
                    return Ok(());
                }
                Some(died) => died,
            };
            println!("{suite}: the VM died (boot {boots} of {BOOTS})\n{log}");
            if let Some(name) = during {
                // Under emulation a kernel may die of code that it patches while another CPU runs it (static keys), which is no
                // fault of the case: it has a second try, after the others.
                let at = waiting.iter().position(|job| job.name == name);
                let job = at.map(|at| waiting.remove(at));
                if suspects.contains(&name) {
                    let ran = Ran {
                        problems: vec!["the VM died while this ran, twice".to_string()],
                        ..Ran::default()
                    };
                    let result = CaseResult::Ran(ran);
                    on_outcome(&Outcome { name, result });
                } else {
                    println!("{suite}: {name} is tried once more");
                    waiting.extend(job);
                    suspects.push(name);
                }
            } else if boots > 1 {
                anyhow::bail!("the VM died before it ran anything, twice");
            }
            anyhow::ensure!(
                boots < BOOTS,
                "the VM died {BOOTS} times, {} cases not run",
                waiting.len()
            );
        }
        Ok(())
    }

    /// Takes the jobs that are done off `waiting`.
    fn run(
        &self,
        waiting: &mut Vec<Job>,
        on_outcome: &mut dyn FnMut(&Outcome),
    ) -> Result<Option<Died>> {
        let initramfs = self.initramfs(waiting)?;
        let mut running: Option<Job> = None;
        let end = vm::boot(self.kernel, &initramfs, &mut |frame| {
            match frame {
                Frame::Booted { kernel } => println!("booted {kernel}"),
                Frame::Started { name } => {
                    running = waiting.iter().find(|j| j.name == name).cloned()
                }
                Frame::Output { text } => print!("{text}"),
                Frame::Done(outcome) => {
                    running = None;
                    waiting.retain(|job| job.name != outcome.name);
                    on_outcome(&outcome);
                }
                Frame::End => {}
            }
            GRACE
                + running
                    .as_ref()
                    .map_or(Duration::ZERO, |job| job.timeout * GUEST_SLOWNESS)
        })?;
        Ok(match end {
            End::Complete => None,
            End::Died { log } => Some(Died {
                during: running.map(|job| job.name),
                log,
            }),
        })
    }

    fn initramfs(&self, jobs: &[Job]) -> Result<Vec<u8>> {
        let mut archive = Initramfs::new();
        archive.copy(self.guest, "/init")?;
        archive.copy(self.busybox, "/bin/busybox")?;
        archive.file(
            "/etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
        );
        archive.file("/etc/group", b"root:x:0:\nnogroup:x:65534:\n");
        let program = self.program.display().to_string();
        archive.copy(self.program, &program)?;
        for job in jobs {
            // A case may be about an object that is missing.
            if Path::new(&job.object).exists() {
                archive.copy(Path::new(&job.object), &job.object)?;
            }
        }
        for (from, to) in self.files {
            archive.copy(from, to)?;
        }
        if let Some(module) = &self.kernel.module {
            archive.copy(module, GUEST_MODULE)?;
        }
        archive.folder(CWD.trim_start_matches('/'));
        for (name, path) in self.tracees {
            let relative = format!("{CWD}/{}/{name}", stage::TRACEES_BELOW_ROOT);
            archive.copy(path, &relative)?;
            archive.copy(path, &format!("{}/{name}", stage::TRACEES))?;
        }
        let list = JobList {
            jobs: jobs.to_vec(),
            btrun: program,
            cwd: CWD.to_string(),
            stream: self.stream,
        };
        archive.file("/jobs.json", &serde_json::to_vec(&list)?);
        Ok(archive.finish())
    }
}
