//! Iterators of this kernel: the functions of its BTF that stand for them.

use std::path::{Path, PathBuf};

use bt_abi::manifest::Program;

use super::{Place, Site, one, traced};
use crate::attach::pin;
use crate::btf::function::{self, Request, VMLINUX};
use crate::environment::release;
use crate::error::{Failure, describe};
use crate::suggest;

/// Those of bpftrace's documentation.
const DOCUMENTED: &[&str] = &["task", "task_file", "task_vma"];

/// The documented iterators that this kernel has; `None` without BTF.
pub fn known() -> Result<Option<Vec<&'static str>>, Failure> {
    let found = find(DOCUMENTED)?;
    let names = |found: Vec<bool>| {
        let known = DOCUMENTED.iter().zip(found).filter(|(_, found)| *found);
        known.map(|(name, _)| *name).collect()
    };
    Ok(found.map(names))
}

/// The function of the kernel's BTF that stands for an iterator.
pub fn function(iterator: &str) -> String {
    format!("bpf_iter_{iterator}")
}

/// Which of these iterators there are.
fn find(iterators: &[&str]) -> Result<Option<Vec<bool>>, Failure> {
    let names: Vec<String> = iterators.iter().map(|i| function(i)).collect();
    let request = |name| Request {
        raw: false,
        module: Some(VMLINUX),
        name,
    };
    let requests: Vec<Request> = names.iter().map(|name| request(name)).collect();
    let found = function::find(&requests, false)
        .map_err(|e| Failure::kernel(format!("cannot read the kernel's BTF: {}", describe(&e))))?;
    Ok(found.map(|all| all.iter().map(|f| !f.is_empty()).collect()))
}

pub fn sites(program: &Program, name: &str, pin: Option<&str>) -> Result<Vec<Site>, Failure> {
    if let Some(pin) = pin {
        pin::check(Path::new(pin))?;
    }
    match find(&[name])?.as_deref() {
        None => Err(traced::no_btf()),
        Some([true]) => {
            let place = Place::Iterator {
                name: name.to_string(),
                pin: pin.map(PathBuf::from),
            };
            Ok(vec![one(program, "", place)])
        }
        Some(_) => {
            let known = known()?.unwrap_or_default();
            Err(Failure::kernel(format!(
                "iterator `{name}` does not exist on this kernel ({})",
                release()
            ))
            .suggest(suggest::nearest(name, known)))
        }
    }
}
