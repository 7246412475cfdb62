//! The state of a report: what was asked to end it, what was lost, what went wrong. What is printed is [`super::printer`]'s business.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use bt_abi::manifest::Manifest;

use crate::cli::{Buffering, Run};
use crate::error::{Failure, describe};
use crate::load::Loaded;
use crate::maps::KernelMaps;
use crate::report::{self, BenchmarkResult, How, Output, Sink, TestResult};
use crate::signals;
use crate::symbols::stacks::{Followed, StackPrinter};

use super::faults::Faults;
use super::losses::Losses;
use super::printer::{Printer, Request};

/// Between two looks at the counters of lost events.
pub const LOST_INTERVAL: Duration = Duration::from_millis(250);

pub struct Reporter<'a> {
    manifest: &'a Manifest,
    printer: Printer<'a, KernelMaps<'a>, StackPrinter<'a>>,
    buffering: Buffering,
    output_file: Option<&'a Path>,
    state: State,
    /// What the script exits with.
    code: Option<i64>,
    losses: Losses<'a>,
    lost_checked: Instant,
    faults: Faults<'a>,
    warnings: bool,
    failure: Option<Failure>,
    no_reader: bool,
    /// The output that is not used while a test prints.
    set_aside: Option<Box<dyn Output>>,
    /// Addresses whose watchpoints are over.
    unwatched: Vec<u64>,
}

/// What a test printed, and how it ended.
pub struct Captured {
    pub text: Vec<u8>,
    /// Calls of `errorf`.
    pub errors: usize,
    /// Of `exit`, or 0.
    pub code: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Reports; a signal stops it after a record.
    Tracing,
    /// `exit()` was called: records are dropped.
    Exiting,
    /// Reports all that is left.
    Draining,
}

