//! Where files were mapped in the memory of processes that are gone.
//!
//! A stack of a short-lived process is often printed when the process is no more, and its addresses mean nothing without its memory
//! map. So while a script that prints user symbols runs, the kernel tells of each fork, exec and mapping ([`super::task_events`]).
//! Processes that were there before are read from /proc once, as far as that is quick.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::process::maps::Code;

use super::task_events::{TaskEvent, TaskEvents};

/// So many processes that are gone are remembered.
const GONE: usize = 8192;

/// Reading /proc at the start takes no longer.
const SNAPSHOT: Duration = Duration::from_millis(200);

/// Code of a file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    pub start: u64,
    pub end: u64,
    /// Of the start, in the file.
    pub offset: u64,
    pub file: Rc<MappedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MappedFile {
    /// As the process's own root had it.
    pub path: PathBuf,
    pub inode: u64,
}

/// A place in a file.
pub struct Spot {
    file: Rc<MappedFile>,
    pub offset: u64,
}

impl Spot {
    /// The path, if it is still the file that was mapped.
    pub fn readable_path(&self) -> Option<&Path> {
        let now = fs::metadata(&self.file.path).ok()?;
        (now.ino() == self.file.inode).then_some(self.file.path.as_path())
    }
}

#[derive(Debug, Default, Clone)]
struct Known {
    /// Shared by a process and its children until one of them changes.
    areas: Rc<Vec<Area>>,
    gone: bool,
}

/// The memory maps of processes, as far as they may be asked for.
#[derive(Default)]
pub struct Processes {
    events: Option<TaskEvents>,
    /// /proc was read.
    looked: bool,
    known: HashMap<u32, Known>,
    /// The oldest first.
    gone: VecDeque<u32>,
    /// Those whose code somebody wants to know, with their children, and those of them whose code has changed.
    followed: HashSet<u32>,
    changed: HashSet<u32>,
}

impl Processes {
    /// Watches from now on. Where the kernel does not let us, only living processes have symbols.
    pub fn watch() -> Processes {
        Processes {
            events: TaskEvents::open(),
            ..Processes::default()
        }
    }

    /// Those that were there before, and of which no event has told.
    fn snapshot(&mut self) {
        let start = Instant::now();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
        for pid in pids.take_while(|_| start.elapsed() < SNAPSHOT) {
            if !self.known.contains_key(&pid) {
                self.read(pid);
            }
        }
    }

    /// Readable when something has happened.
    pub fn fd(&self) -> i32 {
        self.events.as_ref().map_or(-1, TaskEvents::fd)
    }

    /// Notes from now on when the code of a process changes. A command that waits to be started (`waits`) has ours until then, which
    /// does not count.
    pub fn follow(&mut self, pid: u32, waits: bool) {
        self.followed.insert(pid);
        match waits {
            true => self.set(pid, Rc::default()),
            false => self.read(pid),
        }
        self.changed.insert(pid);
    }

