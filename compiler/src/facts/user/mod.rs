//! Facts about programs and libraries: what DWARF says of their functions and types.
//!
//! Binaries are looked for where the compiler runs, below `--sysroot` if that is given. The object keeps their build ids, by which btrun
//! sees whether the target has the same ones.

mod classes;
mod die;
mod files;
mod types;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::{RawRecord, RawType};
pub use classes::Class;
use die::Dwarf;

/// A function of a program.
#[derive(Debug, Clone, PartialEq)]
pub struct UserFunction {
    pub params: Vec<UserParam>,
    /// The first register holds the address of where the result goes.
    pub hidden_result: bool,
    pub build_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct UserParam {
    pub name: String,
    pub ty: RawType,
    pub class: Class,
}

/// The binaries that a script names, opened when their types are first asked for.
#[derive(Default)]
pub struct Binaries {
    sysroot: Option<PathBuf>,
    open: RefCell<HashMap<String, Result<Rc<Dwarf>, String>>>,
}

impl Binaries {
    pub fn new(sysroot: Option<PathBuf>) -> Binaries {
        Binaries {
            sysroot,
            open: RefCell::default(),
        }
    }

    fn dwarf(&self, binary: &str) -> Result<Rc<Dwarf>, String> {
        if let Some(known) = self.open.borrow().get(binary) {
            return known.clone();
        }
        let opened = files::find(binary, self.sysroot.as_deref())
            .and_then(|path| files::open(&path, self.sysroot.as_deref()))
            .map(Rc::new);
        self.open
            .borrow_mut()
            .insert(binary.to_string(), opened.clone());
        opened
    }

    /// The error says why nothing is known of it.
    pub fn function(&self, binary: &str, name: &str) -> Result<UserFunction, String> {
        self.dwarf(binary)?.function(name)
    }

    pub fn record(&self, binary: &str, id: u32) -> Option<RawRecord> {
        self.dwarf(binary).ok()?.record(id)
    }

    pub fn record_id(&self, binary: &str, name: &str, is_union: bool) -> Option<u32> {
        self.dwarf(binary).ok()?.record_id(name, is_union)
    }
}
