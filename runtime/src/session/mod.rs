//! A run, from `begin` to the maps at the end.

mod faults;
mod losses;
mod packets;
mod printer;
mod ready;
#[cfg(any(test, feature = "record"))]
mod recording;
mod reporter;
mod trials;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bt_abi::manifest::{Attach, Manifest, Program};
use bt_abi::names::{EVENTS_MAP, PACKETS_MAP};
use libbpf_rs::{PerfBuffer, RingBuffer, RingBufferBuilder};

use crate::attach::special::{self, Moment};
use crate::attach::{self, Attached};
use crate::cli::{Mode, Run};
use crate::environment::Environment;
use crate::error::{Failure, describe};
use crate::load::Loaded;
use crate::object::ObjectFile;
use crate::process::Process;
use crate::report::How;
use crate::report::Sink;
use crate::say;
use crate::signals;
use crate::symbols::stacks::Followed;
use crate::targets::Targets;
use packets::Captures;
use reporter::{LOST_INTERVAL, Reporter};

/// Runs to the end; the status is the script's.
pub fn run(
    run: &Run,
    object: &ObjectFile,
    targets: &Targets,
    loaded: &Loaded,
    environment: &Environment,
    process: Option<&mut Process>,
) -> Result<u8, Failure> {
    let manifest = &object.manifest;
    let unhandled = |e| Failure::system(&e, "cannot handle signals");
    let wake = signals::install().map_err(unhandled)?;
    let by_signal = |p: &Program| matches!(p.attach, Attach::Signal { .. });
    let signalled = run.mode == Mode::Trace && manifest.programs.iter().any(by_signal);
    if signalled {
        signals::install_user().map_err(unhandled)?;
    }
    let sink = Sink::new(destination(run)?);
    let target = process.as_ref().map(|p| (p.pid, p.command_pid().is_some()));
    let others = run.dwarf_pids.iter().map(|pid| (*pid, false));
    let followed = Followed {
        pids: others.chain(target).collect(),
        files: &|| process.as_ref().map(|p| p.expected()).unwrap_or_default(),
    };
    let reporter = RefCell::new(Reporter::new(run, manifest, loaded, sink, &followed)?);
    let map = loaded.map(EVENTS_MAP);
    let ring = match &map {
        Some(map) => Some(ring(map, &reporter)?),
        None => None,
    };
    let captures = RefCell::new(match run.dry_run {
        true => Captures::default(),
        false => Captures::create(manifest)?,
    });
    let packets = match loaded.map(PACKETS_MAP) {
        Some(map) => Some(packets::buffer(&map, manifest, &captures)?),
        None => None,
    };
    let began = special::run(manifest, loaded, Moment::Begin)?;
    let mut session = Session {
        manifest,
        loaded,
        reporter: &reporter,
        ring,
        captures: &captures,
        packets,
        wake,
        watch_stdout: run.output.is_none(),
        signalled,
        process,
    };
    match run.mode {
        Mode::Trace => {}
        Mode::Test => return session.tests(),
        Mode::Bench => return session.benchmarks(),
    }
    let process = session.process.as_deref();
    let attached = attach::all(manifest, targets, loaded, environment, process, run.verbose)?;
    let pins = match run.dry_run {
        true => Vec::new(),
        false => attached.pin()?,
    };
    session.announce(run, attached.probes, &attached.how, &pins);
    if run.dry_run {
        return Ok(0);
    }
    let pins = pins.len();
    session.start_process()?;
    let outcome = session.trace(attached, began, pins);
    session.end_process(run);
    session.finish(outcome)
}

/// Why the tracing is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A signal, or nothing more can happen.
    Ended,
    /// The script's `exit()`.
    Exit,
    /// Nobody reads the report any more.
    NoReader,
}

