//! The types of a kernel: of its own BTF and, for names that are not there, of its modules.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use bt_abi::attach::{is_pattern, matches};

use super::btf::BtfTypes;
use super::{Enumeration, Enumerator, RawFunction, RawRecord, RawType};

const FOLDER: &str = "/sys/kernel/btf";
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
/// What the kernel itself is called among its modules.
const VMLINUX_MODULE: &str = "vmlinux";

struct Module {
    /// As its file is called: `loop`, or `loop.btf`.
    name: String,
    types: BtfTypes,
}

impl Module {
    fn new(path: &Path, types: BtfTypes) -> Module {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // as the kernel writes it
        let name = name.replace('-', "_");
        Module { name, types }
    }
}

/// BTF as `--btf` names it, or that of the running kernel.
pub struct KernelBtf {
    base: BtfTypes,
    /// Those of the running kernel are opened when a type is not found in `base`: there may be hundreds.
    modules: OnceCell<Vec<Module>>,
}

impl KernelBtf {
    /// The first file is the kernel's, the others are split BTF of its modules. No file: the running kernel.
    pub fn open(files: &[PathBuf]) -> Result<KernelBtf, String> {
        let path = files.first().map_or(Path::new(VMLINUX), PathBuf::as_path);
        let say = |path: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let base = BtfTypes::open(path).map_err(|e| say(path, &e))?;
        let open = |(i, path): (usize, &PathBuf)| {
            let types = BtfTypes::open_module(path, &base, i as u32).map_err(|e| say(path, &e))?;
            Ok(Module::new(path, types))
        };
        let given = files.iter().enumerate().skip(1).map(open);
        let given: Vec<Module> = given.collect::<Result<_, String>>()?;
        let modules = match files.is_empty() {
            true => OnceCell::new(),
            false => OnceCell::from(given),
        };
        Ok(KernelBtf { base, modules })
    }

    /// Of the running kernel, by name.
    fn loaded(&self) -> Vec<Module> {
        let Ok(files) = std::fs::read_dir(FOLDER) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = files.flatten().map(|f| f.path()).collect();
        files.retain(|path| path != Path::new(VMLINUX));
        files.sort();
        // A module that has gone meanwhile, or that was made for another kernel, has no types.
        let open = |(i, path): (usize, &PathBuf)| {
            let types = BtfTypes::open_module(path, &self.base, i as u32 + 1).ok()?;
            Some(Module::new(path, types))
        };
        files.iter().enumerate().filter_map(open).collect()
    }

    fn find<T>(&self, look: impl Fn(&BtfTypes) -> Option<T>) -> Option<T> {
        look(&self.base).or_else(|| {
            let modules = self.modules.get_or_init(|| self.loaded());
            modules.iter().find_map(|m| look(&m.types))
        })
    }

    /// Only where no file has to be opened.
    fn find_open<T>(&self, look: impl Fn(&BtfTypes) -> Option<T>) -> Option<T> {
        look(&self.base).or_else(|| self.modules.get()?.iter().find_map(|m| look(&m.types)))
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
        self.base.enumerator(name)
    }

    pub fn module_enumerator(&self, name: &str) -> Option<Enumerator> {
        let modules = self.modules.get_or_init(|| self.loaded());
        modules.iter().find_map(|m| m.types.enumerator(name))
    }

    /// Of the kernel itself, as btrun looks for them.
    pub fn kfunc(&self, name: &str) -> Option<RawFunction> {
        self.base.kfunc(name)
    }

