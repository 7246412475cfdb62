//! Runs an object made by `btc`: reads its manifest, loads its programs, attaches them, and reports what they send.
//!
//! Knows nothing of the compiler, only the contract in `bt-abi`. The phases, in the order in which a run meets them, are
//! modules: [`cli`], [`object`] (the file), [`params`], [`environment`] (this machine),
//! [`targets`] (what the attach points are here), [`btf`] (relocation targets), [`load`], [`attach`], [`session`] (records to [`report`]).

mod attach;
mod btf;
pub mod cli;
mod environment;
mod error;
mod kernel_log;
mod list;
mod load;
mod maps;
#[cfg(no_unwind)]
mod no_unwind;
mod no_zlib;
pub mod object;
pub mod params;
mod process;
mod progress;
pub mod report;
mod say;
mod session;
mod signals;
mod suggest;
pub mod symbols;
mod targets;
mod unwind;
pub mod value;

use std::ffi::OsString;

use bt_abi::Manifest;
use bt_abi::manifest::{Attach, Program};

use crate::cli::{Command, Run};
use crate::error::Failure;
use crate::object::ObjectFile;
use crate::process::Process;

/// Runs the command line and gives the exit status: 0 or the script's own, 2 usage or an unusable object, 3 the kernel refused,
/// 4 not permitted.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let command = match cli::parse(args) {
        Ok(command) => command,
        Err(status) => return status,
    };
    match command {
        Command::Inspect(path) => finish(ObjectFile::read(&path).and_then(|o| o.inspect()), None),
        Command::List { what, verbose } => {
            let listed = list::list(what.as_deref(), verbose);
            finish(listed.map(|()| 0), None)
        }
        Command::Run(run) => {
            let mut object = match ObjectFile::read(&run.object) {
                Ok(object) => object,
                Err(failure) => return finish(Err(failure), None),
            };
            let result = execute(&run, &mut object);
            finish(result, Some(&object))
        }
    }
}

/// The whole run of one object. The status is the script's.
fn execute(run: &Run, object: &mut ObjectFile) -> Result<u8, Failure> {
    if run.wants_help() {
        say::out(&params::help(&run.object, &object.manifest));
        return Ok(0);
    }
    let mut values = params::fill(&object.manifest, &run.params)?;
    params::complete_paths(&mut object.manifest, &values)?;
    params::complete_probes(&mut object.manifest, &run.params)?;
    if !run.allow_unsafe {
        refuse_unsafe(&object.manifest)?;
        refuse_addresses(&object.manifest)?;
    }
    // before the mount namespace changes
    let mut process = Process::of(run)?;
    let mut environment = environment::check(&object.manifest, run.mode)?;
    environment.allow_unsafe = run.allow_unsafe;
    btf::describe(&mut object.manifest)?;
    let mut described = targets::Described::read(&object.manifest)?;
    targets::alternatives::choose(&mut object.manifest, &mut described, run.mode)?;
    let object = &*object;
    let manifest = &object.manifest;
    values.extend(environment::late::fill(manifest, process.as_ref())?);
    let wanted = btf::wanted(object)?;
    let mut targets = targets::resolve(
        manifest,
        described,
        &environment,
        process.as_ref(),
        run.mode,
    )?;
    let separate = targets::variants::plan(
        manifest,
        &mut targets,
        &wanted,
        &environment,
        process.is_some(),
    )?;
    let loader = load::Loader {
        object,
        environment: &environment,
        wanted: &wanted,
        values: &values,
        verbose: run.verbose,
        watch_lookups: run.helper_errors,
    };
    let mut plan = separate.clone();
    let merged = targets::sessions::merge(manifest, &mut targets, &mut plan);
    let loaded = match loader.load(plan) {
        // two programs may pass where one does not
        Err(failure) if merged => {
            targets::sessions::refuse_all(manifest, &mut targets, &failure.message);
            loader.load(separate)?
        }
        loaded => loaded?,
    };
    session::run(
        run,
        object,
        &targets,
        &loaded,
        &environment,
        process.as_mut(),
    )
}

/// Parameters may have made addresses of attach points.
fn refuse_addresses(manifest: &Manifest) -> Result<(), Failure> {
    let by_address = |p: &&Program| matches!(p.attach, Attach::KprobeAddress { .. });
    match manifest.programs.iter().find(by_address) {
        None => Ok(()),
        Some(program) => Err(Failure::unusable(format!(
            "`{}` is unsafe: nothing says what is at that address",
            program.probe
        ))
        .at(program.span)
        .help("run it with `btrun --unsafe` if you trust the script")),
    }
}

/// What does more than look needs consent.
fn refuse_unsafe(manifest: &Manifest) -> Result<(), Failure> {
    match manifest.capabilities.unsafe_calls.first() {
        None => Ok(()),
        Some(call) => Err(Failure::unusable(format!(
            "`{}` is unsafe: it does more than look",
            call.function
        ))
        .at(call.span)
        .help("run it with `btrun --unsafe` if you trust the script")),
    }
}

fn finish(result: Result<u8, Failure>, object: Option<&ObjectFile>) -> u8 {
    match result {
        Ok(status) => status,
        Err(failure) => {
            say::err(&failure.render(object.map(|o| &o.manifest.source)));
            failure.kind as u8
        }
    }
}
