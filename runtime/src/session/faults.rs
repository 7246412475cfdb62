//! What went wrong in programs: counters by place of the script, looked at a few times a second.

use bt_abi::manifest::{Fault, FaultKind};
use bt_abi::names::{FAULT_SIZE, FAULTS_SECTION};
use libbpf_rs::{Map, MapCore, MapFlags};

use crate::load::Loaded;
use crate::value;

pub struct Faults<'a> {
    faults: &'a [Fault],
    map: Option<Map<'a>>,
    /// Counts that were reported.
    known: Vec<u64>,
    /// Reads and look-ups, too.
    all: bool,
}

/// What went wrong since the last look.
pub struct News<'a> {
    pub fault: &'a Fault,
    pub times: u64,
    /// Of the helper, the last time.
    pub status: i64,
}

impl<'a> Faults<'a> {
    pub fn new(loaded: &'a Loaded, faults: &'a [Fault], all: bool) -> Faults<'a> {
        let map = match faults {
            [] => None,
            _ => loaded.map(FAULTS_SECTION),
        };
        Faults {
            faults,
            map,
            known: vec![0; faults.len()],
            all,
        }
    }

    pub fn look(&mut self) -> Vec<News<'a>> {
        let Some(map) = &self.map else {
            return Vec::new();
        };
        let words = map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY);
        let words = words.ok().flatten().unwrap_or_default();
        let word = |bytes: &[u8]| value::int(bytes, 8, false).map_or(0, |i| i.bits);
        // the first has no fault
        let counters = words.chunks_exact(FAULT_SIZE as usize).skip(1);
        let mut news = Vec::new();
        for ((fault, known), counter) in self.faults.iter().zip(&mut self.known).zip(counters) {
            let count = word(counter);
            let times = count.saturating_sub(*known);
            *known = count;
            if times > 0 && (self.all || !on_demand(&fault.kind)) {
                let status = word(&counter[8..]) as i64;
                news.push(News {
                    fault,
                    times,
                    status,
                });
            }
        }
        news
    }
}

/// Scripts read what may not be there all the time.
fn on_demand(kind: &FaultKind) -> bool {
    match kind {
        FaultKind::Lookup | FaultKind::StringCut => true,
        FaultKind::Helper { helper } => helper.starts_with("probe_read"),
        FaultKind::DivisionByZero
        | FaultKind::IndexOutOfRange
        | FaultKind::NoUnwindTable
        | FaultKind::Unknown => false,
    }
}