    /// Modules are opened if one is named, or if the kernel has no such function.
    pub fn functions(&self, module: Option<&str>, name: &str) -> Vec<RawFunction> {
        let mut found = match module {
            None => self.base.prototypes(name),
            Some(module) if matches(module, VMLINUX_MODULE) => self.base.prototypes(name),
            Some(_) => Vec::new(),
        };
        let only_kernel = match module {
            None => !found.is_empty() && !is_pattern(name),
            Some(module) => module == VMLINUX_MODULE,
        };
        if !only_kernel {
            let modules = self.modules.get_or_init(|| self.loaded());
            let wanted = modules
                .iter()
                .filter(|m| module.is_none_or(|pattern| matches(pattern, &m.name)));
            found.extend(wanted.flat_map(|m| m.types.prototypes(name)));
        }
        // a module of the target may be a part of the kernel here
        if found.is_empty() && module.is_some() {
            found = self.base.prototypes(name);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: u32 = 1 << 24;
    const POINTER: u32 = 2 << 24;
    const STRUCT: u32 = 4 << 24;
    const ENUM: u32 = 6 << 24;
    const FORWARD: u32 = 7 << 24;
    const TYPEDEF: u32 = 8 << 24;

    /// BTF of these words and strings. Format: Documentation/bpf/btf.rst of the kernel.
    fn blob(types: &[u32], strings: &str) -> Vec<u8> {
        let length = 4 * types.len() as u32;
        let header = [0x0001_eb9f, 24, 0, length, length, strings.len() as u32];
        let words = header.iter().chain(types);
        let bytes = words.flat_map(|word| word.to_le_bytes());
        bytes.chain(strings.bytes()).collect()
    }

    const BASE_STRINGS: &str = "\0int\0task\0pid\0far\0";
    const BASE: u32 = BASE_STRINGS.len() as u32;

    /// `struct task { int pid; struct far *far; }`; far is declared only.
    fn base() -> Vec<u8> {
        let types = [
            [1, INT, 4].as_slice(),
            &[0x0100_0020],
            &[14, FORWARD, 0],
            &[0, POINTER, 2],
            &[5, STRUCT | 2, 16, 10, 1, 0, 14, 3, 64],
        ];
        blob(&types.concat(), BASE_STRINGS)
    }

    /// `struct far { struct { int a; } b; struct task *pid; }`, `typedef struct far far_t`: ids from 5 on.
    fn first() -> Vec<u8> {
        let types = [
            [0, STRUCT | 1, 4, BASE, 1, 0].as_slice(),
            &[0, POINTER, 4],
            &[14, STRUCT | 2, 16, BASE + 2, 5, 0, 10, 6, 64],
            &[BASE + 4, TYPEDEF, 7],
        ];
        blob(&types.concat(), "a\0b\0far_t\0")
    }

    /// `struct other { struct { int c; } b; }`, `enum kind { ONE = 7 }`: ids from 5 on.
    fn second() -> Vec<u8> {
        let types = [
            [0, STRUCT | 1, 4, BASE, 1, 0].as_slice(),
            &[BASE + 4, STRUCT | 1, 4, BASE + 2, 5, 0],
            &[BASE + 10, ENUM | 1, 4, BASE + 15, 7],
        ];
        blob(&types.concat(), "c\0b\0other\0kind\0ONE\0")
    }

    fn open(folder: &Path) -> KernelBtf {
        let blobs = [
            ("vmlinux", base()),
            ("first", first()),
            ("second", second()),
        ];
        let files = blobs.map(|(name, bytes)| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).expect("written");
            path
        });
        KernelBtf::open(&files).expect("good BTF")
    }

    fn fields(types: &KernelBtf, id: u32) -> Vec<(String, RawType)> {
        let record = types.record_by_id(id).expect("a record");
        record.fields.into_iter().map(|f| (f.name, f.ty)).collect()
    }

    #[test]
    fn ids_of_modules_are_not_mixed_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let types = open(folder.path());
        let id = |name: &str| types.record_id(name, false).expect("there");
        assert_eq!(id("task"), 4);
        assert_ne!(id("far"), id("other"));
        assert_eq!(types.record_id("nothing", false), None);
        let names = |record: &str| {
            let (first, ty) = fields(&types, id(record)).remove(0);
            let RawType::Record { btf_id, .. } = ty else {
                panic!("{ty:?}");
            };
            (first, fields(&types, btf_id)[0].0.clone())
        };
        assert_eq!(names("far"), ("b".into(), "a".into()));
        assert_eq!(names("other"), ("b".into(), "c".into()));
        // what is the kernel's has its id there
        let RawType::Pointer(to) = &fields(&types, id("far"))[1].1 else {
            panic!("no pointer");
        };
        assert!(matches!(**to, RawType::Record { btf_id: 4, .. }));
        assert!(matches!(
            types.typedef("far_t"),
            Some(RawType::Record { btf_id, .. }) if btf_id == id("far")
        ));
        assert_eq!(types.declared_record_id("far", false), Some(id("far")));
        let one = types.module_enumerator("ONE").expect("there");
        assert_eq!((one.of.as_str(), one.value), ("kind", 7));
        assert_eq!(types.enumeration("kind").expect("there").variants.len(), 1);
    }

    #[test]
    fn files_that_are_no_btf_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (base_file, bad) = (folder.path().join("vmlinux"), folder.path().join("bad"));
        std::fs::write(&base_file, base()).expect("written");
        std::fs::write(&bad, b"text, nothing else than text").expect("written");
        let opened = KernelBtf::open(&[base_file, bad.clone()]);
        let message = opened.err().expect("an error");
        assert!(
            message.starts_with(&format!("{}: ", bad.display())),
            "{message}"
        );
    }
}
