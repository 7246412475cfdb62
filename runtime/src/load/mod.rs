//! From the object's bytes to programs in the kernel: open, fill the slots, load.

mod explain;
mod helpers;
mod verifier;

use std::mem::MaybeUninit;

use bt_abi::manifest::{Attach, Manifest, Program, SlotValue};
use bt_abi::names::{EVENTS_MAP, SCRATCH_MAP, SLOTS_SECTION};
use libbpf_rs::{
    AsRawLibbpf, Map, MapCore, MapType, Object, ObjectBuilder, OpenObject, ProgramMut, ProgramType,
};

use crate::btf::Target;
use crate::error::Failure;
use crate::kernel_log;
use crate::object::ObjectFile;
use crate::params::SlotBytes;

/// Programs and maps are in the kernel; nothing is attached. All of it goes when this is dropped, or the process dies.
pub struct Loaded {
    object: Object,
}

impl Loaded {
    pub fn program(&self, program: &Program) -> Option<ProgramMut<'_>> {
        self.object
            .progs_mut()
            .find(|p| p.name() == program.name.as_str())
    }

    pub fn map(&self, symbol: &str) -> Option<Map<'_>> {
        self.object.maps().find(|m| m.name() == symbol)
    }
}

/// Opens and loads. `values` are the slots but the start time, which is taken here.
pub fn load(
    object: &ObjectFile,
    values: &SlotBytes,
    target: Option<&Target>,
    verbose: bool,
) -> Result<Loaded, Failure> {
    kernel_log::redirect(verbose);
    let mut opened = open(object, target)?;
    prepare_programs(&mut opened, object)?;
    fill_slots(&mut opened, &object.manifest, values)?;
    size_scratch(&mut opened)?;
    let logs = verifier::Logs::set(&mut opened);
    kernel_log::take();
    match opened.load() {
        Ok(loaded) => Ok(Loaded { object: loaded }),
        Err(error) => {
            let logs = logs.into_texts();
            Err(explain::refusal(
                &object.manifest,
                &error,
                &logs,
                &kernel_log::take(),
                verbose,
            ))
        }
    }
}

fn open(object: &ObjectFile, target: Option<&Target>) -> Result<OpenObject, Failure> {
    let mut builder = ObjectBuilder::default();
    // without a name libbpf makes one up, and gives it to the maps
    let stem = object.manifest.source.name.split('.').next();
    let name: String = stem
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(15)
        .collect();
    let name = if name.is_empty() { "btc".into() } else { name };
    let damaged = |error: libbpf_rs::Error| {
        let mut failure = Failure::unusable(format!("`{}` is damaged: {error}", object.name))
            .help("compile the script again with `btc`, or copy the object again");
        for line in kernel_log::take() {
            failure = failure.note(line);
        }
        failure
    };
    builder.name(&name).map_err(damaged)?;
    if let Some(target) = target {
        builder.btf_custom_path(target.path()).map_err(damaged)?;
    }
    builder.open_memory(&object.bytes).map_err(damaged)
}

/// Each program of the manifest must be in the object; its type follows from where it is attached, not from its section.
fn prepare_programs(opened: &mut OpenObject, object: &ObjectFile) -> Result<(), Failure> {
    for program in &object.manifest.programs {
        let found = opened
            .progs_mut()
            .find(|p| p.name() == program.name.as_str());
        let Some(mut found) = found else {
            return Err(Failure::unusable(format!(
                "`{}` is damaged: it has no program `{}`",
                object.name, program.name
            ))
            .at(program.span)
            .help("compile the script again with `btc`"));
        };
        found.set_prog_type(program_type(&program.attach));
    }
    if !object.manifest.events.is_empty() && !opened.maps().any(|m| m.name() == EVENTS_MAP) {
        return Err(Failure::unusable(format!(
            "`{}` is damaged: it has no map `{EVENTS_MAP}`",
            object.name
        )));
    }
    Ok(())
}

fn program_type(attach: &Attach) -> ProgramType {
    match attach {
        Attach::Begin | Attach::End => ProgramType::RawTracepoint,
        Attach::Kprobe { .. } | Attach::Kretprobe { .. } => ProgramType::Kprobe,
        Attach::Uprobe { .. } | Attach::Uretprobe { .. } => ProgramType::Kprobe,
        Attach::Tracepoint { .. } => ProgramType::Tracepoint,
        Attach::Interval { .. } | Attach::Profile { .. } => ProgramType::PerfEvent,
    }
}

/// The scratch map has an entry for each program; each CPU needs its own of them.
fn size_scratch(opened: &mut OpenObject) -> Result<(), Failure> {
    let scratch = opened.maps_mut().find(|m| m.name() == SCRATCH_MAP);
    let Some(mut scratch) = scratch.filter(|m| m.map_type() == MapType::Array) else {
        return Ok(());
    };
    let sized = libbpf_rs::num_possible_cpus()
        .and_then(|cpus| scratch.set_max_entries(scratch.max_entries() * cpus as u32));
    sized.map_err(|e| Failure::kernel(format!("the scratch memory cannot be sized: {e}")))
}

fn fill_slots(
    opened: &mut OpenObject,
    manifest: &Manifest,
    values: &SlotBytes,
) -> Result<(), Failure> {
    if manifest.slots.is_empty() {
        return Ok(());
    }
    let mut map = opened.maps_mut().find(|m| {
        m.name()
            .as_encoded_bytes()
            .ends_with(SLOTS_SECTION.as_bytes())
    });
    let Some(section) = map.as_mut().and_then(|m| m.initial_value_mut()) else {
        return Err(Failure::unusable(
            "the object is damaged: it has no slots section",
        ));
    };
    let start = boot_time().to_ne_bytes().to_vec();
    let starts = manifest
        .slots
        .iter()
        .filter(|s| s.value == SlotValue::StartTime);
    let all = values
        .iter()
        .map(|(offset, bytes)| (*offset, bytes))
        .chain(starts.map(|s| (s.offset, &start)));
    for (offset, bytes) in all {
        let offset = offset as usize;
        match section.get_mut(offset..offset + bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => {
                return Err(Failure::unusable(
                    "the object is damaged: a slot lies outside of its section",
                ));
            }
        }
    }
    Ok(())
}

/// Nanoseconds since boot, suspend included: the clock of the builtin `nsecs`.
fn boot_time() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the call writes one timespec, which is valid as zeroes too.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// libbpf's own pointer to a program that is not loaded yet.
fn raw(program: &libbpf_rs::OpenProgramMut<'_>) -> *mut libbpf_sys::bpf_program {
    program.as_libbpf_object().as_ptr()
}
