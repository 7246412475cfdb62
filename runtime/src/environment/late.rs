//! Late-bound values that this machine gives: addresses of the kernel, ids of cgroups, the number of CPUs.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use bt_abi::manifest::{Manifest, Named, NamespacePart, Slot, SlotValue};

use super::{KERNEL_BTF, kallsyms};
use crate::btf;
use crate::error::Failure;
use crate::load::permission;
use crate::params::SlotBytes;
use crate::process::{Process, namespace};
use crate::report::clock;

/// The values of the slots that neither the command line nor the clock fills.
pub fn fill(manifest: &Manifest, process: Option<&Process>) -> Result<SlotBytes, Failure> {
    let mut filled = SlotBytes::new();
    for slot in &manifest.slots {
        if let Some(value) = value(manifest, slot, process) {
            let value = value.map_err(|failure| failure.at(slot.span))?;
            let size = (slot.ty.size() as usize).min(8);
            filled.push((slot.offset, value.to_ne_bytes()[..size].to_vec()));
        }
    }
    Ok(filled)
}

fn value(
    manifest: &Manifest,
    slot: &Slot,
    process: Option<&Process>,
) -> Option<Result<u64, Failure>> {
    Some(match &slot.value {
        SlotValue::KernelAddress(Named { name: symbol }) => match kallsyms::address(symbol) {
            Some(0) => Err(Failure::not_permitted(format!(
                "the address of the kernel symbol `{symbol}` is hidden"
            ))
            .help("/proc/kallsyms shows addresses to a process with CAP_SYSLOG, unless kernel.kptr_restrict is 2")),
            Some(address) => Ok(address),
            None => Err(Failure::kernel(format!(
                "this kernel has no symbol `{symbol}` in /proc/kallsyms"
            ))),
        },
        SlotValue::CgroupId(Named { name: path }) => match std::fs::metadata(path) {
            Ok(folder) => Ok(folder.ino()),
            Err(e) => Err(Failure::system(&e, format!("cannot read the cgroup `{path}`"))),
        },
        SlotValue::Cpus => match libbpf_rs::num_possible_cpus() {
            Ok(cpus) => Ok(cpus as u64),
            Err(e) => Err(Failure::kernel(format!("cannot count the CPUs: {e}"))),
        },
        SlotValue::TaiOffset => {
            let [tai, boot] = [libc::CLOCK_TAI, libc::CLOCK_BOOTTIME].map(clock::read);
            Ok((tai - boot) as u64)
        }
        SlotValue::PidNamespace { part } => Ok(pid_namespace(*part)),
        SlotValue::ChildPid => {
            let pid = process.and_then(Process::command_pid);
            Ok(pid.map_or(0, u64::from))
        }
        SlotValue::KfuncExists(Named { name }) => match has_function(name) {
            Ok(has) => Ok(u64::from(has)),
            Err(e) => Err(Failure::system(&e, "cannot read the kernel's BTF")),
        },
        SlotValue::KfuncAllowed { program, named } => {
            let program = manifest.programs.get(*program as usize)?;
            match permission::allowed(&program.attach, &named.name) {
                Ok(may) => Ok(u64::from(may)),
                Err(e) => {
                    let what = format!("cannot ask the kernel for its function `{}`", named.name);
                    Err(Failure::system(&e, what))
                }
            }
        }
        SlotValue::Target { part } => Ok(process.map_or(0, |p| p.filter(*part))),
        _ => return None,
    })
}

/// A kernel without BTF has no function that programs could call.
pub fn has_function(name: &str) -> io::Result<bool> {
    match File::open(KERNEL_BTF) {
        Ok(file) => btf::has_function(file, name),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// What bpf_get_ns_current_pid_tgid compares; zeroes where /proc is not mounted.
fn pid_namespace(part: NamespacePart) -> u64 {
    let [device, inode] = namespace::name_of("self").unwrap_or_default();
    match part {
        NamespacePart::Device => device,
        NamespacePart::Inode => inode,
    }
}
