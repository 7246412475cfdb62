//! Many functions at once: kprobe_multi (since Linux 5.18, with CONFIG_FPROBE) and uprobe_multi (since 6.6).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::raw::c_char;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libbpf_rs::ProgramMut;
use libbpf_sys::{
    BPF_F_KPROBE_MULTI_RETURN, BPF_F_UPROBE_MULTI_RETURN, BPF_PROG_TYPE_KPROBE,
    BPF_TRACE_KPROBE_MULTI, BPF_TRACE_KPROBE_SESSION, BPF_TRACE_UPROBE_MULTI, bpf_attach_type,
    bpf_link_create, bpf_link_create_opts,
    bpf_link_create_opts__bindgen_ty_1__bindgen_ty_2 as Kprobes,
    bpf_link_create_opts__bindgen_ty_1__bindgen_ty_3 as Uprobes, bpf_prog_load_opts,
};

use super::Attachment;
use super::feature::{nothing, owned};
use crate::error::Failure;
use crate::process::Process;
use crate::targets::variants::Variant;
use crate::targets::{Place, Site};

/// One function, or a file: what a link is asked for.
struct Request<'a> {
    names: Vec<CString>,
    /// The file of the functions, for uprobes.
    path: Option<CString>,
    offsets: Vec<u64>,
    /// Where the counters of static probes are, 0 for none.
    semaphores: Vec<u64>,
    cookies: Vec<u64>,
    at_return: bool,
    /// Entry and return in one program.
    session: bool,
    /// Uprobes of this process alone; 0 for all.
    pid: u32,
    sites: &'a [&'a Site],
}

/// What all links of a program have in common.
#[derive(Clone, Copy)]
struct How {
    pid: u32,
    session: bool,
}

/// Attaches to all places of a variant; those that the kernel refuses come back with its error.
pub fn attach<'s>(
    program: &ProgramMut<'_>,
    variant: &'s Variant,
    process: Option<&Process>,
    links: &mut Vec<Attachment>,
) -> Result<Vec<(&'s Site, io::Error)>, Failure> {
    let mut refused = Vec::new();
    let pid = process.map_or(0, |p| p.pid);
    let session = variant.partner.is_some();
    let mut rest: Vec<&Site> = variant.sites.iter().collect();
    while let Some(first) = rest.first() {
        // a link is about one file; for the kernel's functions all are alike
        let file = file_of(first);
        let (here, others): (Vec<&Site>, Vec<&Site>) =
            rest.iter().partition(|site| file_of(site) == file);
        let how = How { pid, session };
        halve(program, &here, how, links, &mut refused)?;
        rest = others;
    }
    Ok(refused)
}

fn file_of(site: &Site) -> Option<&Path> {
    match &site.place {
        Place::User { path, .. } | Place::Static { path, .. } => Some(path),
        _ => None,
    }
}

/// The kernel takes all or none, and does not say which it minds: halves find it.
fn halve<'s>(
    program: &ProgramMut<'_>,
    sites: &[&'s Site],
    how: How,
    links: &mut Vec<Attachment>,
    refused: &mut Vec<(&'s Site, io::Error)>,
) -> Result<(), Failure> {
    let fd = program.as_fd().as_raw_fd();
    let link = Request::new(sites, how)?.create(fd);
    match (link, sites) {
        (Ok(link), _) => links.push(Attachment::Fd(link)),
        (Err(error), [site]) => refused.push((site, error)),
        (Err(error), _) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => {
            return Err(Failure::system(&error, "cannot attach to functions"));
        }
        (Err(_), _) => {
            let (left, right) = sites.split_at(sites.len() / 2);
            halve(program, left, how, links, refused)?;
            halve(program, right, how, links, refused)?;
        }
    }
    Ok(())
}

impl<'a> Request<'a> {
    fn new(sites: &'a [&'a Site], how: How) -> Result<Request<'a>, Failure> {
        let text = |bytes: &[u8]| {
            CString::new(bytes)
                .map_err(|_| Failure::unusable("the name of a function or file holds a zero byte"))
        };
        let mut request = Request {
            names: Vec::new(),
            path: None,
            offsets: Vec::new(),
            semaphores: Vec::new(),
            cookies: Vec::new(),
            at_return: false,
            session: how.session,
            pid: how.pid,
            sites,
        };
        for site in sites {
            let cookie = u64::from(site.return_id) << 32 | u64::from(site.id);
            request.cookies.push(cookie);
            match &site.place {
                Place::Kernel {
                    function,
                    at_return,
                    ..
                } => {
                    request.names.push(text(function.as_bytes())?);
                    request.at_return = *at_return;
                }
                Place::User {
                    path,
                    offset,
                    at_return,
                } => {
                    request.path = Some(text(path.as_os_str().as_bytes())?);
                    request.offsets.push(*offset);
                    request.semaphores.push(0);
                    request.at_return = *at_return;
                }
                Place::Static {
                    path,
                    offset,
                    semaphore,
                    ..
                } => {
                    request.path = Some(text(path.as_os_str().as_bytes())?);
                    request.offsets.push(*offset);
                    request.semaphores.push(*semaphore);
                }
                Place::Plain
                | Place::Event { .. }
                | Place::Address { .. }
                | Place::Traced { .. }
                | Place::Iterator { .. }
                | Place::Program { .. } => {}
            }
        }
        Ok(request)
    }

    fn create(&self, program: i32) -> io::Result<OwnedFd> {
        let mut names: Vec<*const c_char> = self.names.iter().map(|n| n.as_ptr()).collect();
        let mut opts = options();
        let cnt = self.sites.len() as u32;
        let kind = match &self.path {
            None => {
                opts.__bindgen_anon_1.kprobe_multi = Kprobes {
                    cnt,
                    syms: names.as_mut_ptr(),
                    cookies: self.cookies.as_ptr(),
                    flags: if self.at_return {
                        BPF_F_KPROBE_MULTI_RETURN
                    } else {
                        0
                    },
                    ..Default::default()
                };
                match self.session {
                    false => BPF_TRACE_KPROBE_MULTI,
                    true => BPF_TRACE_KPROBE_SESSION,
                }
            }
            Some(path) => {
                opts.__bindgen_anon_1.uprobe_multi = Uprobes {
                    cnt,
                    pid: self.pid,
                    path: path.as_ptr(),
                    offsets: self.offsets.as_ptr(),
                    ref_ctr_offsets: self.semaphores.as_ptr(),
                    cookies: self.cookies.as_ptr(),
                    flags: if self.at_return {
                        BPF_F_UPROBE_MULTI_RETURN
                    } else {
                        0
                    },
                    ..Default::default()
                };
                BPF_TRACE_UPROBE_MULTI
            }
        };
        link(program, kind, &opts)
    }
}

