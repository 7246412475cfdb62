//! Packets that `skboutput` sends: they come through perf buffers, one for each CPU, and go into files.
//!
//! What found no room the programs count themselves, as they do for other records: what perf says of it is passed over.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use bt_abi::manifest::{EventKind, Manifest, Span};
use bt_abi::record::{Header, Packet};
use libbpf_rs::{Map, PerfBuffer, PerfBufferBuilder};

use crate::error::{Failure, describe};
use crate::report::clock;
use crate::report::pcap::Capture;

/// Bytes of the buffer of a CPU, unless `perf_rb_pages` says how many all have together: a few packets of the largest kind.
const BUFFER: u64 = 256 << 10;
/// Of what `perf_rb_pages` counts.
const PAGE: u64 = 4096;

/// The files of a run.
#[derive(Default)]
pub struct Captures {
    files: Vec<CaptureFile>,
    /// By event: the index of its file.
    of_event: Vec<Option<usize>>,
    /// Nanoseconds from the kernel's clock to that of the calendar.
    apart: i128,
    failure: Option<Failure>,
}

struct CaptureFile {
    path: String,
    span: Span,
    capture: Capture<BufWriter<File>>,
}

impl CaptureFile {
    fn failed(&self, error: &io::Error) -> Failure {
        cannot_write(&self.path, self.span, error)
    }
}

impl Captures {
    /// Creates the files of all events, one for each path.
    pub fn create(manifest: &Manifest) -> Result<Captures, Failure> {
        let mut captures = Captures {
            apart: clock::read(libc::CLOCK_REALTIME) - clock::read(libc::CLOCK_BOOTTIME),
            ..Captures::default()
        };
        for event in &manifest.events {
            let EventKind::Packet { path, .. } = &event.kind else {
                captures.of_event.push(None);
                continue;
            };
            let known = captures.files.iter().position(|f| f.path == *path);
            if known.is_none() {
                captures.files.push(CaptureFile {
                    path: path.clone(),
                    span: event.span,
                    capture: Capture::create(Path::new(path))
                        .map_err(|e| cannot_write(path, event.span, &e))?,
                });
            }
            let index = known.unwrap_or(captures.files.len() - 1);
            captures.of_event.push(Some(index));
        }
        Ok(captures)
    }

    fn packet(&mut self, record: &[u8]) {
        let file = Header::read(record).and_then(|h| *self.of_event.get(h.event as usize)?);
        let (Some(index), Some((packet, bytes))) = (file, Packet::read(record)) else {
            return;
        };
        let time = i128::from(packet.time) + self.apart;
        let Some(file) = self.files.get_mut(index) else {
            return;
        };
        if bytes.is_empty() || self.failure.is_some() {
            return;
        }
        if let Err(error) = file.capture.packet(time as u64, bytes) {
            self.failure = Some(file.failed(&error));
        }
    }

    /// What came goes into the files; says what went wrong until now.
    pub fn flush(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        for file in &mut self.files {
            if let Err(error) = file.capture.flush() {
                return Err(file.failed(&error));
            }
        }
        Ok(())
    }
}

/// The perf buffers of the packets.
pub fn buffer<'r>(
    map: &Map<'_>,
    manifest: &Manifest,
    captures: &'r RefCell<Captures>,
) -> Result<PerfBuffer<'r>, Failure> {
    let failed =
        |e: libbpf_rs::Error| Failure::kernel(format!("cannot map the buffers of packets: {e}"));
    let builder = PerfBufferBuilder::new(map)
        .pages(pages(manifest)?)
        .sample_cb(|_, record: &[u8]| captures.borrow_mut().packet(record));
    builder.build().map_err(failed)
}

/// Pages of the buffer of a CPU.
fn pages(manifest: &Manifest) -> Result<usize, Failure> {
    let cpus = libbpf_rs::num_possible_cpus()
        .map_err(|e| Failure::kernel(format!("the CPUs cannot be counted: {e}")))?;
    let wanted = manifest.config.settings.get("perf_rb_pages");
    let wanted = wanted.and_then(|pages| pages.parse::<u64>().ok());
    let bytes = wanted.map_or(BUFFER, |pages| pages * PAGE / cpus.max(1) as u64);
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(1) as u64;
    Ok(bytes.div_ceil(page).max(1).next_power_of_two() as usize)
}

fn cannot_write(path: &str, span: Span, error: &io::Error) -> Failure {
    let why = describe(error);
    Failure::unusable(format!("cannot write packets to `{path}`: {why}")).at(span)
}
