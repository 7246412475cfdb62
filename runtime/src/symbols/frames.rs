//! Addresses to what lies there, by blazesym: function, offset, file, and the source line and inlined functions where there is debug
//! information.
//!
//! The symbolizer is made when the first address is looked up: reading the kernel's symbols costs a tenth of a second.

use std::collections::HashMap;
use std::path::Path;

use blazesym::symbolize::source::{Elf, Kernel, Process, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer};
use blazesym::{MaybeDefault, Pid};
use bt_abi::manifest::Manifest;

use super::processes::{Processes, Spot};

/// What is known of an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Innermost first.
    pub inlined: Vec<Inlined>,
    pub symbol: Option<Symbol>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inlined {
    pub name: String,
    /// `folder/file:line`
    pub place: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    pub offset: u64,
    /// The file, or a name in brackets.
    pub module: Option<String>,
    pub place: Option<String>,
}

/// What the script's config says of symbols.
#[derive(Debug, Clone, Copy)]
struct Settings {
    debug_info: bool,
    demangle: bool,
}

pub struct Frames {
    settings: Settings,
    symbolizer: Option<Symbolizer>,
    /// Kernel addresses that were looked up before; they mean the same through a run.
    kernel: HashMap<u64, Frame>,
    pub processes: Processes,
}

impl Frames {
    pub fn new(manifest: &Manifest, processes: Processes) -> Frames {
        let flag = |name| {
            let setting = manifest.config.settings.get(name);
            !matches!(setting.map(String::as_str), Some("false" | "0"))
        };
        Frames {
            settings: Settings {
                debug_info: flag("show_debug_info"),
                demangle: flag("cpp_demangle"),
            },
            symbolizer: None,
            kernel: HashMap::new(),
            processes,
        }
    }

    /// Of the kernel, in the order of the addresses.
    pub fn kernel(&mut self, addresses: &[u64]) -> Vec<Frame> {
        let mut unknown = addresses.to_vec();
        unknown.retain(|a| !self.kernel.contains_key(a));
        if !unknown.is_empty() {
            let source = Source::Kernel(Kernel {
                vmlinux: MaybeDefault::None,
                debug_syms: false,
                ..Kernel::default()
            });
            let found = self.look_up(&source, Input::AbsAddr(&unknown));
            self.kernel.extend(unknown.into_iter().zip(found));
        }
        let known = |a: &u64| self.kernel.get(a).cloned().unwrap_or_default();
        addresses.iter().map(known).collect()
    }

    /// Of a process, that may be gone.
    pub fn user(&mut self, pid: u32, addresses: &[u64]) -> Vec<Frame> {
        let mut frames = vec![Frame::default(); addresses.len()];
        if is_alive(pid) {
            let source = Source::Process(Process {
                debug_syms: self.settings.debug_info,
                ..Process::new(Pid::from(pid))
            });
            frames = self.look_up(&source, Input::AbsAddr(addresses));
        }
        // It may have ended meanwhile.
        let is_known = |frame: &Frame| frame.symbol.is_some();
        if frames.iter().all(is_known) || is_alive(pid) {
            return frames;
        }
        self.processes.update();
        for (frame, address) in frames.iter_mut().zip(addresses) {
            let spot = match is_known(frame) {
                true => None,
                false => self.processes.find(pid, *address),
            };
            if let Some(spot) = spot {
                *frame = self.in_file(&spot);
            }
        }
        frames
    }

    /// At an offset of a file, for processes that are gone.
    fn in_file(&mut self, spot: &Spot) -> Frame {
        let Some(path) = spot.readable_path() else {
            return Frame::default();
        };
        let source = Source::Elf(Elf {
            debug_syms: self.settings.debug_info,
            ..Elf::new(path)
        });
        let found = self.look_up(&source, Input::FileOffset(&[spot.offset]));
        let mut frame = found.into_iter().next().unwrap_or_default();
        if let Some(symbol) = &mut frame.symbol {
            symbol.module = Some(path.to_string_lossy().into_owned());
        }
        frame
    }

    fn look_up(&mut self, source: &Source<'_>, addresses: Input<&[u64]>) -> Vec<Frame> {
        let settings = self.settings;
        let symbolizer = self.symbolizer.get_or_insert_with(|| {
            Symbolizer::builder()
                .enable_code_info(settings.debug_info)
                .enable_inlined_fns(settings.debug_info)
                .enable_demangling(settings.demangle)
                .enable_auto_reload(false)
                .build()
        });
        let count = addresses.into_inner().len();
        let found = symbolizer.symbolize(source, addresses).unwrap_or_default();
        let mut frames: Vec<Frame> = found.iter().map(frame).collect();
        frames.resize(count, Frame::default());
        frames
    }
}

/// A process that has ended and was not waited for has no memory any more.
fn is_alive(pid: u32) -> bool {
    use std::io::Read;
    let mut first = [0; 1];
    let maps = std::fs::File::open(format!("/proc/{pid}/maps"));
    maps.is_ok_and(|mut maps| maps.read(&mut first).is_ok_and(|n| n > 0))
}

fn frame(found: &Symbolized<'_>) -> Frame {
    let Some(symbol) = found.as_sym() else {
        return Frame::default();
    };
    let inlined = symbol.inlined.iter().rev().map(|f| Inlined {
        name: f.name.to_string(),
        place: f.code_info.as_ref().map(place),
    });
    Frame {
        inlined: inlined.collect(),
        symbol: Some(owned(symbol)),
    }
}

fn owned(symbol: &Sym<'_>) -> Symbol {
    Symbol {
        name: symbol.name.to_string(),
        offset: symbol.offset as u64,
        module: symbol
            .module
            .as_deref()
            .map(|m| m.to_string_lossy().into_owned()),
        place: symbol.code_info.as_deref().map(place),
    }
}

fn place(code: &CodeInfo<'_>) -> String {
    let file = Path::new(&code.file);
    let path = match &code.dir {
        Some(dir) => format!("{}/{}", dir.display(), file.display()),
        None => file.display().to_string(),
    };
    format!("{path}:{}", code.line.unwrap_or(0))
}