struct Session<'a, 'r> {
    manifest: &'a Manifest,
    loaded: &'a Loaded,
    reporter: &'r RefCell<Reporter<'a>>,
    ring: Option<RingBuffer<'r>>,
    captures: &'r RefCell<Captures>,
    packets: Option<PerfBuffer<'r>>,
    wake: i32,
    watch_stdout: bool,
    /// The script has probes for signals.
    signalled: bool,
    process: Option<&'a mut Process>,
}

impl Session<'_, '_> {
    /// Says how many probes there are, as soon as they are attached.
    fn announce(&self, run: &Run, probes: usize, how: &[How], pins: &[&Path]) {
        let mut reporter = self.reporter.borrow_mut();
        if !run.quiet {
            reporter.attached(probes, how);
        }
        reporter.pinned(pins);
        if let Some(line) = &run.ready_line {
            reporter.flush();
            say::out(&format!("{line}\n"));
        }
        ready::tell_service_manager();
    }

    /// Reports records until there is a reason to end, and detaches.
    fn trace(&self, mut attached: Attached, began: usize, pins: usize) -> Result<Outcome, Failure> {
        let has_end = self
            .manifest
            .programs
            .iter()
            .any(|p| p.attach == Attach::End);
        let iterators = attached.iterators().count();
        self.iterate(&mut attached)?;
        // with `begin` and iterators alone nothing can happen any more once they have run
        let nothing = attached.is_over() && self.process.is_none() && !self.signalled;
        let over = nothing && (iterators + pins > 0 || began > 0 && !has_end);
        let outcome = loop {
            if self.signalled && signals::take_user() {
                special::run(self.manifest, self.loaded, Moment::Signal)?;
            }
            // asked first, so that all that it caused is there to be read
            let ended = self.process.as_ref().is_some_and(|p| p.has_ended());
            self.consume();
            let mut reporter = self.reporter.borrow_mut();
            reporter.poll_lost();
            reporter.end_of_batch();
            for address in reporter.take_unwatched() {
                attached.unwatch(address);
            }
            if let Some(failure) = reporter.failed() {
                return Err(failure);
            }
            self.captures.borrow_mut().flush()?;
            if reporter.no_reader() {
                break Outcome::NoReader;
            }
            if reporter.exiting() {
                break Outcome::Exit;
            }
            if over || ended || signals::pending() {
                break Outcome::Ended;
            }
            drop(reporter);
            if self.wait()? {
                break Outcome::NoReader;
            }
        };
        drop(attached);
        Ok(outcome)
    }

