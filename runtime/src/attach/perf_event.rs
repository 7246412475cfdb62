//! perf events: what kprobes, uprobes, tracepoints and timers have in common (perf_event_open(2)).

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use bt_abi::manifest::Period;
use libbpf_rs::{Link, PerfEventOpts, ProgramMut};
use libbpf_sys::{
    PERF_COUNT_SW_CPU_CLOCK, PERF_COUNT_SW_DUMMY, PERF_FLAG_FD_CLOEXEC, PERF_SAMPLE_TIME,
    PERF_TYPE_BREAKPOINT, PERF_TYPE_SOFTWARE, PERF_TYPE_TRACEPOINT, perf_event_attr,
};

use crate::environment::cpus;
use crate::error::Failure;
use crate::process::Process;

/// A probe of the kernel's dynamic kind: `kprobe` or `uprobe`.
pub struct Pmu {
    kind: u32,
    /// The bit of `config` that asks for the return.
    return_bit: u32,
    /// The lowest of its bits that hold where the counter of a static probe is; `None` before Linux 4.20.
    counter_bit: Option<u32>,
}

impl Pmu {
    /// `None` where the kernel was built without it.
    pub fn find(name: &str) -> Option<Pmu> {
        let folder = format!("/sys/bus/event_source/devices/{name}");
        let kind = fs::read_to_string(format!("{folder}/type")).ok()?;
        // `config:0`, `config:32-63`
        let bit = |name: &str| -> Option<u32> {
            let bits = fs::read_to_string(format!("{folder}/format/{name}")).ok()?;
            let bits = bits.trim().strip_prefix("config:")?;
            bits.split('-').next()?.parse().ok()
        };
        Some(Pmu {
            kind: kind.trim().parse().ok()?,
            return_bit: bit("retprobe").unwrap_or(0),
            counter_bit: bit("ref_ctr_offset"),
        })
    }

    /// `place` is a function or a path, `offset` what comes after it, or an address of the kernel if there is no function. `counter`: where in
    /// the file the word is that counts who looks, for static probes that have one, else 0. Of a process alone, if there is one.
    pub fn open(
        &self,
        place: Option<&CStr>,
        offset: u64,
        at_return: bool,
        counter: u64,
        pid: Option<u32>,
    ) -> io::Result<OwnedFd> {
        let mut config = u64::from(at_return) << self.return_bit;
        if counter > 0 {
            let bit = self.counter_bit.ok_or(io::ErrorKind::Unsupported)?;
            config |= counter << bit;
        }
        let mut attr = attributes(self.kind, config);
        attr.__bindgen_anon_3.config1 = place.map_or(0, |place| place.as_ptr() as u64);
        attr.__bindgen_anon_4.config2 = offset;
        match pid {
            Some(pid) => open(&attr, pid as libc::pid_t, -1),
            None => open(&attr, ANY_PROCESS, first_cpu()),
        }
    }
}

/// Whose events.
#[derive(Clone, Copy)]
pub enum Whose {
    /// All that happen on a CPU.
    Cpu(i32),
    /// Those of a thread, and of the threads and processes that it makes.
    Thread(i32),
}

impl Whose {
    /// A number for the first, a number for the second; -1 stands for any.
    fn pid_and_cpu(self) -> (libc::pid_t, i32) {
        match self {
            Whose::Cpu(cpu) => (-1, cpu),
            Whose::Thread(thread) => (thread, -1),
        }
    }
}

/// One event for each: of the process's threads, or of the CPUs that are online.
pub fn everywhere(process: Option<&Process>) -> Result<Vec<Whose>, Failure> {
    if let Some(process) = process {
        return Ok(process.threads().into_iter().map(Whose::Thread).collect());
    }
    let cpus = cpus::online();
    let cpus = cpus.map_err(|e| Failure::system(&e, "cannot read which CPUs are online"))?;
    Ok(cpus.into_iter().map(Whose::Cpu).collect())
}

/// The CPU went offline, or the thread ended, since the list was read.
pub fn is_gone(error: &io::Error, whose: Whose) -> bool {
    match whose {
        Whose::Cpu(_) => error.raw_os_error() == Some(libc::ENODEV),
        Whose::Thread(_) => error.raw_os_error() == Some(libc::ESRCH),
    }
}

/// The event of a tracepoint by its id in tracefs.
pub fn tracepoint(id: u64) -> io::Result<OwnedFd> {
    let mut attr = attributes(PERF_TYPE_TRACEPOINT, id);
    attr.__bindgen_anon_1.sample_period = 1;
    open(&attr, ANY_PROCESS, first_cpu())
}

