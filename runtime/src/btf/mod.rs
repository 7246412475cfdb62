//! The relocation target: a small BTF made on this machine, of only the types that the object's relocations name, with the
//! offsets that they have here. libbpf takes it in place of the kernel's own.
//!
//! Tracepoint arguments are in no BTF, so their structs come from the formats in tracefs. Everything that this
//! machine lacks is refused here, by its name in the script.

mod declaration;
mod describe;
mod format;
pub mod function;
mod kernel;
pub mod kernel_functions;
mod reader;
mod relocations;
pub mod tracepoint;
mod writer;

pub use describe::describe;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};

use bt_abi::manifest::{FieldOwner, FieldUse, Manifest};

use crate::environment::{BTF_FOLDER, Environment, KERNEL_BTF, release};
use crate::error::Failure;
use crate::object::ObjectFile;
use crate::suggest;
use crate::targets::Site;
use kernel::{Kernel, Missing};
use reader::Btf;
pub use reader::kind;
pub use relocations::Wanted;
use writer::Writer;

/// A type that is nowhere may be in a module that is not there.
const MODULE_HELP: &str = "if a module defines it, load the module first";

/// A BTF in memory that has a path, until it is dropped.
#[derive(Debug)]
pub struct Target {
    file: File,
}

impl Target {
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    fn new(bytes: &[u8]) -> io::Result<Target> {
        // SAFETY: the name is terminated; the call takes nothing else.
        let fd = unsafe { libc::memfd_create(c"btrun-btf".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that we have just got, and that nobody else owns.
        let mut file = unsafe { File::from_raw_fd(fd) };
        file.write_all(bytes)?;
        Ok(Target { file })
    }
}

/// Does this BTF have a function of that name?
pub fn has_function(file: File, name: &str) -> io::Result<bool> {
    let found = find(file, &[(kind::FUNC, name)])?;
    Ok(found.iter().any(Option::is_some))
}

/// The ids of types of these kinds and names, each.
pub fn find(file: File, wanted: &[(u8, &str)]) -> io::Result<Vec<Option<u32>>> {
    let mut btf = Btf::of_file(file)?;
    let names: Vec<String> = wanted.iter().map(|(_, name)| name.to_string()).collect();
    let names = btf.find_strings(&names)?;
    let mut found = vec![None; wanted.len()];
    btf.scan(|id, header| {
        for ((kind, _), (name, found)) in wanted.iter().zip(names.iter().zip(&mut found)) {
            if header.kind == *kind && header.name != 0 && header.name == *name {
                found.get_or_insert(id);
            }
        }
    })?;
    Ok(found)
}

/// What the object's relocations ask for.
pub fn wanted(object: &ObjectFile) -> Result<Wanted, Failure> {
    let damaged = |e| tracepoint::unreadable("the object's BTF", &e);
    relocations::read(&object.btf, &object.btf_ext).map_err(damaged)
}

/// Makes the target for an object. `None` if it needs none, or the kernel's whole BTF. `sites`: of each program that is
/// to be loaded.
pub fn target(
    object: &ObjectFile,
    wanted: &Wanted,
    environment: &Environment,
    sites: &[Option<&Site>],
) -> Result<Option<Target>, Failure> {
    let manifest = &object.manifest;
    let mut events = tracepoint::events(manifest, environment, sites)?;
    events.extend(function::events(manifest, wanted, sites)?);
    tracepoint::check_fields(manifest, &events)?;
    let checks: Vec<&FieldUse> = manifest
        .fields
        .iter()
        .filter(|f| matches!(f.owner, FieldOwner::Kernel { .. }))
        .collect();
    if wanted.full && !wanted.tracepoints.is_empty() {
        return Err(Failure::unusable(
            "the object needs both tracepoint arguments and kernel type ids, which this btrun cannot give together",
        )
        .help("use a newer btrun"));
    }
    if wanted.kernel.is_empty() && wanted.tracepoints.is_empty() && checks.is_empty() {
        return Ok(None);
    }
    let mut out = Writer::new();
    tracepoint::add(&mut out, wanted, &events)?;
    if !wanted.kernel.is_empty() || !checks.is_empty() {
        add_kernel(&mut out, manifest, &wanted.kernel, &checks)?;
    }
    if wanted.full {
        return Ok(None);
    }
    let target = Target::new(&out.finish())
        .map_err(|e| Failure::system(&e, "cannot make a file in memory"))?;
    Ok(Some(target))
}

fn add_kernel(
    out: &mut Writer,
    manifest: &Manifest,
    accesses: &[relocations::KernelAccess],
    checks: &[&FieldUse],
) -> Result<(), Failure> {
    let file = File::open(KERNEL_BTF).map_err(|_| no_btf(manifest, checks))?;
    let mut names: Vec<String> = Vec::new();
    let all = accesses.iter().map(|a| a.name.as_str());
    for name in all.chain(checks.iter().map(|c| owner(c))) {
        if !names.iter().any(|n| n == name) {
            names.push(name.to_string());
        }
    }
    let unreadable = |e| tracepoint::unreadable("the kernel's BTF", &e);
    let mut kernel = Kernel::read(file, names).map_err(unreadable)?;
    kernel
        .search_modules(Path::new(BTF_FOLDER))
        .map_err(unreadable)?;
    for check in checks {
        let has = match is_enum(check) {
            true => kernel.has_constant(owner(check), &check.field),
            false => kernel.has(owner(check), &check.field),
        };
        if let Err(missing) = has.map_err(unreadable)? {
            return Err(refuse(&mut kernel, check, missing));
        }
    }
    let mut roots = Vec::new();
    for access in accesses {
        roots.extend(kernel.mark(access).map_err(unreadable)?);
    }
    // a type that was copied before is not copied again
    for root in roots {
        kernel.copy(out, root).map_err(unreadable)?;
    }
    Ok(())
}

/// The bare name: people write `struct task_struct`.
fn owner(field: &FieldUse) -> &str {
    match &field.owner {
        FieldOwner::Kernel { name } => name.split_once(' ').map_or(name, |(_keyword, name)| name),
        FieldOwner::Tracepoint { .. } | FieldOwner::Function { .. } => "",
    }
}

fn is_enum(field: &FieldUse) -> bool {
    matches!(&field.owner, FieldOwner::Kernel { name } if name.starts_with("enum "))
}

fn refuse(kernel: &mut Kernel, field: &FieldUse, missing: Missing) -> Failure {
    match missing {
        Missing::Type => {
            let name = match &field.owner {
                FieldOwner::Kernel { name } if name.contains(' ') => name.clone(),
                _ => format!("struct {}", owner(field)),
            };
            let release = release();
            Failure::kernel(format!(
                "`{name}` does not exist on this kernel ({release})"
            ))
            .at(field.span)
            .help(MODULE_HELP)
        }
        Missing::Constant { known } => {
            let near = suggest::nearest(&field.field, known.iter().map(String::as_str));
            let (name, release) = (owner(field), release());
            Failure::kernel(format!(
                "`enum {name}` has no `{}` on this kernel ({release})",
                field.field
            ))
            .at(field.span)
            .suggest(near)
        }
        Missing::Member { owner, member } => {
            let name = kernel.type_name(owner).unwrap_or_default();
            let own = kernel.member_names(owner).unwrap_or_default();
            let near = suggest::nearest(&member, own.iter().map(String::as_str));
            let of = match name.is_empty() {
                true => "an unnamed struct".to_string(),
                false => format!("`struct {name}`"),
            };
            Failure::kernel(format!(
                "{of} has no field `{member}` on this kernel ({})",
                release()
            ))
            .at(field.span)
            .suggest(near)
        }
    }
}

fn no_btf(manifest: &Manifest, checks: &[&FieldUse]) -> Failure {
    let failure = Failure::kernel(format!(
        "this kernel ({}) does not describe its types: {KERNEL_BTF} is missing",
        release()
    ))
    .help("a kernel with CONFIG_DEBUG_INFO_BTF is needed to read its structs");
    let needs = manifest.needs.iter().find(|n| n.name == "btf");
    match checks
        .first()
        .map(|c| c.span)
        .or_else(|| needs.map(|n| n.span))
    {
        Some(span) => failure.at(span),
        None => failure,
    }
}

#[cfg(test)]
mod tests;