    /// Reads each iterator to its end, which runs its program. It gives a byte for each object that may have sent records, so that
    /// the buffer of records never has those of more than one.
    fn iterate(&self, attached: &mut Attached) -> Result<(), Failure> {
        let mut byte = [0];
        for iterator in attached.iterators() {
            loop {
                match iterator.read(&mut byte) {
                    Ok(0) => break,
                    Ok(_) => {}
                    // so many objects without a byte that the kernel wants to be asked again
                    Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => {}
                    Err(e) => return Err(Failure::system(&e, "cannot read an iterator")),
                }
                self.consume();
                if self.reporter.borrow().is_done() || signals::pending() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A command starts once `begin` has been reported, unless that ends the run.
    fn start_process(&mut self) -> Result<(), Failure> {
        if self.process.is_some() {
            self.consume();
            self.reporter.borrow_mut().end_of_batch();
        }
        let reporter = self.reporter;
        let Some(process) = self.process.as_deref_mut() else {
            return Ok(());
        };
        if reporter.borrow().exiting() {
            return Ok(());
        }
        // So that stacks can be unwound from the first instruction on.
        let unwinds = reporter.borrow().urgent() >= 0;
        let mut before = || reporter.borrow_mut().poll_processes();
        process.start(match unwinds {
            true => Some(&mut before),
            false => None,
        })
    }

    /// Says how a command ended; one that goes on is ended.
    fn end_process(&mut self, run: &Run) {
        let ended = self.process.as_mut().and_then(|p| p.finish());
        if let Some(how) = ended
            && !run.quiet
        {
            self.reporter.borrow_mut().flush();
            say::err(&format!("{how}\n"));
        }
    }

    /// `end`, the records that are left, and the maps.
    fn finish(self, outcome: Result<Outcome, Failure>) -> Result<u8, Failure> {
        match outcome? {
            Outcome::NoReader => return Ok(self.reporter.borrow().status()),
            // what was sent after exit() is not reported
            Outcome::Exit => self.consume(),
            Outcome::Ended => self.drain(),
        }
        self.captures.borrow_mut().flush()?;
        self.reporter.borrow_mut().go_on_after_exit();
        special::run(self.manifest, self.loaded, Moment::End)?;
        self.drain();
        let mut reporter = self.reporter.borrow_mut();
        reporter.finish()?;
        reporter.flush();
        match reporter.failed() {
            Some(failure) => Err(failure),
            None => Ok(reporter.status()),
        }
    }

    fn consume(&self) {
        self.consume_packets();
        if let Some(ring) = &self.ring {
            // the callback stops early only for reasons that the reporter remembers
            let _ = ring.consume_raw();
        }
    }

    fn consume_packets(&self) {
        if let Some(packets) = &self.packets {
            // gives no errors of its own
            let _ = packets.consume();
        }
    }

    /// All records, even if a signal is pending: the callback stops after one then.
    fn drain(&self) {
        self.consume_packets();
        if let Some(ring) = &self.ring {
            self.reporter.borrow_mut().drain();
            let _ = ring.consume_raw();
        }
    }

    /// Waits for records, a signal, or the end of the reader (then true).
    fn wait(&self) -> Result<bool, Failure> {
        let watch = |fd: i32, events: libc::c_short| libc::pollfd {
            fd,
            events,
            revents: 0,
        };
        // negative descriptors are left out by poll(2)
        let stdout = if self.watch_stdout { 1 } else { -1 };
        let ring = self.ring.as_ref().map_or(-1, RingBuffer::epoll_fd);
        let packets = self.packets.as_ref().map_or(-1, PerfBuffer::epoll_fd);
        let process = self.process.as_ref().map_or(-1, |p| p.watched());
        let urgent = self.reporter.borrow().urgent();
        let mut fds = [
            watch(ring, libc::POLLIN),
            watch(self.wake, libc::POLLIN),
            watch(stdout, 0),
            watch(process, libc::POLLIN),
            watch(urgent, libc::POLLIN),
            watch(packets, libc::POLLIN),
        ];
        let timeout = LOST_INTERVAL.as_millis() as i32;
        // SAFETY: an array of so many, which lives through the call.
        let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as _, timeout) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::Interrupted => Ok(false),
                _ => Err(Failure::system(&error, "cannot wait for events")),
            };
        }
        Ok(fds[2].revents & (libc::POLLERR | libc::POLLHUP) != 0)
    }
}

fn ring<'r>(
    map: &libbpf_rs::Map<'_>,
    reporter: &'r RefCell<Reporter<'_>>,
) -> Result<RingBuffer<'r>, Failure> {
    let failed =
        |e: libbpf_rs::Error| Failure::kernel(format!("cannot map the buffer of events: {e}"));
    let mut builder = RingBufferBuilder::new();
    builder
        .add(map, |record| match reporter.borrow_mut().record(record) {
            true => 0,
            false => -libc::EINTR,
        })
        .map_err(failed)?;
    builder.build().map_err(failed)
}

fn destination(run: &Run) -> Result<Box<dyn Write>, Failure> {
    match &run.output {
        None => Ok(Box::new(io::stdout().lock())),
        Some(path) => match File::create(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(e) => Err(Failure::unusable(format!(
                "cannot write to `{}`: {}",
                path.display(),
                describe(&e)
            ))),
        },
    }
}