/// The CPU's clock, which fires once a period.
pub fn clock(period: &Period, whose: Whose) -> io::Result<OwnedFd> {
    let mut attr = attributes(PERF_TYPE_SOFTWARE, u64::from(PERF_COUNT_SW_CPU_CLOCK));
    match period {
        Period::Nanoseconds(ns) => attr.__bindgen_anon_1.sample_period = *ns,
        Period::Hertz(hz) => {
            attr.set_freq(1);
            attr.__bindgen_anon_1.sample_freq = *hz;
        }
    }
    open_for(attr, whose)
}

/// So many events of a kind that the kernel or the processor counts.
pub fn counter(kind: u32, config: u64, count: u64, whose: Whose) -> io::Result<OwnedFd> {
    let mut attr = attributes(kind, config);
    attr.__bindgen_anon_1.sample_period = count;
    open_for(attr, whose)
}

/// Accesses to an address; `access` are bits of <linux/hw_breakpoint.h>.
pub fn breakpoint(address: u64, length: u64, access: u32, whose: Whose) -> io::Result<OwnedFd> {
    let mut attr = attributes(PERF_TYPE_BREAKPOINT, 0);
    attr.__bindgen_anon_1.sample_period = 1;
    attr.bp_type = access;
    attr.__bindgen_anon_3.bp_addr = address;
    attr.__bindgen_anon_4.bp_len = length;
    open_for(attr, whose)
}

/// Counts nothing; its buffer gets records of processes that fork, exec, map code and end on this CPU, each with its time.
pub fn tasks(cpu: i32) -> io::Result<OwnedFd> {
    let mut attr = attributes(PERF_TYPE_SOFTWARE, u64::from(PERF_COUNT_SW_DUMMY));
    attr.sample_type = u64::from(PERF_SAMPLE_TIME);
    attr.set_sample_id_all(1);
    attr.set_mmap(1);
    attr.set_mmap2(1);
    attr.set_comm(1);
    attr.set_comm_exec(1);
    attr.set_task(1);
    // readable from the first byte on
    attr.set_watermark(1);
    attr.__bindgen_anon_2.wakeup_watermark = 1;
    open(&attr, ANY_PROCESS, cpu)
}

fn attributes(kind: u32, config: u64) -> perf_event_attr {
    perf_event_attr {
        type_: kind,
        size: size_of::<perf_event_attr>() as u32,
        config,
        ..Default::default()
    }
}

/// The first CPU that is online.
pub fn first_cpu() -> i32 {
    cpus::online().map_or(0, |c| c.first().copied().unwrap_or(0))
}

const ANY_PROCESS: libc::pid_t = -1;

fn open_for(mut attr: perf_event_attr, whose: Whose) -> io::Result<OwnedFd> {
    let (pid, cpu) = whose.pid_and_cpu();
    attr.set_inherit(u64::from(pid != ANY_PROCESS));
    open(&attr, pid, cpu)
}

fn open(attr: &perf_event_attr, pid: libc::pid_t, cpu: i32) -> io::Result<OwnedFd> {
    let no_group: libc::c_int = -1;
    // SAFETY: `attr` is a whole perf_event_attr of the size that it says; strings that it points to outlive the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            std::ptr::from_ref(attr),
            pid,
            cpu,
            no_group,
            libc::c_ulong::from(PERF_FLAG_FD_CLOEXEC),
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that we have just got, and that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// libbpf's text hides the error's number behind the name of its own step.
fn refusal(error: &libbpf_rs::Error) -> Failure {
    let text = format!("{error:#}");
    let failure = Failure::kernel(format!("the kernel refused to attach the program: {text}"));
    match text.contains("Argument list too long") {
        true => failure.help("a tracepoint, kprobe or uprobe runs at most 64 programs, those of other tools included: make one probe of several, with `if`"),
        false => failure,
    }
}

/// Runs the program at each event, until the link is dropped. `cookie`: what the program gets from
/// bpf_get_attach_cookie; 0 asks for none, and works on all kernels.
pub fn attach(program: &ProgramMut<'_>, event: OwnedFd, cookie: u32) -> Result<Link, Failure> {
    let opts = PerfEventOpts {
        cookie: u64::from(cookie),
        ..Default::default()
    };
    match program.attach_perf_event_with_opts(event.as_raw_fd(), opts) {
        Ok(link) => {
            // the link closes it
            let _ = event.into_raw_fd();
            Ok(link)
        }
        Err(error) => Err(refusal(&error)),
    }
}
