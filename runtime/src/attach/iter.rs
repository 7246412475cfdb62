//! `iter`: programs that run when the iterator is read.

use libbpf_rs::{Iter, IterOpts, Link, ProgramMut};

use crate::error::Failure;
use crate::targets::Site;

pub fn attach(program: &ProgramMut<'_>, site: &Site) -> Result<(Link, Iter), Failure> {
    let made = program
        .attach_iter_with_opts(IterOpts::None)
        .and_then(|link| Iter::new(&link).map(|iterator| (link, iterator)));
    made.map_err(|e| {
        Failure::kernel(format!(
            "the kernel refused to attach to `{}`: {e}",
            site.probe
        ))
        .help("iterators that are about one map or control group cannot be had; those of tasks can")
    })
}
