//! Forks, execs, mappings of code and ends of all processes, as perf_event_open(2) tells of them.
//!
//! One event a CPU that counts nothing and only carries these records, each with a ring buffer of its own.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::processes::{Area, MappedFile};
use crate::attach::perf_event;
use crate::environment::cpus;
use crate::value;

#[derive(Debug, PartialEq, Eq)]
pub enum TaskEvent {
    Fork { parent: u32, child: u32 },
    Exec { pid: u32 },
    Map { pid: u32, area: Area },
    Exit { pid: u32 },
}

/// `enum perf_event_type` of <linux/perf_event.h>.
const RECORD_COMM: u32 = 3;
const RECORD_EXIT: u32 = 4;
const RECORD_FORK: u32 = 7;
const RECORD_MMAP2: u32 = 10;

/// `PERF_RECORD_MISC_COMM_EXEC`: a new name because of an exec.
const COMM_EXEC: u16 = 1 << 13;

/// Of each buffer, besides the page in front.
const PAGES: usize = 16;

/// Where the page in front says how far the kernel has written, and we have read.
const DATA_HEAD: usize = 1024;
const DATA_TAIL: usize = 1032;

/// `struct perf_event_header`
const HEADER: usize = 8;

pub struct TaskEvents {
    rings: Vec<Ring>,
    /// Waits for all of them.
    epoll: OwnedFd,
}

impl TaskEvents {
    /// `None` where the kernel refuses: nothing that a run depends on.
    pub fn open() -> Option<TaskEvents> {
        let cpus = cpus::online().ok()?;
        let rings: Option<Vec<Ring>> = cpus
            .into_iter()
            .map(|cpu| Ring::map(perf_event::tasks(cpu).ok()?))
            .collect();
        let rings = rings?;
        let epoll = epoll(&rings)?;
        Some(TaskEvents { rings, epoll })
    }

    /// Readable when there is something to take.
    pub fn fd(&self) -> i32 {
        self.epoll.as_raw_fd()
    }

    /// What has come since the last time, in the order in which it happened.
    pub fn take(&mut self) -> Vec<TaskEvent> {
        let mut events = Vec::new();
        for ring in &mut self.rings {
            ring.read(&mut |record| events.extend(decode(record)));
        }
        events.sort_by_key(|(time, _)| *time);
        events.into_iter().map(|(_, event)| event).collect()
    }
}

fn epoll(rings: &[Ring]) -> Option<OwnedFd> {
    // SAFETY: the call has no pointers.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return None;
    }
    // SAFETY: a descriptor that we have just got, and that nobody else owns.
    let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
    for ring in rings {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 0,
        };
        let of = ring.event.as_raw_fd();
        // SAFETY: the event lives through the call; the descriptors are open.
        if unsafe { libc::epoll_ctl(fd, libc::EPOLL_CTL_ADD, of, &raw mut event) } < 0 {
            return None;
        }
    }
    Some(epoll)
}

/// A record, and when it was written. Others than those that we know are passed over.
fn decode(record: &[u8]) -> Option<(u64, TaskEvent)> {
    let word = |at: usize| Some(value::int(record.get(at..)?, 4, false)?.bits as u32);
    let long = |at: usize| Some(value::int(record.get(at..)?, 8, false)?.bits);
    let (kind, misc) = (word(0)?, word(4)? as u16);
    // each record ends with the sample's id, which is the time
    let body = record.len().checked_sub(8)?;
    let pid = word(HEADER)?;
    let event = match kind {
        RECORD_COMM if misc & COMM_EXEC != 0 => TaskEvent::Exec { pid },
        RECORD_FORK | RECORD_EXIT => {
            let (parent, thread) = (word(HEADER + 4)?, word(HEADER + 8)?);
            match kind {
                // a thread
                RECORD_FORK if parent == pid => return None,
                RECORD_FORK => TaskEvent::Fork { parent, child: pid },
                _ if thread != pid => return None,
                _ => TaskEvent::Exit { pid },
            }
        }
        RECORD_MMAP2 => {
            let (start, length) = (long(16)?, long(24)?);
            let name = record.get(72..body)?.split(|b| *b == 0).next()?;
            if !name.starts_with(b"/") {
                return None;
            }
            let area = Area {
                start,
                end: start.checked_add(length)?,
                offset: long(32)?,
                file: Rc::new(MappedFile {
                    path: OsStr::from_bytes(name).into(),
                    inode: long(48)?,
                }),
            };
            TaskEvent::Map { pid, area }
        }
        _ => return None,
    };
    Some((long(body)?, event))
}

