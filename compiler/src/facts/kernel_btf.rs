//! The types of a kernel: of its own BTF and, for names that are not there, of its modules.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::btf::BtfTypes;
use super::{Enumeration, Enumerator, RawFunction, RawRecord, RawType};

const FOLDER: &str = "/sys/kernel/btf";
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// BTF as `--btf` names it, or that of the running kernel.
pub struct KernelBtf {
    base: BtfTypes,
    /// Those of the running kernel are opened when a type is not found in `base`: there may be hundreds.
    modules: OnceCell<Vec<BtfTypes>>,
}

impl KernelBtf {
    /// The first file is the kernel's, the others are split BTF of its modules. No file: the running kernel.
    pub fn open(files: &[PathBuf]) -> Result<KernelBtf, String> {
        let path = files.first().map_or(Path::new(VMLINUX), PathBuf::as_path);
        let say = |path: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let base = BtfTypes::open(path).map_err(|e| say(path, &e))?;
        let open = |(i, path): (usize, &PathBuf)| {
            BtfTypes::open_module(path, &base, i as u32).map_err(|e| say(path, &e))
        };
        let given = files.iter().enumerate().skip(1).map(open);
        let given: Vec<BtfTypes> = given.collect::<Result<_, _>>()?;
        let modules = match files.is_empty() {
            true => OnceCell::new(),
            false => OnceCell::from(given),
        };
        Ok(KernelBtf { base, modules })
    }

    /// Of the running kernel, by name.
    fn loaded(&self) -> Vec<BtfTypes> {
        let Ok(files) = std::fs::read_dir(FOLDER) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = files.flatten().map(|f| f.path()).collect();
        files.retain(|path| path != Path::new(VMLINUX));
        files.sort();
        // A module that has gone meanwhile, or that was made for another kernel, has no types.
        let open = |(i, path): (usize, &PathBuf)| {
            BtfTypes::open_module(path, &self.base, i as u32 + 1).ok()
        };
        files.iter().enumerate().filter_map(open).collect()
    }

    fn find<T>(&self, look: impl Fn(&BtfTypes) -> Option<T>) -> Option<T> {
        look(&self.base).or_else(|| {
            let modules = self.modules.get_or_init(|| self.loaded());
            modules.iter().find_map(look)
        })
    }

    /// Only where no file has to be opened.
    fn find_open<T>(&self, look: impl Fn(&BtfTypes) -> Option<T>) -> Option<T> {
        look(&self.base).or_else(|| self.modules.get()?.iter().find_map(look))
    }

    pub fn record_id(&self, name: &str, is_union: bool) -> Option<u32> {
        self.find(|types| types.record_id(name, is_union))
    }

    pub fn declared_record_id(&self, name: &str, is_union: bool) -> Option<u32> {
        self.find_open(|types| types.record_id(name, is_union))
    }

    pub fn record_by_id(&self, id: u32) -> Option<RawRecord> {
        self.find_open(|types| types.record_by_id(id))
    }

    pub fn typedef(&self, name: &str) -> Option<RawType> {
        self.find(|types| types.typedef(name))
    }

    pub fn enumeration(&self, name: &str) -> Option<Enumeration> {
        self.find(|types| types.enumeration(name))
    }

    pub fn enumerator(&self, name: &str) -> Option<Enumerator> {
        self.find_open(|types| types.enumerator(name))
    }

    /// Of the kernel alone: btrun reads no arguments of functions of modules.
    pub fn function(&self, name: &str) -> Option<RawFunction> {
        self.base.function(name)
    }
}
