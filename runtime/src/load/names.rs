//! The maps from which programs take the names of the places that they run for.

use bt_abi::names::{FUNCTION_NAMES_MAP, PROBE_NAMES_MAP};
use libbpf_rs::{MapCore, MapFlags, MapHandle, Object, OpenObject};

use crate::error::Failure;
use crate::targets::Site;
use crate::targets::variants::Variant;

/// Behind a name that was cut.
const CUT: &[u8] = b"..";

/// The places that have an id.
pub fn of(plan: &[Vec<Variant>]) -> Vec<&Site> {
    let sites = plan.iter().flatten().flat_map(|variant| {
        let partner = variant.partner.iter().flat_map(|p| &p.sites);
        variant.sites.iter().chain(partner)
    });
    sites.filter(|s| s.id > 0).collect()
}

/// Makes room before the load.
pub fn size(opened: &mut OpenObject, sites: usize) -> Result<(), Failure> {
    for mut map in opened.maps_mut() {
        if [PROBE_NAMES_MAP, FUNCTION_NAMES_MAP]
            .iter()
            .any(|n| map.name() == *n)
        {
            map.set_max_entries(sites as u32 + 1).map_err(failed)?;
        }
    }
    Ok(())
}

pub fn fill(object: &Object, sites: &[&Site]) -> Result<(), Failure> {
    let text = |map: &str, site: &Site| match map {
        PROBE_NAMES_MAP => site.probe.clone(),
        _ => site.func.clone(),
    };
    for name in [PROBE_NAMES_MAP, FUNCTION_NAMES_MAP] {
        let Some(map) = object.maps().find(|m| m.name() == name) else {
            continue;
        };
        let size = map.value_size() as usize;
        let map = MapHandle::try_from(&map).map_err(failed)?;
        for site in sites {
            let value = padded(text(name, site).as_bytes(), size);
            map.update(&site.id.to_ne_bytes(), &value, MapFlags::ANY)
                .map_err(failed)?;
        }
    }
    Ok(())
}

/// A string of so many bytes, NUL-terminated.
fn padded(text: &[u8], size: usize) -> Vec<u8> {
    let room = size.saturating_sub(1);
    let mut value = text.to_vec();
    if value.len() > room {
        value.truncate(room.saturating_sub(CUT.len()));
        value.extend(CUT);
    }
    value.resize(size, 0);
    value
}

fn failed(error: libbpf_rs::Error) -> Failure {
    Failure::kernel(format!("the names of probes cannot be stored: {error}"))
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn long_names_are_cut() {
        assert_eq!(padded(b"abc", 4), b"abc\0");
        assert_eq!(padded(b"abcd", 4), b"a..\0");
        assert_eq!(padded(b"", 2), b"\0\0");
    }
}
