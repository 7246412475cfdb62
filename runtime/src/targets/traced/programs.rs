//! BPF programs that are loaded on this machine, and the functions in them.

use bt_abi::attach::matches;
use bt_abi::manifest::Program;
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions, ProgramInfo};
use libbpf_sys::{
    btf, btf__free, btf__load_from_kernel_by_id, btf__name_by_offset, btf__type_by_id,
};

use crate::error::Failure;
use crate::targets::{Place, Site, no_match};

/// The functions that match, of the program of that id or of all. A kernel lets only those that have BTF be traced.
pub fn sites(program: &Program, id: Option<u32>, function: &str) -> Result<Vec<Site>, Failure> {
    let provider = program.probe.split(':').next().unwrap_or_default();
    let mut sites = Vec::new();
    for info in
        ProgInfoIter::with_query_opts(ProgInfoQueryOptions::default().include_func_info(true))
    {
        if id.is_some_and(|id| id != info.id) {
            continue;
        }
        for name in functions(&info) {
            if matches(function, &name) {
                sites.push(Site {
                    probe: format!("{provider}:bpf:{}:{name}", info.id),
                    func: name.clone(),
                    place: Place::Program {
                        id: info.id,
                        function: name,
                    },
                    id: 0,
                    return_id: 0,
                    prototype: None,
                });
            }
        }
    }
    match (sites.is_empty(), id) {
        (false, _) => Ok(sites),
        (true, Some(id)) if ProgInfoIter::default().all(|info| info.id != id) => Err(
            Failure::kernel(format!("there is no BPF program with the id {id}"))
                .help("`bpftool prog` lists those that are loaded"),
        ),
        (true, _) => Err(no_match(program, "function of a loaded BPF program").help(
            "only programs with BTF can be traced; `bpftool prog` lists those that are loaded",
        )),
    }
}

/// The names of its functions, its own first.
fn functions(info: &ProgramInfo) -> Vec<String> {
    if info.btf_id == 0 {
        return Vec::new();
    }
    // SAFETY: the call takes an id, and gives a BTF of our own or null.
    let types = unsafe { btf__load_from_kernel_by_id(info.btf_id) };
    if types.is_null() {
        return Vec::new();
    }
    let names = info.func_info.iter();
    let names = names.filter_map(|f| name(types, f.type_id)).collect();
    // SAFETY: it is ours, and not used any more.
    unsafe { btf__free(types) };
    names
}

fn name(types: *const btf, id: u32) -> Option<String> {
    // SAFETY: libbpf checks the id, and what it gives lives as long as the BTF, whose strings are terminated.
    let text = unsafe {
        let ty = btf__type_by_id(types, id);
        let text = btf__name_by_offset(types, ty.as_ref()?.name_off);
        std::ffi::CStr::from_ptr(text.as_ref()?)
    };
    Some(text.to_string_lossy().into_owned())
}
