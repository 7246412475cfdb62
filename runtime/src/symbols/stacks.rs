//! Stacks as text: addresses from the maps of stacks, symbols from blazesym.
//!
//! The symbolizer is made when the first stack is printed: reading the kernel's symbols costs a tenth of a second.

use std::collections::HashMap;
use std::fmt::Write;

use blazesym::symbolize::source::{Kernel, Process, Source};
use blazesym::symbolize::{Input, Symbolized, Symbolizer};
use blazesym::{MaybeDefault, Pid};
use bt_abi::names::stacks_map;
use bt_abi::types::StackMode;
use libbpf_rs::{MapCore, MapFlags};

use crate::load::Loaded;
use crate::value::{StackRef, Stacks};

/// Spaces in front of a frame.
const INDENT: &str = "        ";

pub struct StackPrinter<'a> {
    loaded: &'a Loaded,
    symbolizer: Option<Symbolizer>,
    /// Kernel frames that were printed before.
    kernel: HashMap<u64, String>,
}

impl<'a> StackPrinter<'a> {
    pub fn new(loaded: &'a Loaded) -> StackPrinter<'a> {
        StackPrinter {
            loaded,
            symbolizer: None,
            kernel: HashMap::new(),
        }
    }

    /// Innermost frame first.
    fn frames(&self, stack: &StackRef) -> Vec<u64> {
        if stack.key == 0 {
            return Vec::new();
        }
        let map = self.loaded.map(&stacks_map(stack.limit));
        let found = map.and_then(|m| m.lookup(&stack.key.to_ne_bytes(), MapFlags::ANY).ok()?);
        let bytes = found.unwrap_or_default();
        let word = |w: &[u8]| crate::value::int(w, 8, false).map_or(0, |i| i.bits);
        bytes
            .chunks_exact(8)
            .map(word)
            .take_while(|address| *address != 0)
            .collect()
    }

    fn symbolize(
        &mut self,
        source: &Source<'_>,
        addresses: &[u64],
        mode: StackMode,
    ) -> Vec<String> {
        let user = matches!(source, Source::Process(_));
        let symbolizer = self.symbolizer.get_or_insert_with(|| {
            Symbolizer::builder()
                .enable_code_info(false)
                .enable_inlined_fns(false)
                .enable_auto_reload(false)
                .build()
        });
        let found = symbolizer
            .symbolize(source, Input::AbsAddr(addresses))
            .unwrap_or_default();
        let name = |(i, address): (usize, &u64)| frame(found.get(i), *address, mode, user);
        addresses.iter().enumerate().map(name).collect()
    }

    fn names(&mut self, addresses: &[u64], pid: Option<u32>, mode: StackMode) -> Vec<String> {
        let Some(pid) = pid else {
            let unknown: Vec<u64> = addresses
                .iter()
                .filter(|a| !self.kernel.contains_key(a))
                .copied()
                .collect();
            if !unknown.is_empty() {
                let source = Source::Kernel(Kernel {
                    vmlinux: MaybeDefault::None,
                    debug_syms: false,
                    ..Kernel::default()
                });
                let names = self.symbolize(&source, &unknown, mode);
                self.kernel.extend(unknown.into_iter().zip(names));
            }
            let known = |a: &u64| self.kernel.get(a).cloned().unwrap_or_default();
            return addresses.iter().map(known).collect();
        };
        let source = Source::Process(Process {
            debug_syms: false,
            ..Process::new(Pid::from(pid))
        });
        self.symbolize(&source, addresses, mode)
    }
}

impl Stacks for StackPrinter<'_> {
    fn text(&mut self, stack: StackRef) -> Vec<u8> {
        let addresses = self.frames(&stack);
        let mut text = String::from("\n");
        if stack.mode == StackMode::Raw {
            for address in &addresses {
                let _ = writeln!(text, "{address:x}");
            }
            return text.into_bytes();
        }
        let names = match addresses.is_empty() {
            true => Vec::new(),
            false => self.names(&addresses, stack.pid, stack.mode),
        };
        for (address, name) in addresses.iter().zip(names) {
            let _ = match stack.mode {
                StackMode::Perf => writeln!(text, "\t{address:x} {name}"),
                _ => writeln!(text, "{INDENT}{name}"),
            };
        }
        text.into_bytes()
    }

    fn symbol(&mut self, address: u64, pid: Option<u32>) -> Vec<u8> {
        let names = self.names(&[address], pid, StackMode::Bpftrace);
        let name = names.first().map_or("", |frame| without_offset(frame));
        name.as_bytes().to_vec()
    }
}

/// The name alone; an address without one in hexadecimal.
fn without_offset(frame: &str) -> &str {
    frame.rsplit_once('+').map_or(frame, |(name, _)| name)
}

fn frame(found: Option<&Symbolized<'_>>, address: u64, mode: StackMode, user: bool) -> String {
    // only user frames have a module in this mode
    let with_module = user && mode == StackMode::Perf;
    let Some(symbol) = found.and_then(|f| f.as_sym()) else {
        let unknown = if with_module { " ([unknown])" } else { "" };
        return format!("{address:#x}{unknown}");
    };
    let mut text = format!("{}+{}", symbol.name, symbol.offset);
    if with_module {
        let module = symbol.module.as_deref();
        let module = module.map_or("[unknown]".into(), |m| m.to_string_lossy());
        let _ = write!(text, " ({module})");
    }
    text
}
