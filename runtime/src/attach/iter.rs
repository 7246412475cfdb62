//! `iter`: programs that run when the iterator is read.

use libbpf_rs::{Iter, IterOpts, Link, ProgramMut};

use crate::error::Failure;
use crate::targets::Site;

pub fn attach(program: &ProgramMut<'_>, site: &Site) -> Result<Link, Failure> {
    let link = program.attach_iter_with_opts(IterOpts::None);
    link.map_err(|e| refused(e, site))
}

/// For one reading of it.
pub fn open(link: &Link, site: &Site) -> Result<Iter, Failure> {
    Iter::new(link).map_err(|e| refused(e, site))
}

fn refused(e: libbpf_rs::Error, site: &Site) -> Failure {
    Failure::kernel(format!(
        "the kernel refused to attach to `{}`: {e}",
        site.probe
    ))
    .help("iterators that are about one map or control group cannot be had; those of tasks can")
}
