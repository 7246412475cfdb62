//! Programs that are not attached, but run by us: `begin`, `end`, `self`, `test` and `bench`.

use bt_abi::manifest::{Attach, Manifest};
use libbpf_rs::ProgramInput;

use crate::error::Failure;
use crate::load::Loaded;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Begin,
    End,
    /// A signal has come.
    Signal,
}

/// Does btrun run it itself?
pub fn is_called(attach: &Attach) -> bool {
    matches!(
        attach,
        Attach::Begin
            | Attach::End
            | Attach::Signal { .. }
            | Attach::Test { .. }
            | Attach::Bench { .. }
    )
}

/// Runs the programs of the moment, in the order of the script, and says how many there were.
pub fn run(manifest: &Manifest, loaded: &Loaded, moment: Moment) -> Result<usize, Failure> {
    let programs = manifest.programs.iter().filter(|p| match moment {
        Moment::Begin => p.attach == Attach::Begin,
        Moment::End => p.attach == Attach::End,
        Moment::Signal => matches!(p.attach, Attach::Signal { .. }),
    });
    let mut count = 0;
    for program in programs {
        if let Some(raw) = loaded.program(program) {
            raw.test_run(ProgramInput::default()).map_err(|e| {
                Failure::kernel(format!(
                    "the kernel refused to run the program of `{}`: {e}",
                    program.probe
                ))
                .at(program.span)
                .help("running it needs Linux 5.10 or newer")
            })?;
        }
        count += 1;
    }
    Ok(count)
}
