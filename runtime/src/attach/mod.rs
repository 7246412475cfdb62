//! From programs in the kernel to programs that run: one file per provider.
//!
//! Every attachment is a file descriptor of this process, so that nothing stays behind however the process ends.

mod interval;
mod kprobe;
mod perf_event;
mod profile;
pub mod special;
mod tracepoint;
mod uprobe;

use bt_abi::manifest::{Attach, Manifest, Program};
use libbpf_rs::{Link, ProgramMut};

use crate::environment::Environment;
use crate::error::Failure;
use crate::load::Loaded;
use crate::say;
use crate::signals;

/// The attachments; dropping it detaches.
pub struct Attached {
    links: Vec<Link>,
}

impl Attached {
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}

/// Attaches all programs but those of `begin` and `end`, so that programs of one place run in the order of the script.
pub fn all(
    manifest: &Manifest,
    loaded: &Loaded,
    environment: &Environment,
    verbose: bool,
) -> Result<Attached, Failure> {
    let mut links = Vec::new();
    let (forward, backward): (Vec<&Program>, Vec<&Program>) = manifest
        .programs
        .iter()
        .partition(|p| !last_first(&p.attach));
    for program in forward.into_iter().chain(backward.into_iter().rev()) {
        if signals::pending() {
            break;
        }
        let Some(raw) = loaded.program(program) else {
            return Err(Failure::unusable(format!(
                "the object has no program `{}`",
                program.name
            )));
        };
        let before = links.len();
        one(program, &raw, environment, &mut links).map_err(|f| match f.span {
            Some(_) => f,
            None => f.at(program.span),
        })?;
        if verbose && links.len() > before {
            say::err(&format!("attached `{}`\n", program.probe));
        }
    }
    Ok(Attached { links })
}

/// The kernel runs what was attached last first at these.
fn last_first(attach: &Attach) -> bool {
    matches!(
        attach,
        Attach::Kprobe { .. } | Attach::Uprobe { .. } | Attach::Uretprobe { .. }
    )
}

fn one(
    program: &Program,
    raw: &ProgramMut<'_>,
    environment: &Environment,
    links: &mut Vec<Link>,
) -> Result<(), Failure> {
    let link = match &program.attach {
        Attach::Begin | Attach::End => return Ok(()),
        Attach::Kprobe {
            module,
            function,
            offset,
        } => kprobe::attach(raw, module.as_deref(), function, *offset, false)?,
        Attach::Kretprobe { module, function } => {
            kprobe::attach(raw, module.as_deref(), function, 0, true)?
        }
        Attach::Tracepoint { category, event } => {
            tracepoint::attach(raw, environment, category, event)?
        }
        Attach::Uprobe { binary, target } => uprobe::attach(raw, binary, target, false)?,
        Attach::Uretprobe { binary, target } => uprobe::attach(raw, binary, target, true)?,
        Attach::Interval { period } => interval::attach(raw, period)?,
        Attach::Profile { period } => {
            links.extend(profile::attach(raw, period)?);
            return Ok(());
        }
    };
    links.push(link);
    Ok(())
}
