//! `iter`: programs that run when the iterator is read.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};

use libbpf_rs::{AsRawLibbpf, Iter, Link, ProgramMut};
use libbpf_sys::{
    bpf_iter_attach_opts, bpf_iter_link_info, bpf_link_info, bpf_obj_get_info_by_fd,
    bpf_program__attach_iter,
};

use crate::environment::release;
use crate::error::Failure;
use crate::targets::Site;

/// `pid`: of the process whose objects alone are wanted.
pub fn attach(program: &ProgramMut<'_>, site: &Site, pid: Option<u32>) -> Result<Link, Failure> {
    let Some(pid) = pid else {
        return create(program, ptr::null_mut(), 0).map_err(|e| refused(e, site));
    };
    let mut which = bpf_iter_link_info::default();
    which.task.pid = pid;
    let link = create(program, &mut which, size_of_val(&which) as u32).map_err(|e| {
        // a kernel that does not know of tasks there takes the words for a mistake
        match e.raw_os_error() {
            Some(libc::E2BIG | libc::EINVAL) => all_alone(site),
            _ => refused(e, site),
        }
    })?;
    match process_of(&link) {
        Some(found) if found == pid => Ok(link),
        // Linux 6.0 passes over them
        _ => Err(all_alone(site)),
    }
}

fn create(
    program: &ProgramMut<'_>,
    link_info: *mut bpf_iter_link_info,
    link_info_len: u32,
) -> io::Result<Link> {
    let options = bpf_iter_attach_opts {
        sz: size_of::<bpf_iter_attach_opts>() as _,
        link_info,
        link_info_len,
        ..Default::default()
    };
    // SAFETY: the program is loaded; options and what they point to live through the call.
    let link = unsafe { bpf_program__attach_iter(program.as_libbpf_object().as_ptr(), &options) };
    match NonNull::new(link) {
        // SAFETY: libbpf made it, and nobody else has it.
        Some(link) => Ok(unsafe { Link::from_ptr(link) }),
        None => Err(io::Error::last_os_error()),
    }
}

/// The process that the kernel says an iterator is about.
fn process_of(link: &Link) -> Option<u32> {
    let mut info = bpf_link_info::default();
    let mut length = size_of_val(&info) as u32;
    let fd = link.as_fd().as_raw_fd();
    // SAFETY: a descriptor that is open, and room for as much as is said.
    let status =
        unsafe { bpf_obj_get_info_by_fd(fd, ptr::from_mut(&mut info).cast(), &mut length) };
    // SAFETY: the link is an iterator's; all of the union was zeroed, and the kernel writes plain integers.
    let pid = unsafe { info.__bindgen_anon_1.iter.__bindgen_anon_2.task.pid };
    (status == 0).then_some(pid)
}

/// For one reading of it.
pub fn open(link: &Link, site: &Site) -> Result<Iter, Failure> {
    Iter::new(link)
        .map_err(|e| Failure::kernel(format!("the kernel refused to read `{}`: {e}", site.probe)))
}

fn all_alone(site: &Site) -> Failure {
    Failure::kernel(format!(
        "`{}` goes through all processes on this kernel ({}), and cannot be about one",
        site.probe,
        release()
    ))
    .help("Linux 6.1 can; else run it without -p and -c, and compare in the script: `/ctx.task.tgid == $1/`")
}

fn refused(error: io::Error, site: &Site) -> Failure {
    Failure::system(
        &error,
        format!("the kernel refused to attach to `{}`", site.probe),
    )
    .help("iterators that are about one map or control group cannot be had; those of tasks can")
}