impl<'a> Reporter<'a> {
    pub fn new(
        run: &'a Run,
        manifest: &'a Manifest,
        loaded: &'a Loaded,
        sink: Sink,
        followed: &Followed,
    ) -> Result<Reporter<'a>, Failure> {
        let tables = KernelMaps::find(loaded, manifest)?;
        let stacks = StackPrinter::new(loaded, manifest, followed);
        let output = report::format(run.format);
        let mut printer = Printer::new(manifest, tables, stacks, output, sink);
        printer.warnings = run.warnings;
        Ok(Reporter {
            manifest,
            printer,
            buffering: run.buffering,
            output_file: run.output.as_deref(),
            state: State::Tracing,
            code: None,
            losses: Losses::new(loaded, manifest),
            lost_checked: Instant::now(),
            faults: Faults::new(loaded, &manifest.faults, run.helper_errors),
            warnings: run.warnings,
            failure: None,
            no_reader: false,
            set_aside: None,
            unwatched: Vec::new(),
        })
    }

    /// Handles a record; false if the reading shall stop here.
    pub fn record(&mut self, record: &[u8]) -> bool {
        if self.state != State::Exiting {
            match self.printer.report(record) {
                Ok(Request::Nothing) => {}
                Ok(Request::Exit(code)) => self.exit(code),
                Ok(Request::Unwatch(address)) => self.unwatched.push(address),
                Err(failure) => {
                    self.failure.get_or_insert(failure);
                }
            }
        }
        let due = self.printer.sink.is_full() || self.buffering == Buffering::None;
        if due && self.printer.capturing.is_none() {
            self.flush();
        }
        let stopped = self.state == State::Tracing && signals::pending();
        !(stopped || self.no_reader || self.failure.is_some())
    }

    /// Addresses whose watchpoints are over, since the last time.
    pub fn take_unwatched(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.unwatched)
    }

    fn exit(&mut self, code: i64) {
        self.code = Some(code);
        if self.state == State::Tracing {
            self.state = State::Exiting;
        }
    }

    /// From now on what is printed is kept.
    pub fn begin_capture(&mut self) {
        self.flush();
        let text = report::format(crate::cli::Format::Text);
        let output = std::mem::replace(&mut self.printer.output, text);
        self.set_aside = Some(output);
        self.printer.capturing = Some(0);
        self.code = None;
    }

    pub fn end_capture(&mut self) -> Captured {
        let errors = self.printer.capturing.take().unwrap_or(0);
        if let Some(output) = self.set_aside.take() {
            self.printer.output = output;
        }
        // a test's exit ends the test
        self.state = State::Tracing;
        Captured {
            text: std::mem::take(&mut self.printer.sink.buffer),
            errors,
            code: self.code.take().unwrap_or(0),
        }
    }

    pub fn test_result(&mut self, result: &TestResult<'_>) {
        self.printer
            .output
            .test(&mut self.printer.sink.buffer, result);
    }

    pub fn benchmark_result(&mut self, result: &BenchmarkResult<'_>) {
        self.printer
            .output
            .benchmark(&mut self.printer.sink.buffer, result);
    }

    pub fn attached(&mut self, probes: usize, how: &[How]) {
        self.printer
            .output
            .attached(&mut self.printer.sink.buffer, probes, how);
    }

    pub fn pinned(&mut self, paths: &[&Path]) {
        for path in paths {
            let out = &mut self.printer.sink.buffer;
            self.printer.output.pinned(out, path);
        }
    }

    /// Reports events that were lost since the last time. Asked after each batch of records, it looks a few times a second.
    pub fn poll_lost(&mut self) {
        if self.lost_checked.elapsed() >= LOST_INTERVAL {
            self.check_lost();
            self.printer.stacks.update();
        } else if self.urgent() >= 0 {
            self.printer.stacks.update();
        }
    }

    /// Takes in what processes have become since the last time.
    pub fn poll_processes(&mut self) {
        self.printer.stacks.update();
    }

    /// What must be waited for besides records, lest [`Reporter::poll_lost`] comes late; or -1.
    pub fn urgent(&self) -> i32 {
        self.printer.stacks.urgent()
    }

    fn check_lost(&mut self) {
        self.lost_checked = Instant::now();
        let lost = self.losses.look();
        if lost > 0 {
            self.printer
                .output
                .lost(&mut self.printer.sink.buffer, lost);
        }
        if self.warnings {
            for news in self.faults.look() {
                let out = &mut self.printer.sink.buffer;
                let source = &self.manifest.source;
                self.printer
                    .output
                    .fault(out, news.fault, news.status, news.times, source);
            }
        }
    }

    /// After the last record: losses and maps.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.check_lost();
        if self.losses.total > 0 {
            let losses = self.losses.by_program();
            self.printer.output.losses(
                &mut self.printer.sink.buffer,
                &losses,
                &self.manifest.source,
            );
        }
        self.printer.output.end(&mut self.printer.sink.buffer);
        if self.manifest.config.print_maps_on_exit {
            self.printer.print_all()?;
        }
        Ok(())
    }

    /// No more records are at hand.
    pub fn end_of_batch(&mut self) {
        if self.buffering != Buffering::Full {
            self.flush();
        }
    }

    pub fn flush(&mut self) {
        self.printer.stacks.rest();
        match self.printer.sink.flush() {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => self.no_reader = true,
            Err(e) => {
                let place = match &self.output_file {
                    Some(path) => format!(" to `{}`", path.display()),
                    None => String::new(),
                };
                let why = describe(&e);
                let failure = Failure::unusable(format!("cannot write the report{place}: {why}"));
                self.failure.get_or_insert(failure);
            }
        }
    }

    pub fn failed(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    pub fn no_reader(&self) -> bool {
        self.no_reader
    }

    /// There is a reason to end.
    pub fn is_done(&self) -> bool {
        self.exiting() || self.no_reader || self.failure.is_some()
    }

    pub fn exiting(&self) -> bool {
        self.state == State::Exiting
    }

    /// From now on all records are reported, signal or not.
    pub fn drain(&mut self) {
        if self.state != State::Exiting {
            self.state = State::Draining;
        }
    }

    /// The records of `end` are reported again.
    pub fn go_on_after_exit(&mut self) {
        self.state = State::Draining;
    }

    /// The exit status: that of the script's `exit()`, or 0.
    pub fn status(&self) -> u8 {
        self.code.unwrap_or(0) as u8
    }
}
