//! From the object's bytes to programs in the kernel: open, fill the slots, load.

mod explain;
mod helpers;
mod kfuncs;
mod names;
pub mod permission;
mod verifier;

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use bt_abi::manifest::{
    Attach, Event, EventKind, Manifest, Program, Slot, SlotValue, UsdtArgument,
};
use bt_abi::names::{EVENTS_MAP, FAULTS_SECTION, SCRATCH_MAP, SLOTS_SECTION};
use bt_abi::usdt::Argument;
use libbpf_rs::{
    AsRawLibbpf, Map, MapCore, MapType, Object, ObjectBuilder, OpenObject, OpenProgramMut,
    ProgramAttachType, ProgramMut, ProgramType,
};

use crate::btf::function::VMLINUX;
use crate::btf::{self, Target, Wanted};
use crate::environment::Environment;
use crate::error::Failure;
use crate::kernel_log;
use crate::object::ObjectFile;
use crate::params::SlotBytes;
use crate::symbols::binary;
use crate::targets::variants::Variant;
use crate::targets::{Place, Site};
use crate::unwind;

/// Programs and maps are in the kernel; nothing is attached. All of it goes when this is dropped, or the process dies.
pub struct Loaded {
    object: Object,
    /// Programs that are needed more than once: further objects with one program each, that use the first one's maps.
    more: Vec<Object>,
    /// By the program's index: how it is loaded. The first of each is in `object`, the others follow each other in `more`.
    plan: Vec<Vec<Variant>>,
    names: Vec<String>,
}

impl Loaded {
    pub fn program(&self, program: &Program) -> Option<ProgramMut<'_>> {
        find(&self.object, &program.name)
    }

    /// The program of that index, as often as it is loaded.
    pub fn variants(&self, index: usize) -> impl Iterator<Item = (&Variant, ProgramMut<'_>)> {
        let before = self.plan.iter().take(index);
        let first: usize = before.map(|v| v.len().saturating_sub(1)).sum();
        let variants = self.plan.get(index).into_iter().flatten().enumerate();
        variants.filter_map(move |(i, variant)| {
            let object = match i.checked_sub(1) {
                None => &self.object,
                Some(i) => self.more.get(first + i)?,
            };
            Some((variant, find(object, self.names.get(index)?)?))
        })
    }

    /// Is the program of that index a part of another one?
    pub fn is_partner(&self, index: usize) -> bool {
        let partners = self
            .plan
            .iter()
            .flatten()
            .filter_map(|v| v.partner.as_ref());
        partners.into_iter().any(|p| p.program == index)
    }

    pub fn map(&self, symbol: &str) -> Option<Map<'_>> {
        self.object.maps().find(|m| m.name() == symbol)
    }
}

fn find<'o>(object: &'o Object, name: &str) -> Option<ProgramMut<'o>> {
    object.progs_mut().find(|p| p.name() == name)
}

/// What loading an object takes besides the object.
pub struct Loader<'a> {
    pub object: &'a ObjectFile,
    pub environment: &'a Environment,
    pub wanted: &'a Wanted,
    /// The values of the slots but the start time, which is taken here, and the ids of probes.
    pub values: &'a SlotBytes,
    pub verbose: bool,
    /// Look-ups that find nothing are counted.
    pub watch_lookups: bool,
}

