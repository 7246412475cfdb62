//! From programs in the kernel to programs that run: one file per provider.
//!
//! Every attachment is a file descriptor of this process, so that nothing stays behind however the process ends.

mod counter;
pub mod feature;
mod how;
mod interval;
mod iter;
mod kprobe;
pub mod multi;
pub mod perf_event;
pub mod pin;
mod profile;
mod progress;
pub mod special;
mod tracepoint;
mod tracing;
mod uprobe;

use std::collections::HashSet;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bt_abi::manifest::{Attach, Manifest, Program};
use libbpf_rs::{Iter, Link, ProgramMut};

use crate::environment::Environment;
use crate::error::Failure;
use crate::load::Loaded;
use crate::process::Process;
use crate::report::How;
use crate::say;
use crate::signals;
use crate::targets::variants::Variant;
use crate::targets::{self, Missing, Place, Site, Targets};
use progress::Progress;

/// Something that ends when it is dropped.
pub enum Attachment {
    Link(#[expect(dead_code)] Link),
    Fd(#[expect(dead_code)] OwnedFd),
    /// To be read once.
    Iterator(Iter),
    /// An iterator to be pinned there.
    Pinned(Link, PathBuf),
    /// Of a watchpoint that is over.
    Ended,
}

/// The attachments; dropping it detaches.
pub struct Attached {
    links: Vec<Attachment>,
    /// Addresses that are watched, and the links of each.
    watched: Vec<(u64, Range<usize>)>,
    /// Places that a program is attached to.
    pub probes: usize,
    /// By which means, where there was a choice.
    pub how: Vec<How>,
}

impl Attached {
    /// Nothing can happen by these, once iterators have been read.
    pub fn is_over(&self) -> bool {
        // an iterator has a link besides
        let counts = |a: &Attachment| match a {
            Attachment::Iterator(_) => 2,
            Attachment::Pinned(..) | Attachment::Ended => 1,
            _ => 0,
        };
        self.links.len() == self.links.iter().map(counts).sum::<usize>()
    }

    /// Detaches the watchpoints at an address.
    pub fn unwatch(&mut self, address: u64) {
        for (_, links) in self.watched.extract_if(.., |(at, _)| *at == address) {
            self.links[links].fill_with(|| Attachment::Ended);
        }
    }

    /// Makes the pins that the script asks for, and gives their paths.
    pub fn pin(&self) -> Result<Vec<&Path>, Failure> {
        pin::all(self.links.iter().filter_map(|a| match a {
            Attachment::Pinned(link, path) => Some((link, path.as_path())),
            _ => None,
        }))
    }

    pub fn iterators(&mut self) -> impl Iterator<Item = &mut Iter> {
        self.links.iter_mut().filter_map(|a| match a {
            Attachment::Iterator(iterator) => Some(iterator),
            _ => None,
        })
    }
}

/// Attaches all programs but those of `begin` and `end`, so that programs of one place run in the order of the script.
pub fn all(
    manifest: &Manifest,
    targets: &Targets,
    loaded: &Loaded,
    environment: &Environment,
    process: Option<&Process>,
    verbose: bool,
) -> Result<Attached, Failure> {
    more_files(targets.count());
    let mut attached = Attached {
        links: Vec::new(),
        watched: Vec::new(),
        probes: 0,
        how: Vec::new(),
    };
    let progress = Progress::new(targets.count());
    let indexed = manifest.programs.iter().enumerate();
    let (forward, backward): (Vec<_>, Vec<_>) = indexed.partition(|(_, p)| !last_first(&p.attach));
    for (index, program) in forward.into_iter().chain(backward.into_iter().rev()) {
        if signals::pending() {
            break;
        }
        // with its kprobe
        if loaded.is_partner(index) {
            continue;
        }
        let context = Context {
            program,
            environment,
            process,
            missing: targets.missing,
            progress: &progress,
            verbose,
        };
        let mut found = Vec::new();
        let first = attached.links.len();
        for (variant, raw) in loaded.variants(index) {
            let sites = context.attach(variant, &raw, &mut attached.links);
            found.extend(sites.map_err(|f| match f.span {
                Some(_) => f,
                None => f.at(program.span),
            })?);
        }
        if let Attach::Watchpoint { address, .. } = program.attach {
            attached
                .watched
                .push((address, first..attached.links.len()));
        }
        let loaded: Vec<&Variant> = loaded.variants(index).map(|(v, _)| v).collect();
        let mut note = |index: usize, found: &[&Site]| {
            let program = &manifest.programs[index];
            attached.probes += count(program, found);
            if special::is_called(&program.attach) {
                return;
            }
            let choice = targets.choices.iter().find(|c| c.program == index);
            let how = how::of(program, choice, &loaded, found.len());
            if verbose {
                say::err(&how::summary(program, how.as_ref(), &loaded, found));
            }
            attached.how.extend(how);
        };
        note(index, &found);
        for (partner, sites) in loaded.iter().filter_map(|v| partner_sites(v, &found)) {
            note(partner, &sites);
        }
    }
    // What was missing was left out.
    if attached.probes == 0 && !signals::pending() {
        return Err(targets::nothing());
    }
    Ok(attached)
}

/// The kretprobe that was attached with a kprobe, and its places.
fn partner_sites<'v>(variant: &'v Variant, found: &[&Site]) -> Option<(usize, Vec<&'v Site>)> {
    let partner = variant.partner.as_ref()?;
    let pairs = variant.sites.iter().zip(&partner.sites);
    let taken = pairs.filter(|(site, _)| found.iter().any(|f| f == site));
    Some((partner.program, taken.map(|(_, other)| other).collect()))
}

/// Places, but a static probe that was inlined is one.
fn count(program: &Program, found: &[&Site]) -> usize {
    if !matches!(program.attach, Attach::Usdt { .. }) {
        return found.len();
    }
    let names: HashSet<&str> = found.iter().map(|site| site.probe.as_str()).collect();
    names.len()
}

/// The kernel runs what was attached last first at these.
fn last_first(attach: &Attach) -> bool {
    matches!(
        attach,
        Attach::Kprobe { .. }
            | Attach::Uprobe { .. }
            | Attach::Uretprobe { .. }
            | Attach::Usdt { .. }
    )
}

/// Two descriptors each; where the limit cannot be raised, the kernel will say which was too many.
fn more_files(sites: usize) {
    let wanted = 2 * sites as libc::rlim_t + 256;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the calls read or write one rlimit, which lives through them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && limit.rlim_cur < wanted {
            limit.rlim_cur = wanted;
            limit.rlim_max = limit.rlim_max.max(wanted);
            if libc::setrlimit(libc::RLIMIT_NOFILE, &limit) != 0 {
                libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
            }
        }
    }
}

