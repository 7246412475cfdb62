//! Functions and raw tracepoints that the kernel's BTF describes. What a module's own BTF has, libbpf looks for.

use crate::btf::function;
use crate::environment::kallsyms::{self, Lookup};
use crate::environment::{KERNEL_BTF, release};
use crate::error::Failure;

pub fn function(module: Option<&str>, name: &str) -> Result<(), Failure> {
    if is_there(module, false, name)? {
        return Ok(());
    }
    match kallsyms::look_up(name, module) {
        Some(Lookup::Missing { near }) => Err(Failure::kernel(format!(
            "kernel function `{name}` does not exist on this kernel"
        ))
        .suggest(near)),
        // of a module, perhaps
        _ => Ok(()),
    }
}

pub fn raw_tracepoint(module: Option<&str>, name: &str) -> Result<(), Failure> {
    match is_there(module, true, name)? {
        true => Ok(()),
        false => Err(Failure::kernel(format!(
            "raw tracepoint `{name}` does not exist on this kernel"
        ))
        .help("the events of tracefs have the same names, without their categories")),
    }
}

fn is_there(module: Option<&str>, raw: bool, name: &str) -> Result<bool, Failure> {
    if module.is_some_and(|m| m != "vmlinux") {
        return Ok(true);
    }
    function::exists(raw, name).ok_or_else(|| {
        Failure::kernel(format!(
            "this kernel ({}) does not describe its functions: {KERNEL_BTF} is missing",
            release()
        ))
        .help("a kernel with CONFIG_DEBUG_INFO_BTF is needed; kprobes and tracepoints work without")
    })
}