impl Loader<'_> {
    pub fn load(&self, plan: Vec<Vec<Variant>>) -> Result<Loaded, Failure> {
        kernel_log::redirect(self.verbose);
        let start = boot_time();
        let first: Vec<Option<&Variant>> = plan.iter().map(|v| v.first()).collect();
        let names = names::of(&plan);
        let sessions = plan.iter().flatten().any(|v| v.partner.is_some());
        let bytes = kfuncs::resolve(self.object, sessions)?;
        // held until the load
        let mut _model = None;
        let object = self.load_one(&bytes, &first, start, |opened| {
            _model = unwind::prepare(opened)?;
            size_scratch(opened)?;
            if self.watch_lookups {
                watch_lookups(opened);
            }
            names::size(opened, names.len())
        })?;
        names::fill(&object, &names)?;
        let mut more = Vec::new();
        for (index, variants) in plan.iter().enumerate() {
            for variant in variants.iter().skip(1) {
                let mut only = vec![None; plan.len()];
                only[index] = Some(variant);
                more.push(
                    self.load_one(&bytes, &only, start, |opened| share_maps(opened, &object))?,
                );
            }
        }
        let programs = self.object.manifest.programs.iter().zip(&plan);
        let name = |(program, variants): (&Program, &Vec<Variant>)| {
            function(program, variants.first()).to_string()
        };
        Ok(Loaded {
            object,
            more,
            names: programs.map(name).collect(),
            plan,
        })
    }

    /// Loads the programs that have a variant here. `prepare` sees to the maps.
    fn load_one<'a>(
        &self,
        bytes: &[u8],
        variants: &[Option<&'a Variant>],
        start: u64,
        prepare: impl FnOnce(&mut OpenObject) -> Result<(), Failure>,
    ) -> Result<Object, Failure> {
        let first = |v: &Option<&'a Variant>| v.and_then(|v| v.sites.first());
        let sites: Vec<Option<&Site>> = variants.iter().map(first).collect();
        let target = btf::target(self.object, self.wanted, self.environment, &sites)?;
        let mut opened = open(self.object, bytes, target.as_ref())?;
        // programs that others are attached to are held until the load
        let _programs = prepare_programs(&mut opened, self.object, variants)?;
        let manifest = &self.object.manifest;
        fill_slots(&mut opened, manifest, self.values, variants, start)?;
        prepare(&mut opened)?;
        let logs = verifier::Logs::set(&mut opened);
        kernel_log::take();
        opened.load().map_err(|error| {
            explain::refusal(
                manifest,
                &error,
                &logs.into_texts(),
                &kernel_log::take(),
                self.verbose,
            )
        })
    }
}

/// All maps are the first object's, save the slots, which may differ.
fn share_maps(opened: &mut OpenObject, from: &Object) -> Result<(), Failure> {
    for mut map in opened.maps_mut() {
        if is_slots(map.name()) {
            continue;
        }
        let Some(shared) = from.maps().find(|m| m.name() == map.name()) else {
            continue;
        };
        map.reuse_fd(shared.as_fd())
            .map_err(|e| Failure::kernel(format!("a map cannot be shared: {e}")))?;
    }
    Ok(())
}

fn is_slots(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(SLOTS_SECTION.as_bytes())
}

fn open(object: &ObjectFile, bytes: &[u8], target: Option<&Target>) -> Result<OpenObject, Failure> {
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
    builder.open_memory(bytes).map_err(damaged)
}

/// Each program of the manifest must be in the object; its type follows from where it is attached, not from its section.
fn prepare_programs(
    opened: &mut OpenObject,
    object: &ObjectFile,
    variants: &[Option<&Variant>],
) -> Result<Vec<OwnedFd>, Failure> {
    let mut held = Vec::new();
    let programs = object.manifest.programs.iter().zip(variants);
    let names: Vec<&str> = programs.map(|(p, v)| function(p, *v)).collect();
    // alternatives that are not taken
    for mut other in opened.progs_mut() {
        if !names.iter().any(|name| other.name() == *name) {
            other.set_autoload(false);
        }
    }
    let programs = object.manifest.programs.iter().zip(variants);
    for ((program, variant), name) in programs.zip(names) {
        let found = opened.progs_mut().find(|p| p.name() == name);
        let Some(mut found) = found else {
            return Err(Failure::unusable(format!(
                "`{}` is damaged: it has no program `{}`",
                object.name, program.name
            ))
            .at(program.span)
            .help("compile the script again with `btc`"));
        };
        found.set_prog_type(program_type(&program.attach));
        match variant {
            None => found.set_autoload(false),
            Some(variant) if variant.partner.is_some() => {
                found.set_attach_type(ProgramAttachType::TraceKprobeSession)
            }
            Some(variant) if variant.multi => found.set_attach_type(multi_type(&program.attach)),
            Some(variant) => {
                let Some(site) = variant.sites.first() else {
                    continue;
                };
                let traced = set_traced(&mut found, &program.attach, &site.place);
                held.extend(traced.map_err(|f| f.at(program.span))?);
            }
        }
    }
    let events = &object.manifest.events;
    let is_packet = |e: &Event| matches!(e.kind, EventKind::Packet { .. });
    if !events.iter().all(is_packet) && !opened.maps().any(|m| m.name() == EVENTS_MAP) {
        return Err(Failure::unusable(format!(
            "`{}` is damaged: it has no map `{EVENTS_MAP}`",
            object.name
        )));
    }
    Ok(held)
}