/// What attaching a program takes besides its places.
struct Context<'a> {
    program: &'a Program,
    environment: &'a Environment,
    process: Option<&'a Process>,
    missing: Missing,
    progress: &'a Progress,
    verbose: bool,
}

impl Context<'_> {
    /// Gives the places that it was attached to.
    fn attach<'v>(
        &self,
        variant: &'v Variant,
        raw: &ProgramMut<'_>,
        links: &mut Vec<Attachment>,
    ) -> Result<Vec<&'v Site>, Failure> {
        let mut attached = Vec::new();
        let mut last = None;
        if variant.multi {
            let refused = multi::attach(raw, variant, self.process, links)?;
            self.progress.step(variant.sites.len());
            let is_refused = |site: &Site| refused.iter().any(|(r, _)| *r == site);
            attached.extend(variant.sites.iter().filter(|s| !is_refused(s)));
            for (site, error) in refused {
                let failure =
                    Failure::system(&error, format!("the kernel refused `{}`", site.probe));
                self.leave_out(site, &failure);
                last = Some(failure);
            }
        } else {
            for site in &variant.sites {
                if signals::pending() {
                    return Ok(attached);
                }
                self.progress.step(1);
                match self.one(variant, site, raw, links) {
                    Ok(()) => attached.push(site),
                    // of many functions some may not be probed, which no list tells
                    Err(failure) if self.program.attach.is_pattern() => {
                        self.leave_out(site, &failure);
                        last = Some(failure);
                    }
                    Err(failure) => self.missing.pass(failure)?,
                }
            }
        }
        match last {
            Some(failure) if attached.is_empty() => self.missing.pass(failure)?,
            _ => {}
        }
        Ok(attached)
    }

    fn leave_out(&self, site: &Site, why: &Failure) {
        if self.verbose {
            say::err(&format!("left out `{}`: {}\n", site.probe, why.message));
        }
    }

    fn one(
        &self,
        variant: &Variant,
        site: &Site,
        raw: &ProgramMut<'_>,
        links: &mut Vec<Attachment>,
    ) -> Result<(), Failure> {
        // the program of a single place knows it
        let cookie = if variant.id == 0 { site.id } else { 0 };
        let pid = self.process.map(|p| p.pid);
        let link = match (&site.place, &self.program.attach) {
            (
                Place::Kernel {
                    module,
                    function,
                    offset,
                    at_return,
                },
                _,
            ) => kprobe::attach(
                raw,
                module.as_deref(),
                function,
                *offset,
                *at_return,
                cookie,
            )?,
            (Place::Address { address, at_return }, _) => {
                kprobe::attach_address(raw, *address, *at_return, cookie)?
            }
            (Place::Event { category, event }, _) => {
                tracepoint::attach(raw, self.environment, category, event, cookie)?
            }
            (
                Place::User {
                    path,
                    offset,
                    at_return,
                },
                _,
            ) => {
                let place = uprobe::Spot {
                    path,
                    offset: *offset,
                    at_return: *at_return,
                    semaphore: 0,
                };
                uprobe::attach(raw, site, &place, pid, cookie)?
            }
            (
                Place::Static {
                    path,
                    offset,
                    semaphore,
                    ..
                },
                _,
            ) => {
                let place = uprobe::Spot {
                    path,
                    offset: *offset,
                    at_return: false,
                    semaphore: *semaphore,
                };
                uprobe::attach(raw, site, &place, pid, cookie)?
            }
            (Place::Plain, Attach::Interval { period }) => interval::attach(raw, period, cookie)?,
            (Place::Plain, Attach::Profile { period }) => {
                let all = profile::attach(raw, period, self.process, cookie)?;
                links.extend(all.into_iter().map(Attachment::Link));
                return Ok(());
            }
            (Place::Traced { .. } | Place::Program { .. }, _) => tracing::attach(raw, site)?,
            (Place::Iterator { pin: Some(pin), .. }, _) => {
                let link = iter::attach(raw, site, pid)?;
                links.push(Attachment::Pinned(link, pin.clone()));
                return Ok(());
            }
            (Place::Iterator { .. }, _) => {
                let link = iter::attach(raw, site, pid)?;
                links.push(Attachment::Iterator(iter::open(&link, site)?));
                link
            }
            (Place::Plain, other) => {
                let all = counter::attach(raw, other, self.process, cookie)?;
                links.extend(all.into_iter().map(Attachment::Link));
                return Ok(());
            }
        };
        links.push(Attachment::Link(link));
        Ok(())
    }
}
