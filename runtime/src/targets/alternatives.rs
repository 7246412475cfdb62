//! Which of its alternatives a program is here: the first that this kernel can attach, which is tried out.

use std::io;

use bt_abi::manifest::{Attach, Manifest};

use super::is_run;
use super::traced::Described;
use crate::attach::feature;
use crate::cli::Mode;
use crate::environment::release;
use crate::error::{Failure, describe};

/// What a program with alternatives has become.
#[derive(Debug)]
pub struct Choice {
    /// Index of the program.
    pub program: usize,
    /// `fentry`, `kprobe`
    pub taken: &'static str,
    /// What the kernel refused before, and why.
    pub refused: Vec<(&'static str, String)>,
}

/// Of a wildcard so many functions are tried, until one can be traced.
const TRIES: usize = 3;

/// Puts the alternatives that are taken into the manifest.
pub fn choose(
    manifest: &mut Manifest,
    described: &mut Described,
    mode: Mode,
) -> Result<(), Failure> {
    for (index, program) in manifest.programs.iter_mut().enumerate() {
        if program.alternatives.is_empty() || !is_run(&program.attach, mode) {
            continue;
        }
        let mut refused = Vec::new();
        let mut candidates = std::mem::take(&mut program.alternatives).into_iter();
        let taken = loop {
            let name = provider(&program.attach);
            match supports(&program.attach, index, described) {
                Ok(()) => break name,
                Err(why) => refused.push((name, why)),
            }
            let Some(next) = candidates.next() else {
                let mut failure = Failure::kernel(format!(
                    "`{}` cannot be attached on this kernel ({})",
                    program.probe,
                    release()
                ))
                .at(program.span);
                for (name, why) in refused {
                    failure = failure.note(format!("{name}: {why}"));
                }
                return Err(failure.help(
                    "a kernel with BTF and BPF trampolines is needed, or one with CONFIG_KPROBES",
                ));
            };
            program.name = next.name;
            program.attach = next.attach;
        };
        described.choices.push(Choice {
            program: index,
            taken,
            refused,
        });
    }
    Ok(())
}

fn provider(attach: &Attach) -> &'static str {
    match attach {
        Attach::Fentry { .. } => "fentry",
        Attach::Fexit { .. } => "fexit",
        Attach::Kretprobe { .. } => "kretprobe",
        _ => "kprobe",
    }
}

/// The error says why not.
fn supports(attach: &Attach, index: usize, described: &Described) -> Result<(), String> {
    let at_return = match attach {
        Attach::Fentry { .. } => false,
        Attach::Fexit { .. } => true,
        _ => {
            return match feature::has_kprobes() {
                true => Ok(()),
                false => Err("the kernel was built without kprobes".into()),
            };
        }
    };
    let Some(functions) = described.of(index) else {
        return Err("the kernel does not describe its functions (BTF)".into());
    };
    let mut last = "the function is not in the kernel's BTF".to_string();
    for function in functions.iter().take(TRIES) {
        match feature::try_fentry(at_return, &function.module, function.id) {
            Ok(()) => return Ok(()),
            Err(error) => last = reason(&error),
        }
    }
    Err(last)
}

fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        // the kernel's own number for "not supported", which has no text
        Some(524) => "the kernel has no trampoline for it".into(),
        _ => describe(error),
    }
}