/// The buffer of one CPU.
struct Ring {
    memory: NonNull<u8>,
    length: usize,
    page: usize,
    event: OwnedFd,
}

impl Ring {
    fn map(event: OwnedFd) -> Option<Ring> {
        // SAFETY: the call has no pointers.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
        let length = (PAGES + 1) * page;
        // SAFETY: a new mapping of the event's buffer, of a page and a power of two of them.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return None;
        }
        Some(Ring {
            memory: NonNull::new(memory.cast())?,
            length,
            page,
            event,
        })
    }

    /// One of the counters in the page in front.
    fn counter(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the mapping is longer than a page, the offset is a multiple of 8, and the kernel treats the word as atomic too.
        unsafe { &*self.memory.as_ptr().add(offset).cast::<AtomicU64>() }
    }

    /// Visits the records that are new.
    fn read(&mut self, visit: &mut dyn FnMut(&[u8])) {
        let head = self.counter(DATA_HEAD).load(Ordering::Acquire);
        let mut tail = self.counter(DATA_TAIL).load(Ordering::Relaxed);
        while tail < head {
            let header = self.copy(tail, HEADER);
            let size = usize::from(u16::from_ne_bytes([header[6], header[7]]));
            if size < HEADER || size as u64 > head - tail {
                tail = head;
                break;
            }
            visit(&self.copy(tail, size));
            tail += size as u64;
        }
        self.counter(DATA_TAIL).store(tail, Ordering::Release);
    }

    /// Bytes from a position on, around the end.
    fn copy(&self, from: u64, length: usize) -> Vec<u8> {
        let size = self.length - self.page;
        let byte = |i: usize| {
            let at = self.page + (from as usize + i) % size;
            // SAFETY: within the mapping; the kernel does not write where we have not read yet.
            unsafe { self.memory.as_ptr().add(at).read_volatile() }
        };
        (0..length).map(byte).collect()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: our own mapping, to which nothing points any more.
        unsafe {
            libc::munmap(self.memory.as_ptr().cast(), self.length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, misc: u16, words: &[u32], name: &[u8], time: u64) -> Vec<u8> {
        let mut body: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        body.extend(name);
        body.extend(time.to_ne_bytes());
        let mut all = kind.to_ne_bytes().to_vec();
        all.extend(misc.to_ne_bytes());
        all.extend((body.len() as u16 + 8).to_ne_bytes());
        all.extend(body);
        all
    }

    #[test]
    fn records_of_the_kernel() {
        let fork = record(RECORD_FORK, 0, &[5, 4, 5, 4, 0, 0], b"", 9);
        let forked = TaskEvent::Fork {
            parent: 4,
            child: 5,
        };
        assert_eq!(decode(&fork), Some((9, forked)));
        let thread = record(RECORD_FORK, 0, &[5, 5, 6, 5, 0, 0], b"", 9);
        assert_eq!(decode(&thread), None);
        let exit = record(RECORD_EXIT, 0, &[5, 4, 5, 4, 0, 0], b"", 9);
        assert_eq!(decode(&exit), Some((9, TaskEvent::Exit { pid: 5 })));
        let of_thread = record(RECORD_EXIT, 0, &[5, 4, 6, 4, 0, 0], b"", 9);
        assert_eq!(decode(&of_thread), None);
        let renamed = record(RECORD_COMM, 0, &[5, 5], b"name\0\0\0\0", 9);
        assert_eq!(decode(&renamed), None);
        let exec = record(RECORD_COMM, COMM_EXEC, &[5, 5], b"name\0\0\0\0", 9);
        assert_eq!(decode(&exec), Some((9, TaskEvent::Exec { pid: 5 })));
        let mut words = vec![
            5, 5, 0x1000, 0, 0x200, 0, 0x3000, 0, 8, 1, 77, 0, 0, 0, 5, 2,
        ];
        let mapped = record(RECORD_MMAP2, 0, &words, b"/bin/x\0\0", 9);
        let Some((9, TaskEvent::Map { pid: 5, area })) = decode(&mapped) else {
            panic!("not a mapping");
        };
        assert_eq!(
            (area.start, area.end, area.offset),
            (0x1000, 0x1200, 0x3000)
        );
        assert_eq!(
            (area.file.path.to_str(), area.file.inode),
            (Some("/bin/x"), 77)
        );
        words.truncate(3);
        assert_eq!(decode(&record(RECORD_MMAP2, 0, &words, b"", 9)), None);
        assert_eq!(decode(&[0; 7]), None);
    }
}
