//! `btrun --test` and `btrun --bench`: programs that are run one after the other, and judged by what they return and say.

use std::time::{Duration, Instant};

use bt_abi::manifest::{Attach, Program};
use libbpf_rs::{ProgramInput, ProgramMut};

use super::Session;
use crate::attach::special::{self, Moment};
use crate::error::Failure;
use crate::report::{BenchmarkResult, TestResult};
use crate::say;

/// A test run of an XDP program wants a packet: an Ethernet header.
const PACKET: [u8; 14] = [0; 14];

/// A benchmark is repeated until it has taken so long.
const LONG_ENOUGH: Duration = Duration::from_millis(1);

/// The status if a test or benchmark failed.
const FAILED: u8 = 1;

impl Session<'_, '_> {
    /// Runs the tests; the status says whether all passed.
    pub(super) fn tests(self) -> Result<u8, Failure> {
        let tests = self.called(|a| match a {
            Attach::Test { name } => Some(name),
            _ => None,
        });
        let count = tests.len();
        self.consume();
        let mut failed = Vec::new();
        for (index, (program, name)) in tests.into_iter().enumerate() {
            self.reporter.borrow_mut().begin_capture();
            let start = Instant::now();
            let returned = self.test_run(program, ProgramInput::default())?.0;
            let duration = start.elapsed();
            self.consume();
            let mut reporter = self.reporter.borrow_mut();
            let captured = reporter.end_capture();
            if let Some(failure) = reporter.failed() {
                return Err(failure);
            }
            let passed = returned == 0 && captured.code == 0 && captured.errors == 0;
            if !passed {
                failed.push(name.to_string());
            }
            let last = index + 1 == count;
            reporter.test_result(&TestResult {
                name,
                passed,
                duration,
                output: &captured.text,
                first: index == 0,
                count,
                summary: last.then_some(failed.as_slice()),
            });
            reporter.flush();
        }
        self.end(!failed.is_empty())
    }

    /// Runs the benchmarks. Their output is thrown away.
    pub(super) fn benchmarks(self) -> Result<u8, Failure> {
        let benchmarks = self.called(|a| match a {
            Attach::Bench { name } => Some(name),
            _ => None,
        });
        let longest = benchmarks.iter().map(|(_, name)| name.len()).max();
        self.consume();
        let mut failed = false;
        for (index, (program, name)) in benchmarks.into_iter().enumerate() {
            let mut repeat = 1;
            loop {
                self.reporter.borrow_mut().begin_capture();
                let input = ProgramInput {
                    data_in: Some(&PACKET),
                    repeat,
                    ..Default::default()
                };
                let (returned, average) = self.test_run(program, input)?;
                self.consume();
                let mut reporter = self.reporter.borrow_mut();
                let captured = reporter.end_capture();
                if captured.code != 0 || captured.errors > 0 {
                    say::err(&format!("ERROR: benchmark `{name}` failed\n"));
                    failed = true;
                    break;
                }
                if returned != 0 {
                    break;
                }
                if average * repeat < LONG_ENOUGH && repeat < 1 << 24 {
                    repeat *= 2;
                    continue;
                }
                reporter.benchmark_result(&BenchmarkResult {
                    name,
                    average,
                    repeat,
                    first: index == 0,
                    longest: longest.unwrap_or(0),
                });
                reporter.flush();
                break;
            }
        }
        self.end(failed)
    }

    /// The programs of a kind, in the order of the script, with their names.
    fn called(&self, kind: impl Fn(&Attach) -> Option<&str>) -> Vec<(&Program, &str)> {
        let programs = self.manifest.programs.iter();
        programs
            .filter_map(|p| Some((p, kind(&p.attach)?)))
            .collect()
    }

    /// What it returns, and the kernel's own measure of its time.
    fn test_run(
        &self,
        program: &Program,
        input: ProgramInput<'_>,
    ) -> Result<(u32, Duration), Failure> {
        let raw: Option<ProgramMut<'_>> = self.loaded.program(program);
        let Some(raw) = raw else {
            return Err(Failure::unusable(
                "the object is damaged: a program is missing",
            ));
        };
        let run = raw.test_run(input).map_err(|e| {
            Failure::kernel(format!(
                "the kernel refused to run the program of `{}`: {e}",
                program.probe
            ))
            .at(program.span)
        })?;
        Ok((run.return_value, run.duration))
    }

    /// `end`, and the maps.
    fn end(&self, failed: bool) -> Result<u8, Failure> {
        special::run(self.manifest, self.loaded, Moment::End)?;
        self.drain();
        let mut reporter = self.reporter.borrow_mut();
        reporter.finish()?;
        reporter.flush();
        match reporter.failed() {
            Some(failure) => Err(failure),
            None if failed => Ok(FAILED),
            None => Ok(reporter.status()),
        }
    }
}
