//! The stage: a folder outside the tree, readable for everyone, that holds btrun and the objects of all fixtures.
//!
//! The guest has the same files at the same paths.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};

use crate::fixture::{Fixture, Mode, ObjectKind};
use crate::job::Job;
use crate::object_file;

/// Fixtures name this folder where they need an absolute path.
pub const TRACEES: &str = "/tmp/bt-tracees";

/// Tracees as the workspace has them: fixtures name it where they need a relative path.
pub const TRACEES_BELOW_ROOT: &str = "target/tracees";

/// The commands under test and the workspace.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The workspace: the working directory of btc, so that names in messages are relative.
    pub root: PathBuf,
    pub btc: PathBuf,
    pub btrun: PathBuf,
}

pub struct Stage {
    dir: tempfile::TempDir,
    pub tools: Tools,
    /// By fixture: what btc answered.
    compiled: BTreeMap<String, Compiled>,
}

/// What one run of btc gave.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Compiled {
    fn new(output: &Output) -> Compiled {
        Compiled {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Stage {
    /// Copies btrun, and compiles all `fixtures` that are to be run.
    pub fn new(tools: &Tools, fixtures: &[Fixture]) -> Result<Stage> {
        let dir = tempfile::Builder::new().prefix("bt-stage-").tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let btrun = dir.path().join("btrun");
        fs::copy(&tools.btrun, &btrun)
            .with_context(|| format!("copying {}", tools.btrun.display()))?;
        let mut stage = Stage {
            dir,
            tools: tools.clone(),
            compiled: BTreeMap::new(),
        };
        let results = parallel(fixtures, |f| stage.compile(f, &stage.object(f)));
        for (fixture, compiled) in fixtures.iter().zip(results) {
            let mut compiled = compiled?;
            if let Err(error) = stage.damage(fixture) {
                compiled.status = None;
                compiled.stderr = format!("the object cannot be damaged: {error:#}");
            }
            stage.compiled.insert(fixture.name.clone(), compiled);
        }
        Ok(stage)
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn btrun(&self) -> PathBuf {
        self.dir.path().join("btrun")
    }

    pub fn object(&self, fixture: &Fixture) -> PathBuf {
        self.dir.path().join(fixture.object_name())
    }

    pub fn compiled(&self, fixture: &Fixture) -> Option<&Compiled> {
        self.compiled.get(&fixture.name)
    }

    /// The fixture's job, or why it cannot run.
    pub fn job(&self, fixture: &Fixture) -> Result<Job> {
        let compiled = self.compiled(fixture).context("not compiled")?;
        if compiled.status != Some(0) {
            bail!("btc failed ({:?}):\n{}", compiled.status, compiled.stderr);
        }
        let mut job = fixture.job.clone();
        job.object = self.object(fixture).display().to_string();
        Ok(job)
    }

    /// Compiles a fixture to `output`, in the workspace. A golden object is copied.
    pub fn compile(&self, fixture: &Fixture, output: &Path) -> Result<Compiled> {
        if fixture.object == ObjectKind::Golden {
            let golden = self.tools.root.join(fixture.path.with_extension("bpf.o"));
            fs::copy(&golden, output).with_context(|| format!("copying {}", golden.display()))?;
            return Ok(Compiled {
                status: Some(0),
                stdout: String::new(),
                stderr: String::new(),
            });
        }
        // 0.17 does not look at debug information
        let environment: &[_] = match fixture.mode {
            Mode::Peer => &[("BPFTRACE_SHOW_DEBUG_INFO", "false")],
            _ => &[],
        };
        compile(
            &self.tools,
            &fixture.path,
            &fixture.btc,
            environment,
            output,
        )
    }

    fn damage(&self, fixture: &Fixture) -> Result<()> {
        let intact = matches!(fixture.object, ObjectKind::Compiled | ObjectKind::Golden);
        let path = self.object(fixture);
        if intact || fixture.mode != Mode::Run || !path.exists() {
            return Ok(());
        }
        let good = fs::read(&path)?;
        match object_file::damage(fixture.object, &good)? {
            Some(bytes) => fs::write(&path, bytes)?,
            None => fs::remove_file(&path)?,
        }
        Ok(())
    }
}

/// One run of btc; the script's path is relative to the root of the workspace.
pub fn compile(
    tools: &Tools,
    script: &Path,
    options: &[String],
    environment: &[(&str, &str)],
    output: &Path,
) -> Result<Compiled> {
    let mut command = Command::new(&tools.btc);
    command.arg(script).args(options).arg("-o").arg(output);
    command
        .current_dir(&tools.root)
        .stdin(Stdio::null())
        .env("NO_COLOR", "1")
        .envs(environment.iter().copied());
    let output = command
        .output()
        .with_context(|| format!("starting {}", tools.btc.display()))?;
    Ok(Compiled::new(&output))
}

/// Copies the tracees to the place that fixtures name. While the answer lives, no other suite or bench runs on this host: each
/// would count the other's events.
pub fn place_tracees(root: &Path) -> Result<fs::File> {
    let to = Path::new(TRACEES);
    // What another user left there is removed, if we may; nobody else shall own what we run.
    // SAFETY: a system call without arguments that cannot fail.
    let me = unsafe { libc::geteuid() };
    if fs::symlink_metadata(to).is_ok_and(|m| m.uid() != me || !m.is_dir()) {
        fs::remove_dir_all(to).with_context(|| format!("{TRACEES} belongs to another user"))?;
    }
    fs::create_dir_all(to)?;
    let guard = crate::lock::lock(&to.join(".lock"))?;
    for (name, path) in tracees(root)? {
        let part = to.join(format!("{name}.part"));
        fs::copy(&path, &part)?;
        fs::rename(&part, to.join(name))?; // a running tracee cannot be overwritten
    }
    Ok(guard)
}

/// Names and paths of the tracees that `make tracees` has built.
pub fn tracees(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let dir = root.join(TRACEES_BELOW_ROOT);
    let entries =
        fs::read_dir(&dir).with_context(|| format!("{} (run `make tracees`)", dir.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        found.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        ));
    }
    found.sort();
    Ok(found)
}

/// Does `work` for each item on as many threads as there are processors; results in the order of the items.
pub fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, item)) = take(items, &next) {
                    let result = work(item);
                    lock(&results).insert(index, result);
                }
            });
        }
    });
    results
        .into_inner()
        .unwrap_or_else(|e| e.into_inner())
        .into_values()
        .collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, items.get(index)?))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
