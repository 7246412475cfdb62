//! The kernel's functions by name, for messages. The list has some 150,000 lines: it is read in a stream.

use std::fs::File;
use std::io::{BufRead, BufReader};

use crate::suggest::Nearest;

/// What /proc/kallsyms says of a function.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It is there this often (more than once for static functions of the same name).
    Found { times: usize },
    /// It is not; this one is near.
    Missing { near: Option<String> },
}

/// Looks for a function of the kernel (or of `module`).
pub fn look_up(function: &str, module: Option<&str>) -> Option<Lookup> {
    let file = File::open("/proc/kallsyms").ok()?;
    scan(BufReader::new(file), function, module)
}

/// The address of a function or variable of the kernel, or of a module if only that has it; 0 where addresses are hidden.
pub fn address(symbol: &str) -> Option<u64> {
    let list = BufReader::new(File::open("/proc/kallsyms").ok()?);
    find_address(list, symbol)
}

/// How far it is from a function of the kernel (or of `module`) to the next symbol. `None` where that cannot be told: addresses are hidden,
/// or several functions have the name.
pub fn room(function: &str, module: Option<&str>) -> Option<u64> {
    let list = || Some(BufReader::new(File::open("/proc/kallsyms").ok()?));
    find_room(list, function, module)
}

fn find_room<L: BufRead>(
    list: impl Fn() -> Option<L>,
    function: &str,
    module: Option<&str>,
) -> Option<u64> {
    let module = module.filter(|m| *m != "vmlinux");
    let mut starts = Vec::new();
    addresses(list()?, |address, kind, name, home| {
        let is_function = matches!(kind, "t" | "T" | "w" | "W");
        if is_function && name == function && module.is_none_or(|m| home == Some(m)) {
            starts.push(address);
        }
    })?;
    let [start] = starts[..] else {
        return None;
    };
    let mut next = None;
    addresses(list()?, |address, _, _, _| {
        if address > start && next.is_none_or(|n| address < n) {
            next = Some(address);
        }
    })?;
    next.filter(|_| start > 0).map(|next| next - start)
}

/// Address, kind, name and module of each line.
fn addresses(
    mut list: impl BufRead,
    mut visit: impl FnMut(u64, &str, &str, Option<&str>),
) -> Option<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if list.read_line(&mut line).ok()? == 0 {
            return Some(());
        }
        let mut words = line.split_ascii_whitespace();
        if let (Some(address), Some(kind), Some(name)) = (words.next(), words.next(), words.next())
        {
            let home = words.next().map(|m| m.trim_matches(['[', ']']));
            visit(u64::from_str_radix(address, 16).ok()?, kind, name, home);
        }
    }
}

fn find_address(mut list: impl BufRead, symbol: &str) -> Option<u64> {
    let mut line = String::new();
    loop {
        line.clear();
        if list.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_ascii_whitespace();
        let address = words.next();
        if words.nth(1) == Some(symbol) {
            return u64::from_str_radix(address?, 16).ok();
        }
    }
}

fn scan(mut list: impl BufRead, function: &str, module: Option<&str>) -> Option<Lookup> {
    let mut times = 0;
    let mut nearest = Nearest::new(function);
    let mut line = String::new();
    loop {
        line.clear();
        if list.read_line(&mut line).ok()? == 0 {
            break;
        }
        let mut words = line.split_ascii_whitespace().skip(1);
        let (Some(kind), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        let home = words.next().map(|m| m.trim_matches(['[', ']']));
        let elsewhere = match module {
            None | Some("vmlinux") => false,
            Some(module) => home != Some(module),
        };
        if elsewhere || !matches!(kind, "t" | "T" | "w" | "W") {
            continue;
        }
        if name == function {
            times += 1;
        } else if !name.starts_with("__pfx_") {
            nearest.consider(name);
        }
    }
    Some(match times {
        0 => Lookup::Missing {
            near: nearest.found(),
        },
        times => Lookup::Found { times },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "ffffffff81000000 T _text\nffffffff81400000 T vfs_read\nffffffff81400100 t dup\n\
        ffffffff81400200 t dup\nffffffff81500000 D vfs_data\nffffffffc0000000 t nf_hook\t[nf_tables]\n";

    #[test]
    fn room_ends_at_the_next_symbol() {
        let room = |name, module| find_room(|| Some(LIST.as_bytes()), name, module);
        assert_eq!(room("vfs_read", None), Some(0x100));
        assert_eq!(room("vfs_read", Some("nf_tables")), None);
        assert_eq!(room("dup", None), None);
        assert_eq!(room("nf_hook", Some("nf_tables")), None);
    }

    #[test]
    fn finds_functions_of_kernel_and_modules() {
        let look = |name, module| scan(LIST.as_bytes(), name, module);
        assert_eq!(look("dup", None), Some(Lookup::Found { times: 2 }));
        assert_eq!(
            find_address(LIST.as_bytes(), "vfs_data"),
            Some(0xffff_ffff_8150_0000)
        );
        assert_eq!(find_address(LIST.as_bytes(), "vfs"), None);
        let near = |n: &str| {
            Some(Lookup::Missing {
                near: Some(n.to_string()),
            })
        };
        assert_eq!(look("vfs_reed", None), near("vfs_read"));
        assert_eq!(look("vfs_data", None), Some(Lookup::Missing { near: None }));
        let found = Some(Lookup::Found { times: 1 });
        assert_eq!(look("nf_hook", Some("nf_tables")), found);
        assert_eq!(look("nf_hok", Some("nf_tables")), near("nf_hook"));
    }
}
