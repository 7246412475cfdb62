//! `fentry`, `fexit` and `rawtracepoint`: the program was loaded for its place.

use libbpf_rs::{Link, ProgramMut};

use crate::error::Failure;
use crate::targets::Site;

pub fn attach(program: &ProgramMut<'_>, site: &Site) -> Result<Link, Failure> {
    program.attach_trace().map_err(|e| {
        Failure::kernel(format!("the kernel refused to attach to `{}`: {e}", site.probe))
            .help("functions that are inlined, notrace or in use by live patches cannot be traced; a kprobe may do")
    })
}
