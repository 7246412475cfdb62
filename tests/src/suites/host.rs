//! The run suite on this machine's kernel.

use std::sync::Mutex;

use super::judge;
use crate::fixture::{Fixture, Mode};
use crate::job::Place;
use crate::report::{Report, Verdict};
use crate::runner::Runner;
use crate::stage::{Stage, parallel, place_tracees};

pub fn run(stage: &Stage, fixtures: &[Fixture], report: &mut Report) {
    let _alone = match place_tracees(&stage.tools.root) {
        Ok(guard) => guard,
        Err(error) => {
            let verdict = Verdict::failed(format!("{error:#}"));
            return report.add("host", "tracees", &verdict);
        }
    };
    let runner = Runner {
        btrun: stage.btrun(),
        cwd: stage.tools.root.clone(),
        place: Place::Host,
        slowness: 1,
    };
    let cases: Vec<&Fixture> = fixtures.iter().filter(|f| f.mode == Mode::Run).collect();
    // Two cases that do the same thing at once would see each other's events.
    let active = Mutex::new(());
    let report = Mutex::new(report);
    parallel(&cases, |fixture| {
        let verdict = match stage.job(fixture) {
            Ok(job) => {
                let alone = job.tracee.is_some() || job.trigger.is_some();
                let _guard = alone.then(|| active.lock().unwrap_or_else(|e| e.into_inner()));
                judge(fixture, &runner.run(&job, &mut |_| {}))
            }
            Err(error) => Verdict::failed(format!("{error:#}")),
        };
        let mut report = report.lock().unwrap_or_else(|e| e.into_inner());
        report.add("host", &fixture.name, &verdict);
    });
}
