//! How often a program must be loaded to serve all of its places.
//!
//! Mostly once. But what is traced by trampolines is loaded for one function; a tracepoint's fields lie elsewhere in each event, so a wildcard whose program reads them takes a program for
//! each layout; and on kernels without attach cookies (before 5.15) a program that asks for its probe's name takes one for
//! each place. Arguments of static probes, too, are in other registers at each place.

use bt_abi::manifest::{Attach, Manifest, SlotValue};
use bt_abi::names::tracepoint_struct;
use libbpf_rs::ProgramType;
use libbpf_sys::BPF_FUNC_get_attach_cookie;

use super::{Missing, Place, Site, Targets, limit};
use crate::attach::multi;
use crate::btf::Wanted;
use crate::btf::function;
use crate::btf::tracepoint::{self, Layout};
use crate::environment::Environment;
use crate::error::Failure;
use crate::load::program_type;

/// As in bpftrace.
const MAX_PROGRAMS: u64 = 1024;

/// The kretprobe that a kprobe is one program with: a session.
#[derive(Debug, Clone)]
pub struct Partner {
    /// The function in the object that is both.
    pub name: String,
    /// Index of the kretprobe's own program.
    pub program: usize,
    /// In the order of the kprobe's.
    pub sites: Vec<Site>,
}

/// A program as it is loaded once.
#[derive(Debug, Clone)]
pub struct Variant {
    pub sites: Vec<Site>,
    /// What the slot [`SlotValue::ProbeId`] gets: 0, so that the cookie says it, or the id of the only place.
    pub id: u32,
    /// Attached to all of its functions at once.
    pub multi: bool,
    pub partner: Option<Partner>,
}

/// The variants of each program, by its index.
pub fn plan(
    manifest: &Manifest,
    targets: &mut Targets,
    wanted: &Wanted,
    environment: &Environment,
    of_process: bool,
) -> Result<Vec<Vec<Variant>>, Failure> {
    let mut plan: Vec<Vec<Variant>> = Vec::new();
    for (index, program) in manifest.programs.iter().enumerate() {
        let named = manifest.slots.iter().any(|s| {
            s.value
                == SlotValue::ProbeId {
                    program: index as u32,
                }
        });
        // The distance from a place to a variable of its binary is another for each.
        let measured = manifest.slots.iter().any(|s| {
            matches!(&s.value, SlotValue::UserAddress { program, .. } if *program as usize == index)
        });
        let apart = program.attach.is_traced()
            || measured
            || named && !has_cookies(program_type(&program.attach));
        let groups = match &program.attach {
            Attach::Tracepoint { category, event } if program.attach.is_pattern() => {
                let name = tracepoint_struct(category, event);
                let sites = &mut targets.sites[index];
                match wanted.tracepoints.iter().find(|t| t.name == name) {
                    None => vec![sites.clone()],
                    Some(access) => by_layout(sites, targets.missing, |site| match &site.place {
                        Place::Event { category, event } => {
                            tracepoint::layout(environment, category, event, access).map(Some)
                        }
                        _ => Ok(None),
                    })
                    .map_err(|f| f.at(program.span))?,
                }
            }
            Attach::Usdt { .. } => by_arguments(&targets.sites[index]),
            _ if program.attach.is_pattern() => {
                let layout = |site: &Site| function::layout(program, wanted, site).transpose();
                by_layout(&mut targets.sites[index], targets.missing, layout)
                    .map_err(|f| f.at(program.span))?
            }
            _ => vec![targets.sites[index].clone()],
        };
        let several = program.attach.is_pattern() || matches!(program.attach, Attach::Usdt { .. });
        let multi = several && !apart && can_be_multi(&program.attach, of_process);
        let variant = |sites: Vec<Site>| Variant {
            id: if apart { sites[0].id } else { 0 },
            sites,
            multi,
            partner: None,
        };
        let groups = groups.into_iter().filter(|sites| !sites.is_empty());
        plan.push(match apart {
            true => groups.flatten().map(|site| variant(vec![site])).collect(),
            false => groups.map(variant).collect(),
        });
    }
    let count: usize = plan.iter().map(Vec::len).sum();
    let limit = limit(manifest, "max_bpf_progs", MAX_PROGRAMS);
    match count as u64 > limit {
        true => Err(Failure::unusable(format!(
            "{count} programs are needed on this kernel, and max_bpf_progs is {limit}"
        ))
        .help("this kernel needs a program for each place; take a narrower wildcard, or raise `max_bpf_progs` in the script's config block")),
        false => Ok(plan),
    }
}

/// Can this kernel attach one program to all functions of a wildcard at once? (A name alone does not say of which module.)
fn can_be_multi(attach: &Attach, of_process: bool) -> bool {
    match attach {
        Attach::Kprobe { module: None, .. } | Attach::Kretprobe { module: None, .. } => {
            multi::kprobes_supported()
        }
        Attach::Uprobe { .. } | Attach::Uretprobe { .. } | Attach::Usdt { .. } => {
            multi::uprobes_supported(of_process)
        }
        _ => false,
    }
}

/// Does the kernel tell a program for which attachment it runs?
fn has_cookies(ty: ProgramType) -> bool {
    ty.is_helper_supported(BPF_FUNC_get_attach_cookie)
        .unwrap_or(false)
}

/// Static probes whose arguments, as far as they are read, are in the same registers or memory.
fn by_arguments(sites: &[Site]) -> Vec<Vec<Site>> {
    let mut groups: Vec<Vec<Site>> = Vec::new();
    for site in sites {
        let same = |group: &&mut Vec<Site>| match (&group[0].place, &site.place) {
            (Place::Static { arguments: a, .. }, Place::Static { arguments: b, .. }) => a == b,
            _ => true,
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(site.clone()),
            None => groups.push(vec![site.clone()]),
        }
    }
    groups
}

/// Places whose fields or arguments, as far as they are read, lie alike. Those that lack one are missing.
fn by_layout(
    sites: &mut Vec<Site>,
    missing: Missing,
    layout_of: impl Fn(&Site) -> Result<Option<Layout>, Failure>,
) -> Result<Vec<Vec<Site>>, Failure> {
    let mut groups: Vec<(Option<Layout>, Vec<Site>)> = Vec::new();
    for site in std::mem::take(sites) {
        let layout = match layout_of(&site) {
            Ok(layout) => layout,
            Err(failure) => {
                missing.pass(failure)?;
                continue;
            }
        };
        sites.push(site.clone());
        match groups.iter_mut().find(|(known, _)| *known == layout) {
            Some((_, group)) => group.push(site),
            None => groups.push((layout, vec![site])),
        }
    }
    Ok(groups.into_iter().map(|(_, sites)| sites).collect())
}
