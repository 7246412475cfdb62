//! The script's maps, read from the kernel and merged over the CPUs.

use std::collections::HashSet;

use bt_abi::manifest::{Manifest, Map};
use bt_abi::types::Type;
use libbpf_rs::{MapCore, MapFlags, MapType};

use crate::error::Failure;
use crate::load::Loaded;
use crate::report::series;
use crate::value;

/// A key and its value, both as bytes; for aggregations already one value for all CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// The contents of the script's maps, by their indexes in the manifest.
pub trait Tables {
    fn entries(&self, map: usize) -> Result<Vec<Entry>, Failure>;
    /// The entry of one key.
    fn entry(&self, map: usize, key: &[u8]) -> Result<Option<Entry>, Failure>;
    /// `clear(@map)`
    fn clear(&self, map: usize) -> Result<(), Failure>;
    /// `zero(@map)`: the values become 0, the keys stay.
    fn zero(&self, map: usize) -> Result<(), Failure>;
}

/// Those in the kernel.
pub struct KernelMaps<'a>(Vec<KernelMap<'a>>);

impl<'a> KernelMaps<'a> {
    pub fn find(loaded: &'a Loaded, manifest: &'a Manifest) -> Result<KernelMaps<'a>, Failure> {
        let maps = manifest.maps.iter();
        let found: Result<_, _> = maps.map(|m| KernelMap::find(loaded, m)).collect();
        found.map(KernelMaps)
    }

    fn get(&self, map: usize) -> Result<&KernelMap<'a>, Failure> {
        let found = self.0.get(map);
        found.ok_or_else(|| Failure::unusable(format!("the object has no map of number {map}")))
    }
}

impl Tables for KernelMaps<'_> {
    fn entries(&self, map: usize) -> Result<Vec<Entry>, Failure> {
        self.get(map)?.entries()
    }

    fn entry(&self, map: usize, key: &[u8]) -> Result<Option<Entry>, Failure> {
        self.get(map)?.entry(key)
    }

    fn clear(&self, map: usize) -> Result<(), Failure> {
        self.get(map)?.clear()
    }

    fn zero(&self, map: usize) -> Result<(), Failure> {
        self.get(map)?.zero()
    }
}

/// A map of the script in the kernel.
struct KernelMap<'a> {
    map: &'a Map,
    kernel: libbpf_rs::Map<'a>,
}

impl<'a> KernelMap<'a> {
    fn find(loaded: &'a Loaded, map: &'a Map) -> Result<KernelMap<'a>, Failure> {
        match loaded.map(&map.symbol) {
            Some(kernel) => Ok(KernelMap { map, kernel }),
            None => Err(Failure::unusable(format!(
                "the object has no map `{}` for `{}`",
                map.symbol, map.name
            ))),
        }
    }

    fn per_cpu(&self) -> bool {
        matches!(
            self.kernel.map_type(),
            MapType::PercpuArray | MapType::PercpuHash | MapType::LruPercpuHash
        )
    }

    fn error(&self, what: &str, error: &libbpf_rs::Error) -> Failure {
        Failure::kernel(format!("cannot {what} map `{}`: {error}", self.map.name))
    }

    /// One value a CPU; one in all for maps that are not per CPU.
    fn look_up(&self, key: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        let found = match self.per_cpu() {
            true => self.kernel.lookup_percpu(key, MapFlags::ANY),
            false => self
                .kernel
                .lookup(key, MapFlags::ANY)
                .map(|v| v.map(|v| vec![v])),
        };
        found.map_err(|e| self.error("read", &e))
    }

    /// The keys. Programs may change the map meanwhile: a key that is deleted at the wrong moment sends the kernel's iteration back
    /// to the start, so keys can come twice, and there must be an end.
    fn keys(&self) -> Vec<Vec<u8>> {
        let most = 4 * self.kernel.max_entries() as usize;
        let mut seen = HashSet::new();
        let keys = self.kernel.keys().take(most);
        keys.filter(|key| seen.insert(key.clone())).collect()
    }

    /// All entries; that of a map without a key has an empty key, and is missing until the script has assigned.
    fn entries(&self) -> Result<Vec<Entry>, Failure> {
        if self.map.key.is_none() {
            let cpus = self.look_up(&0u32.to_ne_bytes())?.unwrap_or_default();
            return Ok(match is_set(self.map, &cpus) {
                true => vec![Entry {
                    key: Vec::new(),
                    value: merge(&self.map.value, &cpus),
                }],
                false => Vec::new(),
            });
        }
        let mut entries = Vec::new();
        for key in self.keys() {
            // gone again since the key was read
            let Some(cpus) = self.look_up(&key)? else {
                continue;
            };
            entries.push(Entry {
                key,
                value: merge(&self.map.value, &cpus),
            });
        }
        Ok(entries)
    }

    /// The entry of one key.
    fn entry(&self, key: &[u8]) -> Result<Option<Entry>, Failure> {
        let cpus = self.look_up(key)?;
        Ok(cpus.map(|cpus| Entry {
            key: key.to_vec(),
            value: merge(&self.map.value, &cpus),
        }))
    }

    /// `clear(@map)`
    fn clear(&self) -> Result<(), Failure> {
        if self.map.key.is_none() {
            return self.write_zeroes(&0u32.to_ne_bytes(), None);
        }
        for key in self.keys() {
            // a program may have deleted it in between
            let _ = self.kernel.delete(&key);
        }
        Ok(())
    }

    /// `zero(@map)`: the values become 0, the keys stay.
    fn zero(&self) -> Result<(), Failure> {
        if self.map.key.is_none() {
            let key = 0u32.to_ne_bytes();
            let cpus = self.look_up(&key)?.unwrap_or_default();
            let mark = self.map.set_offset.filter(|_| is_set(self.map, &cpus));
            return self.write_zeroes(&key, mark);
        }
        for key in self.keys() {
            let _ = self.write_zeroes(&key, None);
        }
        Ok(())
    }

    /// Zeroes on all CPUs, and the mark "assigned" at an offset.
    fn write_zeroes(&self, key: &[u8], mark: Option<u32>) -> Result<(), Failure> {
        let mut zero = vec![0; self.kernel.value_size() as usize];
        if let Some(place) = mark.and_then(|o| zero.get_mut(o as usize..o as usize + 8)) {
            place.copy_from_slice(&1u64.to_ne_bytes());
        }
        match self.per_cpu() {
            true => {
                let cpus = libbpf_rs::num_possible_cpus().map_err(|e| self.error("change", &e))?;
                let padded = zero.len().next_multiple_of(8);
                zero.resize(padded, 0);
                self.kernel
                    .update_percpu(key, &vec![zero; cpus], MapFlags::EXIST)
            }
            false => self.kernel.update(key, &zero, MapFlags::EXIST),
        }
        .map_err(|e| self.error("change", &e))
    }
}

