//! What this kernel can attach: found out by trying it with a program that does nothing, never guessed from a version.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use libbpf_sys::{
    BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, bpf_btf_get_fd_by_id,
    bpf_btf_get_next_id, bpf_btf_info, bpf_insn, bpf_obj_get_info_by_fd, bpf_prog_load,
    bpf_prog_load_opts, bpf_prog_type, bpf_raw_tracepoint_open,
};

use super::perf_event::Pmu;
use crate::btf::function::VMLINUX;

/// libbpf gives errors as negative numbers.
pub fn owned(fd: i32) -> io::Result<OwnedFd> {
    match fd {
        ..0 => Err(io::Error::from_raw_os_error(-fd)),
        // SAFETY: a descriptor that we have just got, and that nobody else owns.
        _ => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

/// Loads a program that returns 0.
pub fn nothing(kind: bpf_prog_type, mut options: bpf_prog_load_opts) -> io::Result<OwnedFd> {
    options.sz = size_of::<bpf_prog_load_opts>() as _;
    let mut code = [bpf_insn::default(); 2];
    code[0].code = 0xb7;
    code[1].code = 0x95;
    // SAFETY: two instructions, a terminated licence, no name; all live through the call.
    owned(unsafe {
        bpf_prog_load(
            kind,
            ptr::null(),
            c"GPL".as_ptr(),
            code.as_ptr(),
            code.len() as _,
            &mut options,
        )
    })
}

/// Lets a trampoline be made for a function, and takes it away again. `id`: of the function in the BTF of the module.
pub fn try_fentry(at_return: bool, module: &str, id: u32) -> io::Result<()> {
    let program = load_fentry(at_return, module, id)?;
    // SAFETY: the call takes no name for such programs.
    owned(unsafe { bpf_raw_tracepoint_open(ptr::null(), program.as_raw_fd()) }).map(drop)
}

/// Loads a program for a function: the kernel refuses some already then.
pub fn load_fentry(at_return: bool, module: &str, id: u32) -> io::Result<OwnedFd> {
    let types = match module {
        VMLINUX => None,
        module => Some(types_of_module(module)?),
    };
    let options = bpf_prog_load_opts {
        expected_attach_type: match at_return {
            false => BPF_TRACE_FENTRY,
            true => BPF_TRACE_FEXIT,
        },
        attach_btf_id: id,
        attach_btf_obj_fd: types.as_ref().map_or(0, |fd| fd.as_raw_fd() as u32),
        ..Default::default()
    };
    nothing(BPF_PROG_TYPE_TRACING, options)
}

/// The BTF of a module that is loaded.
fn types_of_module(module: &str) -> io::Result<OwnedFd> {
    let mut id = 0;
    // SAFETY: the call reads one number and writes one.
    while unsafe { bpf_btf_get_next_id(id, &mut id) } == 0 {
        // SAFETY: the call takes a number.
        let Ok(fd) = owned(unsafe { bpf_btf_get_fd_by_id(id) }) else {
            continue;
        };
        let mut name = [0u8; 64];
        let mut info = bpf_btf_info {
            name: name.as_mut_ptr() as u64,
            name_len: name.len() as u32,
            ..Default::default()
        };
        let mut length = size_of::<bpf_btf_info>() as u32;
        // SAFETY: the kernel writes to the info, and to the name as much as it is long; both live through the call.
        let status = unsafe {
            bpf_obj_get_info_by_fd(fd.as_raw_fd(), ptr::from_mut(&mut info).cast(), &mut length)
        };
        let found = CStr::from_bytes_until_nul(&name).unwrap_or_default();
        if status == 0 && info.kernel_btf != 0 && found.to_bytes() == module.as_bytes() {
            return Ok(fd);
        }
    }
    Err(io::Error::from_raw_os_error(libc::ENOENT))
}

/// Has the kernel kprobes?
pub fn has_kprobes() -> bool {
    Pmu::find("kprobe").is_some()
}