fn options() -> bpf_link_create_opts {
    bpf_link_create_opts {
        sz: size_of::<bpf_link_create_opts>() as _,
        ..Default::default()
    }
}

fn link(program: i32, kind: bpf_attach_type, opts: &bpf_link_create_opts) -> io::Result<OwnedFd> {
    // SAFETY: the options and all that they point to live through the call.
    let fd = unsafe { bpf_link_create(program, 0, kind, opts) };
    owned(fd)
}

/// A kernel that has it looks for the function, and finds none.
pub fn kprobes_supported() -> bool {
    let tried = try_kprobes(BPF_TRACE_KPROBE_MULTI, NO_FUNCTION);
    tried.err().is_some_and(|error| finds_none(&error))
}

/// Attaches a session to a function and detaches it again; without one, finds out whether the kernel can do that to any.
pub fn try_session(function: Option<&str>) -> io::Result<()> {
    let Some(function) = function else {
        return match try_kprobes(BPF_TRACE_KPROBE_SESSION, NO_FUNCTION) {
            Err(error) if finds_none(&error) => Ok(()),
            tried => tried,
        };
    };
    try_kprobes(BPF_TRACE_KPROBE_SESSION, &CString::new(function)?)
}

const NO_FUNCTION: &CStr = c"btrun.no.such.function";

fn finds_none(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENOENT))
}

fn try_kprobes(kind: bpf_attach_type, function: &CStr) -> io::Result<()> {
    let mut names = [function.as_ptr()];
    let mut opts = options();
    opts.__bindgen_anon_1.kprobe_multi = Kprobes {
        cnt: 1,
        syms: names.as_mut_ptr(),
        ..Default::default()
    };
    try_link(kind, &opts)
}

/// A kernel that has it finds that the root folder is no file. The first ones (before 6.10) took a process for its first thread; those
/// that do not see at once that no process has the number -1.
pub fn uprobes_supported(of_process: bool) -> bool {
    let offset: u64 = 0;
    let refuses = |pid, error| {
        let mut opts = options();
        opts.__bindgen_anon_1.uprobe_multi = Uprobes {
            cnt: 1,
            path: c"/".as_ptr(),
            offsets: &offset,
            pid,
            ..Default::default()
        };
        refuses_with(BPF_TRACE_UPROBE_MULTI, &opts, &[error])
    };
    refuses(0, libc::EBADF) && (!of_process || refuses(u32::MAX, libc::EINVAL))
}

fn refuses_with(kind: bpf_attach_type, opts: &bpf_link_create_opts, errors: &[i32]) -> bool {
    let error = try_link(kind, opts).err();
    let error = error.and_then(|e| e.raw_os_error());
    error.is_some_and(|e| errors.contains(&e))
}

/// Attaches a program that does nothing.
fn try_link(kind: bpf_attach_type, opts: &bpf_link_create_opts) -> io::Result<()> {
    let options = bpf_prog_load_opts {
        expected_attach_type: kind,
        ..Default::default()
    };
    let program = nothing(BPF_PROG_TYPE_KPROBE, options)?;
    link(program.as_raw_fd(), kind, opts).map(drop)
}
