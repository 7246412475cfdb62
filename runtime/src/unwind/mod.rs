//! `dw_ustack`: gives programs the tables by which they unwind the stacks of processes ([`bt_abi::unwind`] has the maps).
//!
//! Which code a process has mapped is known from [`crate::symbols::processes`]; when that changes, so does its entry. A file is read
//! once.

mod table;

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;

use bt_abi::unwind::{self, AREAS_MAP, FILES_MAP, MAX_AREAS, MAX_FILES, ROW_SIZE};
use libbpf_rs::{Map, MapCore, MapFlags, MapHandle, MapType, OpenObject};
use libbpf_sys::{BPF_F_INNER_MAP, bpf_map_create_opts};

use crate::error::Failure;
use crate::load::Loaded;
use crate::symbols::processes::{Area, MappedFile};
use table::{Row, Table};

/// Rows that one call brings to the kernel.
const BATCH: usize = 16 << 10;

pub struct Unwinder<'a> {
    files: Map<'a>,
    areas: Map<'a>,
    /// `None` for a file without a table.
    known: HashMap<Rc<MappedFile>, Option<File>>,
    count: u32,
}

struct File {
    number: u32,
    rows: u32,
    table: Table,
    /// Held, so that the kernel's map lives.
    _map: MapHandle,
}

/// Says of what kind the maps in the map of files are, before the object is loaded.
pub fn prepare(opened: &mut OpenObject) -> Result<Option<MapHandle>, Failure> {
    let Some(mut files) = opened.maps_mut().find(|m| m.name() == FILES_MAP) else {
        return Ok(None);
    };
    let model = rows_map(1).map_err(failed)?;
    files.set_inner_map_fd(model.as_fd()).map_err(failed)?;
    Ok(Some(model))
}

fn failed(error: libbpf_rs::Error) -> Failure {
    Failure::kernel(format!("the maps for unwinding cannot be made: {error}"))
        .help("`dw_ustack` needs Linux 5.10 or newer")
}

fn rows_map(rows: u32) -> libbpf_rs::Result<MapHandle> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as _,
        map_flags: BPF_F_INNER_MAP,
        ..Default::default()
    };
    MapHandle::create(
        MapType::Array,
        Some("btc_rows"),
        4,
        ROW_SIZE,
        rows,
        &options,
    )
}

impl<'a> Unwinder<'a> {
    /// `None` if the script does not use it.
    pub fn of(loaded: &'a Loaded) -> Option<Unwinder<'a>> {
        Some(Unwinder {
            files: loaded.map(FILES_MAP)?,
            areas: loaded.map(AREAS_MAP)?,
            known: HashMap::new(),
            count: 0,
        })
    }

    /// Reads files that a command is going to map, so that its first functions find their tables.
    pub fn expect(&mut self, paths: &[PathBuf]) {
        for path in paths {
            let Ok(inode) = std::fs::metadata(path).map(|m| m.ino()) else {
                continue;
            };
            let file = MappedFile {
                path: path.clone(),
                inode,
            };
            let table = self.read(Table::read(path));
            self.known.insert(Rc::new(file), table);
        }
    }

    /// The code that a process has mapped now. What there is no room for, or no table, programs report when they meet it.
    pub fn set(&mut self, pid: u32, areas: &[Area]) {
        let mut found: Vec<[u64; 4]> = Vec::new();
        for area in areas {
            if let Some(entry) = self.entry(pid, area) {
                found.push(entry);
            }
        }
        found.sort_unstable();
        found.truncate(MAX_AREAS as usize);
        let mut value = vec![0u8; unwind::AREAS_SIZE as usize];
        let words = [found.len() as u64]
            .into_iter()
            .chain(found.into_iter().flatten());
        for (place, word) in value.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        let _ = self.areas.update(&pid.to_ne_bytes(), &value, MapFlags::ANY);
    }

    /// Start, end, base, and the file with its rows.
    fn entry(&mut self, pid: u32, area: &Area) -> Option<[u64; 4]> {
        if !self.known.contains_key(&area.file) {
            // as the process has it, be it deleted or in another mount namespace
            let (start, end) = (area.start, area.end);
            let mapped = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
            let table = Table::read(&mapped).or_else(|| Table::read(&area.file.path));
            let file = self.read(table);
            self.known.insert(area.file.clone(), file);
        }
        let file = self.known.get(&area.file)?.as_ref()?;
        let base = file.table.base(area.start, area.offset)?;
        let mut both = [0; 8];
        both[..4].copy_from_slice(&file.number.to_ne_bytes());
        both[4..].copy_from_slice(&file.rows.to_ne_bytes());
        Some([area.start, area.end, base, u64::from_ne_bytes(both)])
    }

    fn read(&mut self, table: Option<Table>) -> Option<File> {
        let mut table = table?;
        if self.count == MAX_FILES || table.rows.is_empty() {
            return None;
        }
        let rows = table.rows.len() as u32;
        let map = rows_map(rows).ok()?;
        fill(&map, &std::mem::take(&mut table.rows))?;
        let number = self.count;
        let fd = (map.as_fd().as_raw_fd() as u32).to_ne_bytes();
        self.files
            .update(&number.to_ne_bytes(), &fd, MapFlags::ANY)
            .ok()?;
        self.count += 1;
        Some(File {
            number,
            rows,
            table,
            _map: map,
        })
    }
}

fn fill(map: &MapHandle, rows: &[Row]) -> Option<()> {
    for (i, rows) in rows.chunks(BATCH).enumerate() {
        let first = i * BATCH;
        let keys = (first..first + rows.len()).map(|k| (k as u32).to_ne_bytes());
        let keys: Vec<u8> = keys.flatten().collect();
        let words = |r: &Row| {
            let words = [r.start, r.rule, r.offset as u32, r.frame_pointer as u32];
            words.map(u32::to_ne_bytes).concat()
        };
        let values: Vec<u8> = rows.iter().flat_map(words).collect();
        let count = rows.len() as u32;
        map.update_batch(&keys, &values, count, MapFlags::ANY, MapFlags::ANY)
            .ok()?;
    }
    Some(())
}