fn is_set(map: &Map, cpus: &[Vec<u8>]) -> bool {
    let Some(offset) = map.set_offset else {
        return true;
    };
    cpus.iter().any(|v| {
        v.get(offset as usize..offset as usize + 8)
            .is_some_and(|mark| mark.iter().any(|b| *b != 0))
    })
}

/// One value for all CPUs: the least or the greatest that is set, or the sums of 64-bit words.
fn merge(ty: &Type, cpus: &[Vec<u8>]) -> Vec<u8> {
    let size = ty.size() as usize;
    if !ty.is_aggregation() {
        let first = cpus.first().map(Vec::as_slice).unwrap_or_default();
        return first.get(..size).unwrap_or(first).to_vec();
    }
    if let Type::TimeSeries(series) = ty {
        return series::merge(series, cpus);
    }
    let word = |bytes: &[u8], signed| value::int(bytes, 8, signed).map_or(0, |i| i.value());
    if let Type::Min(sign) | Type::Max(sign) = ty {
        let set = cpus.iter().filter(|cpu| word(&cpu[8..], false) != 0);
        let by_value = |cpu: &&Vec<u8>| word(cpu, sign.signed);
        let found = match ty {
            Type::Min(_) => set.min_by_key(by_value),
            _ => set.max_by_key(by_value),
        };
        return found.map_or(vec![0; size], |cpu| cpu[..size].to_vec());
    }
    let mut sums = vec![0u64; size / 8];
    for cpu in cpus {
        for (sum, part) in sums.iter_mut().zip(cpu.chunks_exact(8)) {
            *sum = sum.wrapping_add(word(part, false) as u64);
        }
    }
    sums.iter().flat_map(|s| s.to_ne_bytes()).collect()
}

/// Events that found the ring buffer full, by program.
pub fn lost(loaded: &Loaded, programs: usize) -> Vec<u64> {
    let Some(map) = loaded.map(bt_abi::names::LOST_MAP) else {
        return Vec::new();
    };
    let count = |i: usize| {
        let cpus = map.lookup_percpu(&(i as u32).to_ne_bytes(), MapFlags::ANY);
        let cpus = cpus.ok().flatten().unwrap_or_default();
        cpus.iter()
            .map(|v| value::int(v, 8, false).map_or(0, |i| i.bits))
            .sum()
    };
    (0..programs).map(count).collect()
}

#[cfg(test)]
mod tests {
    use bt_abi::types::Signed;

    use super::*;

    #[test]
    fn aggregations_are_summed_over_cpus() {
        let cpu = |n: [u64; 2]| n.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<u8>>();
        // the second word is the mark, not part of the value
        let cpus = [cpu([2, 1]), cpu([3, 0])];
        assert_eq!(merge(&Type::Count, &cpus), 5u64.to_ne_bytes());
        let minus = [cpu([-2i64 as u64, 1]), cpu([1, 1])];
        let sum = Type::Sum { signed: true };
        assert_eq!(merge(&sum, &minus), (-1i64).to_ne_bytes());
        assert_eq!(merge(&Type::Pointer, &cpus), 2u64.to_ne_bytes());
        assert_eq!(merge(&Type::Pointer, &[]), Vec::<u8>::new());
    }

    #[test]
    fn extremes_are_those_of_the_cpus_that_have_one() {
        let cpu = |n: [i64; 2]| n.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<u8>>();
        let cpus = [cpu([0, 0]), cpu([-3, 1]), cpu([5, 1])];
        let least = |signed| merge(&Type::Min(Signed { signed }), &cpus);
        assert_eq!(least(true), cpu([-3, 1]));
        assert_eq!(least(false), cpu([5, 1]));
        assert_eq!(
            merge(&Type::Max(Signed { signed: true }), &cpus),
            cpu([5, 1])
        );
        assert_eq!(
            merge(&Type::Max(Signed { signed: true }), &cpus[..1]),
            cpu([0, 0])
        );
    }
}
