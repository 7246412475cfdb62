//! What a run may have left in the kernel: the programs, maps and links that btrun held are looked up by id after its end.

use std::time::{Duration, Instant};

/// Commands of bpf(2): a descriptor for an id.
const BPF_PROG_GET_FD_BY_ID: i64 = 13;
const BPF_MAP_GET_FD_BY_ID: i64 = 14;
const BPF_LINK_GET_FD_BY_ID: i64 = 30;

/// The kernel frees programs and maps a grace period after the last reference went.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Program,
    Map,
    Link,
}

/// Ids of the BPF objects that a process holds, from its `fdinfo`.
pub fn ids_of_process(pid: u32) -> Vec<(Kind, u32)> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fdinfo")) else {
        return Vec::new();
    };
    let mut ids = Vec::new();
    for entry in entries.flatten() {
        let info = std::fs::read_to_string(entry.path()).unwrap_or_default();
        ids.extend(info.lines().filter_map(id));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn id(line: &str) -> Option<(Kind, u32)> {
    let (key, value) = line.split_once(':')?;
    let kind = match key {
        "prog_id" => Kind::Program,
        "map_id" => Kind::Map,
        "link_id" => Kind::Link,
        _ => return None,
    };
    Some((kind, value.trim().parse().ok()?))
}

/// One text for each that is still there after some patience.
pub fn still_there(ids: &[(Kind, u32)]) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left: Vec<_> = ids.iter().filter(|(kind, id)| exists(*kind, *id)).collect();
        if left.is_empty() || Instant::now() > deadline {
            let say = |(kind, id): &(Kind, u32)| format!("left behind: {kind:?} {id}");
            return left.into_iter().map(say).collect();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn exists(kind: Kind, id: u32) -> bool {
    let command = match kind {
        Kind::Program => BPF_PROG_GET_FD_BY_ID,
        Kind::Map => BPF_MAP_GET_FD_BY_ID,
        Kind::Link => BPF_LINK_GET_FD_BY_ID,
    };
    let mut attr = [0u32; 16];
    attr[0] = id;
    // SAFETY: `attr` is zeroed beyond the id and larger than the commands need; its size is passed. The descriptor that may
    // come back is closed at once.
    unsafe {
        let fd = libc::syscall(libc::SYS_bpf, command, attr.as_ptr(), size_of_val(&attr));
        if fd >= 0 {
            libc::close(fd as i32);
        }
        fd >= 0
    }
}

/// The mounts that a tracer may make.
pub fn mounts() -> Vec<String> {
    let all = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let ours = |line: &&str| {
        let kind = line.split(' ').nth(2).unwrap_or_default();
        matches!(kind, "tracefs" | "debugfs" | "bpf")
    };
    all.lines().filter(ours).map(str::to_string).collect()
}