    /// Processes that are followed and have other code now, with all of it.
    pub fn take_changed(&mut self) -> Vec<(u32, Rc<Vec<Area>>)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let areas = |pid| Some((pid, self.known.get(&pid)?.areas.clone()));
        changed.filter_map(areas).collect()
    }

    /// Takes in what has happened since the last time. The first time is after all is attached, so that nothing waits for /proc.
    pub fn update(&mut self) {
        let Some(events) = &mut self.events else {
            return;
        };
        for event in events.take() {
            self.apply(event);
        }
        if !self.looked {
            self.looked = true;
            self.snapshot();
        }
    }

    /// The file behind an address of a process.
    pub fn find(&self, pid: u32, address: u64) -> Option<Spot> {
        let areas = &self.known.get(&pid)?.areas;
        let area = areas.iter().find(|a| (a.start..a.end).contains(&address))?;
        Some(Spot {
            file: area.file.clone(),
            offset: address - area.start + area.offset,
        })
    }

    fn apply(&mut self, event: TaskEvent) {
        if let TaskEvent::Fork { parent, child } = event
            && self.followed.contains(&parent)
        {
            self.followed.insert(child);
        }
        if let TaskEvent::Fork { child: pid, .. }
        | TaskEvent::Exec { pid }
        | TaskEvent::Map { pid, .. } = event
            && self.followed.contains(&pid)
        {
            self.changed.insert(pid);
        }
        match event {
            TaskEvent::Fork { parent, child } => {
                if !self.known.contains_key(&parent) {
                    self.read(parent);
                }
                let areas = self.known.get(&parent).map(|k| k.areas.clone());
                self.set(child, areas.unwrap_or_default());
            }
            TaskEvent::Exec { pid } => self.set(pid, Rc::default()),
            TaskEvent::Map { pid, area } => {
                let known = self.known.entry(pid).or_default();
                let areas = Rc::make_mut(&mut known.areas);
                areas.retain(|a| a.end <= area.start || area.end <= a.start);
                areas.push(area);
            }
            TaskEvent::Exit { pid } => self.bury(pid),
        }
    }

    fn set(&mut self, pid: u32, areas: Rc<Vec<Area>>) {
        self.known.insert(pid, Known { areas, gone: false });
    }

    /// A process ends; of many that did, the first is forgotten.
    fn bury(&mut self, pid: u32) {
        let Some(known) = self.known.get_mut(&pid) else {
            return;
        };
        known.gone = true;
        self.gone.push_back(pid);
        if self.gone.len() > GONE
            && let Some(oldest) = self.gone.pop_front()
            && self.known.get(&oldest).is_some_and(|k| k.gone)
        {
            self.known.remove(&oldest);
        }
    }

    fn read(&mut self, pid: u32) {
        if let Ok(text) = fs::read(format!("/proc/{pid}/maps")) {
            let areas: Vec<Area> = text.split(|b| *b == b'\n').filter_map(parse).collect();
            if !areas.is_empty() {
                self.set(pid, Rc::new(areas));
            }
        }
    }
}

fn parse(line: &[u8]) -> Option<Area> {
    let line = String::from_utf8_lossy(line);
    let code = Code::parse(&line)?;
    let (start, end) = code.addresses()?;
    Some(Area {
        start,
        end,
        offset: code.offset,
        file: Rc::new(MappedFile {
            path: code.path.into(),
            inode: code.inode,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(start: u64, end: u64, path: &str) -> Area {
        Area {
            start,
            end,
            offset: 0x1000,
            file: Rc::new(MappedFile {
                path: path.into(),
                inode: 7,
            }),
        }
    }

    fn at(processes: &Processes, pid: u32, address: u64) -> Option<(String, u64)> {
        let spot = processes.find(pid, address)?;
        Some((spot.file.path.display().to_string(), spot.offset))
    }

    #[test]
    fn children_have_their_parents_memory_until_they_exec() {
        let mut all = Processes::default();
        let map = |pid, area| TaskEvent::Map { pid, area };
        all.apply(map(1, area(0x100, 0x200, "/a")));
        all.apply(TaskEvent::Fork {
            parent: 1,
            child: 2,
        });
        all.apply(map(1, area(0x180, 0x280, "/b")));
        assert_eq!(at(&all, 1, 0x190), Some(("/b".into(), 0x1010)));
        assert_eq!(at(&all, 1, 0x110), None, "what it overlaps is gone");
        assert_eq!(at(&all, 2, 0x190), Some(("/a".into(), 0x1090)));
        all.apply(TaskEvent::Exec { pid: 2 });
        assert_eq!(at(&all, 2, 0x190), None);
        all.apply(map(2, area(0x100, 0x200, "/c")));
        all.apply(TaskEvent::Exit { pid: 2 });
        assert_eq!(at(&all, 2, 0x1ff), Some(("/c".into(), 0x10ff)));
        assert_eq!(at(&all, 2, 0x200), None);
    }

    #[test]
    fn the_dead_are_forgotten_after_a_while() {
        let mut all = Processes::default();
        for pid in 1..=GONE as u32 + 1 {
            all.apply(TaskEvent::Map {
                pid,
                area: area(0, 1, "/a"),
            });
            all.apply(TaskEvent::Exit { pid });
        }
        assert!(at(&all, 1, 0).is_none() && at(&all, 2, 0).is_some());
        assert_eq!(all.known.len(), GONE);
    }
}
