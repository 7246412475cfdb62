//! The events that the kernel and processors count, as <linux/perf_event.h> numbers them.

/// An event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    pub name: &'static str,
    /// Empty if there is none.
    pub short: &'static str,
    /// `config` of perf_event_open(2).
    pub config: u64,
    /// So many make a probe fire, if the script does not say.
    pub count: u64,
}

const fn event(name: &'static str, short: &'static str, config: u64, count: u64) -> Event {
    Event {
        name,
        short,
        config,
        count,
    }
}

/// `enum perf_sw_ids`
pub const SOFTWARE: &[Event] = &[
    event("cpu-clock", "cpu", 0, 1_000_000),
    event("task-clock", "", 1, 1),
    event("page-faults", "faults", 2, 100),
    event("context-switches", "cs", 3, 1000),
    event("cpu-migrations", "", 4, 1),
    event("minor-faults", "", 5, 100),
    event("major-faults", "", 6, 1),
    event("alignment-faults", "", 7, 1),
    event("emulation-faults", "", 8, 1),
    event("dummy", "", 9, 1),
    event("bpf-output", "", 10, 1),
];

/// `enum perf_hw_id`
pub const HARDWARE: &[Event] = &[
    event("cpu-cycles", "cycles", 0, 1_000_000),
    event("instructions", "", 1, 1_000_000),
    event("cache-references", "", 2, 1_000_000),
    event("cache-misses", "", 3, 1_000_000),
    event("branch-instructions", "branches", 4, 100_000),
    event("branch-misses", "", 5, 100_000),
    event("bus-cycles", "", 6, 100_000),
    event("frontend-stalls", "", 7, 1_000_000),
    event("backend-stalls", "", 8, 1_000_000),
    event("ref-cycles", "", 9, 1_000_000),
];

/// The event of a name or short name.
pub fn find(events: &'static [Event], name: &str) -> Option<&'static Event> {
    let is = |e: &&Event| e.name == name || !e.short.is_empty() && e.short == name;
    events.iter().find(is)
}
