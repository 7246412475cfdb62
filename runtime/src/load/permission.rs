//! May programs of a kind call a function of the kernel? Found out by loading one that does nothing else.

use std::fs::File;
use std::io;
use std::ptr;

use bt_abi::manifest::Attach;
use libbpf_sys::{
    BPF_PSEUDO_KFUNC_CALL, BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, BPF_TRACE_ITER, BPF_TRACE_RAW_TP,
    bpf_insn, bpf_prog_load, bpf_prog_load_opts,
};

use super::{program_type, verifier};
use crate::attach::feature::owned;
use crate::btf::{self, kind};
use crate::environment::KERNEL_BTF;

/// Whether programs that are attached so may call the function. Not, where the kernel has no BTF.
pub fn allowed(attach: &Attach, name: &str) -> io::Result<bool> {
    let file = match File::open(KERNEL_BTF) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let target = target(attach);
    let mut wanted = vec![(kind::FUNC, name)];
    wanted.extend(target.map(|(_, kind, name)| (kind, name)));
    let found = btf::find(file, &wanted)?;
    let Some(Some(id)) = found.first() else {
        return Ok(false);
    };
    let options = bpf_prog_load_opts {
        expected_attach_type: target.map_or(0, |(attach, ..)| attach),
        attach_btf_id: found.get(1).copied().flatten().unwrap_or(0),
        ..Default::default()
    };
    call(attach, *id, options)
}

/// Tracing programs are loaded for something: what every kernel has. How they are attached, then the kind of type and its name.
fn target(attach: &Attach) -> Option<(u32, u8, &'static str)> {
    const FUNCTION: &str = "bpf_fentry_test1";
    Some(match attach {
        Attach::Fentry { .. } | Attach::FentryProgram { .. } => {
            (BPF_TRACE_FENTRY, kind::FUNC, FUNCTION)
        }
        Attach::Fexit { .. } | Attach::FexitProgram { .. } => {
            (BPF_TRACE_FEXIT, kind::FUNC, FUNCTION)
        }
        Attach::RawTracepoint { .. } => (BPF_TRACE_RAW_TP, kind::TYPEDEF, "btf_trace_sched_switch"),
        Attach::Iter { .. } => (BPF_TRACE_ITER, kind::FUNC, "bpf_iter_task"),
        _ => return None,
    })
}

/// The arguments are missing, so the verifier refuses the call, but it asks first whether it may be made at all.
fn call(attach: &Attach, id: u32, mut options: bpf_prog_load_opts) -> io::Result<bool> {
    let mut log = vec![0u8; 16 << 10];
    options.sz = size_of::<bpf_prog_load_opts>() as _;
    options.log_level = 1;
    options.log_buf = log.as_mut_ptr().cast();
    options.log_size = log.len() as u32;
    let mut code = [bpf_insn::default(); 2];
    code[0].code = 0x85;
    code[0].set_src_reg(BPF_PSEUDO_KFUNC_CALL as u8);
    code[0].imm = id as i32;
    code[1].code = 0x95;
    // SAFETY: two instructions, a terminated licence, no name, a log of the length that is given; all live through the call.
    let loaded = owned(unsafe {
        bpf_prog_load(
            program_type(attach) as u32,
            ptr::null(),
            c"GPL".as_ptr(),
            code.as_ptr(),
            code.len() as _,
            &mut options,
        )
    });
    let length = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..length]);
    match loaded {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => Err(e),
        // it came to the call
        Err(_) => Ok(log.contains("(85) call") && verifier::forbidden_kfunc(&log).is_none()),
    }
}