/// The function in the object that a program is.
fn function<'a>(program: &'a Program, variant: Option<&'a Variant>) -> &'a str {
    match variant.and_then(|v| v.partner.as_ref()) {
        Some(partner) => &partner.name,
        None => &program.name,
    }
}

fn multi_type(attach: &Attach) -> ProgramAttachType {
    match attach {
        Attach::Uprobe { .. } | Attach::Uretprobe { .. } | Attach::Usdt { .. } => {
            ProgramAttachType::TraceUprobeMulti
        }
        _ => ProgramAttachType::KprobeMulti,
    }
}

/// Programs of functions and raw tracepoints are loaded for them. Gives what must be held until the load.
fn set_traced(
    found: &mut OpenProgramMut<'_>,
    attach: &Attach,
    place: &Place,
) -> Result<Option<OwnedFd>, Failure> {
    found.set_attach_type(match attach {
        Attach::Fentry { .. } | Attach::FentryProgram { .. } => ProgramAttachType::TraceFentry,
        Attach::Fexit { .. } | Attach::FexitProgram { .. } => ProgramAttachType::TraceFexit,
        Attach::RawTracepoint { .. } => ProgramAttachType::TraceRawTp,
        Attach::Iter { .. } => ProgramAttachType::TraceIter,
        _ => return Ok(None),
    });
    let refused = |name: &str, e: libbpf_rs::Error| {
        Failure::kernel(format!("`{name}` cannot be traced on this kernel: {e}"))
    };
    match place {
        Place::Traced { module, name } => {
            let target = match module.as_str() {
                VMLINUX => name.clone(),
                module => format!("{module}:{name}"),
            };
            let set = found.set_attach_target(0, Some(target));
            set.map_err(|e| refused(name, e))?;
            Ok(None)
        }
        Place::Program { id, function } => {
            let fd = libbpf_rs::Program::fd_from_id(*id).map_err(|e| {
                refused(function, e).help(format!("the BPF program {id} may have gone meanwhile"))
            })?;
            let set = found.set_attach_target(fd.as_raw_fd(), Some(function.clone()));
            set.map_err(|e| refused(function, e))?;
            Ok(Some(fd))
        }
        Place::Iterator { name, .. } => {
            let set = found.set_attach_target(0, Some(name.clone()));
            set.map_err(|e| refused(name, e))?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

pub fn program_type(attach: &Attach) -> ProgramType {
    match attach {
        // parameters are replaced before anything is loaded
        Attach::Begin
        | Attach::End
        | Attach::Signal { .. }
        | Attach::Test { .. }
        | Attach::Deferred { .. } => ProgramType::RawTracepoint,
        // its test run can be repeated, and counts time
        Attach::Bench { .. } => ProgramType::Xdp,
        Attach::Fentry { .. }
        | Attach::Fexit { .. }
        | Attach::FentryProgram { .. }
        | Attach::FexitProgram { .. }
        | Attach::RawTracepoint { .. }
        | Attach::Iter { .. } => ProgramType::Tracing,
        Attach::Kprobe { .. } | Attach::Kretprobe { .. } | Attach::KprobeAddress { .. } => {
            ProgramType::Kprobe
        }
        Attach::Uprobe { .. } | Attach::Uretprobe { .. } | Attach::Usdt { .. } => {
            ProgramType::Kprobe
        }
        Attach::Tracepoint { .. } => ProgramType::Tracepoint,
        Attach::Interval { .. }
        | Attach::Profile { .. }
        | Attach::Software { .. }
        | Attach::Hardware { .. }
        | Attach::Watchpoint { .. } => ProgramType::PerfEvent,
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

/// Look-ups that find nothing are counted only if the first word of the faults says so.
fn watch_lookups(opened: &mut OpenObject) {
    let mut faults = opened.maps_mut().find(|m| {
        m.name()
            .as_encoded_bytes()
            .ends_with(FAULTS_SECTION.as_bytes())
    });
    if let Some(first) = faults
        .as_mut()
        .and_then(|m| m.initial_value_mut()?.first_mut())
    {
        *first = 1;
    }
}

fn fill_slots(
    opened: &mut OpenObject,
    manifest: &Manifest,
    values: &SlotBytes,
    variants: &[Option<&Variant>],
    start: u64,
) -> Result<(), Failure> {
    if manifest.slots.is_empty() {
        return Ok(());
    }
    let mut map = opened.maps_mut().find(|m| is_slots(m.name()));
    let Some(section) = map.as_mut().and_then(|m| m.initial_value_mut()) else {
        return Err(Failure::unusable(
            "the object is damaged: it has no slots section",
        ));
    };
    let mut more = SlotBytes::new();
    for slot in &manifest.slots {
        if let Some(value) = user_variable(slot, variants) {
            let value = value.map_err(|failure| failure.at(slot.span))?;
            more.push((slot.offset, value.to_ne_bytes().to_vec()));
        }
    }
    let own = manifest.slots.iter().filter_map(|slot| {
        let value = match slot.value {
            SlotValue::StartTime => start,
            SlotValue::ProbeId { program } => {
                u64::from(variants.get(program as usize).copied().flatten()?.id)
            }
            SlotValue::UsdtPlace(wanted) => argument(variants, wanted)?.place(),
            SlotValue::UsdtOffset(wanted) => argument(variants, wanted)?.offset as u64,
            _ => return None,
        };
        Some((slot.offset, value.to_ne_bytes().to_vec()))
    });
    for (offset, bytes) in values.iter().cloned().chain(own).chain(more) {
        let offset = offset as usize;
        match section.get_mut(offset..offset + bytes.len()) {
            Some(place) => place.copy_from_slice(&bytes),
            None => {
                return Err(Failure::unusable(
                    "the object is damaged: a slot lies outside of its section",
                ));
            }
        }
    }
    Ok(())
}

/// What `uaddr()` needs to know of a variable of the binary that a program is attached to.
fn user_variable(slot: &Slot, variants: &[Option<&Variant>]) -> Option<Result<u64, Failure>> {
    let (program, name) = match &slot.value {
        SlotValue::UserAddress { program, named } | SlotValue::UserMask { program, named } => {
            (*program, &named.name)
        }
        _ => return None,
    };
    let variant = variants.get(program as usize).copied().flatten()?;
    let Place::User { path, offset, .. } = &variant.sites.first()?.place else {
        return None;
    };
    let found = binary::variable(path, name, *offset);
    Some(
        found.map(|(address, size, place)| match (&slot.value, size) {
            (SlotValue::UserAddress { .. }, _) => address.wrapping_sub(place),
            (_, 1 | 2 | 4) => (1 << (8 * size)) - 1,
            _ => u64::MAX,
        }),
    )
}

/// Where an argument of a static probe is, at the places of the variant that is loaded.
fn argument(variants: &[Option<&Variant>], wanted: UsdtArgument) -> Option<Argument> {
    let variant = variants.get(wanted.program as usize).copied().flatten()?;
    let Place::Static { arguments, .. } = &variant.sites.first()?.place else {
        return None;
    };
    let found = arguments.iter().find(|(n, _)| *n == wanted.argument)?;
    found.1.as_ref().ok().copied()
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
