//! Which pairs of kprobe and kretprobe are one program here: those whose functions this kernel can attach in a session, which is tried.

use std::collections::HashSet;

use bt_abi::manifest::{Manifest, Session};

use super::variants::{Partner, Variant};
use super::{Place, Site, Targets, alternatives::Choice};
use crate::attach::multi;
use crate::error::describe;

/// What `-v` and the report call it.
pub const MEANS: &str = "kprobe_session";

/// Makes one program of pairs, as far as the kernel can, and notes what became of each. True if there is one at least.
pub fn merge(manifest: &Manifest, targets: &mut Targets, plan: &mut [Vec<Variant>]) -> bool {
    let mut any = false;
    for session in &manifest.sessions {
        let (entry, exit) = (session.entry as usize, session.exit as usize);
        let (Some(entries), Some(exits)) = (plan.get(entry), plan.get(exit)) else {
            continue;
        };
        if entries.is_empty() && exits.is_empty() {
            continue;
        }
        let tried = match alone(plan, [entry, exit]) {
            true => merged(session, entries, exits),
            false => Err("another probe of the functions keeps its turn".into()),
        };
        match tried {
            Ok(variant) => {
                plan[entry] = vec![variant];
                plan[exit] = Vec::new();
                any = true;
            }
            Err(why) => refuse(targets, session, &why),
        }
    }
    any
}

/// The kernel refused a session's program.
pub fn refuse_all(manifest: &Manifest, targets: &mut Targets, why: &str) {
    for session in &manifest.sessions {
        let known = |c: &Choice| c.program == session.entry as usize;
        if !targets.choices.iter().any(known) {
            refuse(targets, session, why);
        }
    }
}

fn refuse(targets: &mut Targets, session: &Session, why: &str) {
    for (program, taken) in [(session.entry, "kprobe"), (session.exit, "kretprobe")] {
        targets.choices.push(Choice {
            program: program as usize,
            taken,
            refused: vec![(MEANS, why.to_string())],
        });
    }
}

/// Does no other kprobe or kretprobe belong to one of the functions? At each, probes run in the order of the script, into which a session does
/// not fit.
fn alone(plan: &[Vec<Variant>], pair: [usize; 2]) -> bool {
    let functions = |variants: &[Variant]| -> HashSet<String> {
        let sites = variants.iter().flat_map(|v| &v.sites);
        sites.filter_map(function).collect()
    };
    let own: HashSet<String> = pair
        .iter()
        .flat_map(|i| plan.get(*i))
        .flat_map(|v| functions(v))
        .collect();
    let others = plan.iter().enumerate().filter(|(i, _)| !pair.contains(i));
    let mut others = others.flat_map(|(_, variants)| functions(variants));
    !others.any(|function| own.contains(&function))
}

fn function(site: &Site) -> Option<String> {
    match &site.place {
        Place::Kernel { function, .. } => Some(function.clone()),
        _ => None,
    }
}

/// The error says why not.
fn merged(session: &Session, entries: &[Variant], exits: &[Variant]) -> Result<Variant, String> {
    let ([entry], [exit]) = (entries, exits) else {
        return Err("the two are not attached to the same functions".into());
    };
    let names =
        |variant: &Variant| -> Option<Vec<String>> { variant.sites.iter().map(function).collect() };
    let functions = names(entry).filter(|functions| names(exit).as_ref() == Some(functions));
    let Some(functions) = functions else {
        return Err("the two are not attached to the same functions".into());
    };
    // of many the kernel may refuse some, as it does without a session
    let tried = match functions.as_slice() {
        [one] => Some(one.as_str()),
        _ => None,
    };
    multi::try_session(tried).map_err(|error| match error.raw_os_error() {
        Some(libc::EINVAL | libc::EOPNOTSUPP) => "the kernel does not have it".into(),
        _ => describe(&error),
    })?;
    let partners = exit.sites.iter().map(|site| site.id);
    let mut sites = entry.sites.clone();
    for (site, partner) in sites.iter_mut().zip(partners) {
        site.return_id = partner;
    }
    Ok(Variant {
        sites,
        id: 0,
        multi: true,
        partner: Some(Partner {
            name: session.name.clone(),
            program: session.exit as usize,
            sites: exit.sites.clone(),
        }),
    })
}
