//! Facts from where the compiler runs: BTF and tracepoint formats of the running kernel or of given files, and the recorded
//! tracepoint formats that the compiler carries for machines where tracefs cannot be read.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::kernel_btf::KernelBtf;
use super::user::{Binaries, UserFunction};
use super::{
    Enumeration, Enumerator, KernelFacts, RawFunction, RawRecord, RawType, Tracepoint, format,
};

/// Formats recorded from Debian kernels (see the file's first lines).
const RECORDED: &str = include_str!("../../facts/tracepoints-x86_64.txt");

const EVENTS: [&str; 2] = [
    "/sys/kernel/tracing/events",
    "/sys/kernel/debug/tracing/events",
];

/// Everything is read when first asked for: a script without kernel types costs no look at BTF.
#[derive(Default)]
pub struct LiveFacts {
    /// `--btf FILE`: of a kernel, then of its modules
    btf_files: Vec<PathBuf>,
    /// `--tracepoints FILE`: in the form of the recorded list; replaces the live and the recorded ones.
    tracepoints: Option<String>,
    btf: OnceCell<Result<KernelBtf, String>>,
    /// To find one, all types are looked at.
    enumerators: RefCell<HashMap<String, Option<Enumerator>>>,
    binaries: Binaries,
}

impl LiveFacts {
    /// `sysroot`: where the programs are that the script names.
    pub fn new(
        btf_files: Vec<PathBuf>,
        tracepoints: Option<String>,
        sysroot: Option<PathBuf>,
    ) -> LiveFacts {
        LiveFacts {
            btf_files,
            tracepoints,
            btf: OnceCell::new(),
            enumerators: RefCell::default(),
            binaries: Binaries::new(sysroot),
        }
    }

    fn btf(&self) -> Option<&KernelBtf> {
        self.open_btf().as_ref().ok()
    }

    fn open_btf(&self) -> &Result<KernelBtf, String> {
        self.btf.get_or_init(|| KernelBtf::open(&self.btf_files))
    }

    fn live_format(category: &str, event: &str) -> Option<Tracepoint> {
        EVENTS.iter().find_map(|events| {
            let text = std::fs::read_to_string(
                Path::new(events).join(category).join(event).join("format"),
            )
            .ok()?;
            Some(format::parse_format(&text))
        })
    }

    fn list(&self) -> &str {
        self.tracepoints.as_deref().unwrap_or(RECORDED)
    }
}

impl KernelFacts for LiveFacts {
    fn record_id(&self, name: &str, is_union: bool) -> Option<u32> {
        self.btf()?.record_id(name, is_union)
    }

    fn declared_record_id(&self, name: &str, is_union: bool) -> Option<u32> {
        self.btf()?.declared_record_id(name, is_union)
    }

    fn record_by_id(&self, btf_id: u32) -> Option<RawRecord> {
        self.btf()?.record_by_id(btf_id)
    }

    fn typedef(&self, name: &str) -> Option<RawType> {
        self.btf()?.typedef(name)
    }

    fn enumerator(&self, name: &str) -> Option<Enumerator> {
        if let Some(known) = self.enumerators.borrow().get(name) {
            return known.clone();
        }
        let found = self.btf()?.enumerator(name);
        let mut known = self.enumerators.borrow_mut();
        known.insert(name.to_string(), found.clone());
        found
    }

    fn module_enumerator(&self, name: &str) -> Option<Enumerator> {
        let found = self.btf()?.module_enumerator(name);
        let mut known = self.enumerators.borrow_mut();
        known.insert(name.to_string(), found.clone());
        found
    }

    fn enumeration(&self, name: &str) -> Option<Enumeration> {
        self.btf()?.enumeration(name)
    }

    fn functions(&self, module: Option<&str>, name: &str) -> Vec<RawFunction> {
        match self.btf() {
            Some(btf) => btf.functions(module, name),
            None => Vec::new(),
        }
    }

    fn kfunc(&self, name: &str) -> Option<RawFunction> {
        self.btf()?.kfunc(name)
    }

    fn tracepoint(&self, category: &str, event: &str) -> Option<Tracepoint> {
        if self.tracepoints.is_none()
            && let Some(live) = Self::live_format(category, event)
        {
            return Some(live);
        }
        let head = format!("{category}:{event}\t");
        let line = self
            .list()
            .lines()
            .find(|line| line.starts_with(&head) || *line == head.trim_end())?;
        format::parse_recorded(line).map(|(_, tracepoint)| tracepoint)
    }

    fn tracepoint_names(&self) -> Vec<(String, String)> {
        let names = self.list().lines().filter(|line| !line.starts_with('#'));
        let names = names.filter_map(|line| line.split('\t').next()?.split_once(':'));
        names
            .map(|(category, event)| (category.to_string(), event.to_string()))
            .collect()
    }

    fn user_function(&self, binary: &str, name: &str) -> Result<UserFunction, String> {
        self.binaries.function(binary, name)
    }

    fn user_record(&self, binary: &str, id: u32) -> Option<RawRecord> {
        self.binaries.record(binary, id)
    }

    fn user_record_id(&self, binary: &str, name: &str, is_union: bool) -> Option<u32> {
        self.binaries.record_id(binary, name, is_union)
    }

    fn types_missing(&self) -> Option<String> {
        self.open_btf().as_ref().err().cloned()
    }
}
