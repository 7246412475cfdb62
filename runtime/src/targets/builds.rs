//! Are the programs here the ones whose types the object was compiled with?

use std::collections::BTreeSet;

use bt_abi::manifest::{Attach, Manifest};

use super::{Place, Site};
use crate::say;
use crate::symbols::binary;

/// Warns of programs that are others: a function may have other arguments, and a struct other members, there.
pub fn compare(manifest: &Manifest, sites: &[Vec<Site>]) {
    let mut seen = BTreeSet::new();
    for (program, sites) in manifest.programs.iter().zip(sites) {
        let Attach::Uprobe { binary, .. } = &program.attach else {
            continue;
        };
        let Some(known) = manifest.binaries.iter().find(|b| b.name == *binary) else {
            continue;
        };
        for site in sites {
            let Place::User { path, .. } = &site.place else {
                continue;
            };
            if !seen.insert(path) || binary::build_id(path).as_ref() == Some(&known.build_id) {
                continue;
            }
            say::err(&format!(
                "WARNING: `{}` is another build than the one that the script was compiled with: its `args` may be wrong; compile it again with that file\n",
                path.display()
            ));
        }
    }
}
