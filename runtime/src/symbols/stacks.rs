//! Stacks as text: addresses from the maps of stacks, what lies there from [`super::frames`].

use std::fmt::Write;
use std::path::PathBuf;

use bt_abi::manifest::Manifest;
use bt_abi::names::stacks_map;
use bt_abi::types::{StackMode, Type};
use bt_abi::unwind;
use libbpf_rs::{MapCore, MapFlags};

use super::frames::{Frame, Frames};
use super::processes::Processes;
use crate::load::Loaded;
use crate::progress::Progress;
use crate::unwind::Unwinder;
use crate::value::{StackRef, Stacks};

/// Spaces in front of a frame.
const INDENT: &str = "        ";

pub struct StackPrinter<'a> {
    loaded: &'a Loaded,
    frames: Frames,
    /// While many symbols are looked up one after the other.
    progress: Option<Progress>,
    /// For stacks that programs unwind themselves.
    unwinder: Option<Unwinder<'a>>,
}

/// Processes whose stacks programs unwind (with true one that waits to become its program), and the files that they are going to map.
pub struct Followed<'f> {
    pub pids: Vec<(u32, bool)>,
    pub files: &'f dyn Fn() -> Vec<PathBuf>,
}

impl<'a> StackPrinter<'a> {
    pub fn new(loaded: &'a Loaded, manifest: &Manifest, followed: &Followed) -> StackPrinter<'a> {
        let mut unwinder = Unwinder::of(loaded);
        let mut processes = match prints_user_symbols(manifest) {
            true => Processes::watch(),
            false => Processes::default(),
        };
        if let Some(unwinder) = &mut unwinder {
            unwinder.expect(&(followed.files)());
            for (pid, waits) in &followed.pids {
                processes.follow(*pid, *waits);
            }
        }
        let mut printer = StackPrinter {
            loaded,
            frames: Frames::new(manifest, processes),
            progress: None,
            unwinder,
        };
        printer.follow();
        printer
    }

    /// Notes which processes came and went.
    pub fn update(&mut self) {
        self.frames.processes.update();
        self.follow();
    }

    /// Brings the tables of code that was mapped meanwhile.
    fn follow(&mut self) {
        let Some(unwinder) = &mut self.unwinder else {
            return;
        };
        for (pid, areas) in self.frames.processes.take_changed() {
            unwinder.set(pid, &areas);
        }
    }

    /// What to wait for until the next [`StackPrinter::update`]; -1 if that can take its time.
    pub fn urgent(&self) -> i32 {
        match &self.unwinder {
            Some(_) => self.frames.processes.fd(),
            None => -1,
        }
    }

    /// Nothing is looked up for now.
    pub fn rest(&mut self) {
        self.progress = None;
    }

    /// As the program stored it.
    fn bytes(&self, stack: &StackRef) -> Vec<u8> {
        if stack.key == 0 {
            return Vec::new();
        }
        let map = self.loaded.map(&stacks_map(stack.limit, stack.mode));
        let found = map.and_then(|m| m.lookup(&stack.key.to_ne_bytes(), MapFlags::ANY).ok()?);
        found.unwrap_or_default()
    }

    /// Innermost frame first.
    fn addresses(&self, stack: &StackRef) -> Vec<u64> {
        let bytes = self.bytes(stack);
        let word = |w: &[u8]| crate::value::int(w, 8, false).map_or(0, |i| i.bits);
        bytes
            .chunks_exact(8)
            .map(word)
            .take_while(|address| *address != 0)
            .collect()
    }

    fn look_up(&mut self, addresses: &[u64], pid: Option<u32>) -> Vec<Frame> {
        let progress = self
            .progress
            .get_or_insert_with(|| Progress::new("looking up symbols", 0));
        progress.step(addresses.len());
        match pid {
            None => self.frames.kernel(addresses),
            Some(pid) => self.frames.user(pid, addresses),
        }
    }
}

impl Stacks for StackPrinter<'_> {
    fn text(&mut self, stack: StackRef) -> Vec<u8> {
        if stack.mode == StackMode::BuildId {
            return build_ids(&self.bytes(&stack)).into_bytes();
        }
        let addresses = self.addresses(&stack);
        let mut text = String::from("\n");
        if stack.mode == StackMode::Raw {
            for address in &addresses {
                let _ = writeln!(text, "{address:x}");
            }
            return text.into_bytes();
        }
        // the others are where their calls return to, which may be another line, or another function
        let calls: Vec<u64> = addresses.iter().take(1).copied().collect();
        let calls = calls
            .into_iter()
            .chain(addresses.iter().skip(1).map(|a| a - 1));
        let mut frames = match addresses.is_empty() {
            true => Vec::new(),
            false => self.look_up(&calls.collect::<Vec<_>>(), stack.pid),
        };
        for symbol in frames.iter_mut().skip(1).filter_map(|f| f.symbol.as_mut()) {
            symbol.offset += 1;
        }
        for (address, frame) in addresses.iter().zip(frames) {
            if *address == unwind::FAILURE {
                let _ = writeln!(text, "{INDENT}<unwind failure>");
                continue;
            }
            match stack.mode {
                StackMode::Perf => perf(&mut text, *address, &frame, stack.pid.is_some()),
                _ => bpftrace(&mut text, *address, &frame),
            }
        }
        text.into_bytes()
    }

    fn symbol(&mut self, address: u64, pid: Option<u32>) -> Vec<u8> {
        let frames = self.look_up(&[address], pid);
        let symbol = frames.into_iter().next().and_then(|f| f.symbol);
        let name = symbol.map_or_else(|| format!("{address:#x}"), |s| s.name);
        name.into_bytes()
    }
}

/// `name+offset@file:line`, after a line for each function that was inlined there.
fn bpftrace(text: &mut String, address: u64, frame: &Frame) {
    let at = |place: &Option<String>| match place {
        Some(place) => format!("@{place}"),
        None => String::new(),
    };
    for inlined in &frame.inlined {
        let (name, place) = (&inlined.name, at(&inlined.place));
        let _ = writeln!(text, "{INDENT}[inlined] {name}{place}");
    }
    let _ = match &frame.symbol {
        Some(s) => writeln!(text, "{INDENT}{}+{}{}", s.name, s.offset, at(&s.place)),
        None => writeln!(text, "{INDENT}{address:#x}"),
    };
}

/// `id offset` for each frame, or its address where the file has no id, or was not at hand when the stack was recorded.
fn build_ids(bytes: &[u8]) -> String {
    const KNOWN: u64 = 1;
    let mut text = String::from("\n");
    for frame in bytes.chunks_exact(StackMode::BuildId.frame_size() as usize) {
        let int = |at: &[u8], size| crate::value::int(at, size, false).map_or(0, |i| i.bits);
        let (status, rest) = frame.split_at(4);
        let (id, place) = rest.split_at(20);
        match int(status, 4) {
            0 => break,
            KNOWN => {
                for byte in id {
                    let _ = write!(text, "{byte:02x}");
                }
                let _ = writeln!(text, " 0x{:02x}", int(place, 8));
            }
            _ => {
                let _ = writeln!(text, "{:x}", int(place, 8));
            }
        }
    }
    text
}

/// `address name+offset (file)`; frames of the kernel have no file.
fn perf(text: &mut String, address: u64, frame: &Frame, user: bool) {
    for inlined in &frame.inlined {
        let _ = writeln!(text, "\t{address:x} {} (inlined)", inlined.name);
    }
    let module = match &frame.symbol {
        _ if !user => String::new(),
        Some(symbol) if symbol.module.is_some() => {
            format!(" ({})", symbol.module.as_deref().unwrap_or_default())
        }
        _ => " ([unknown])".into(),
    };
    let _ = match &frame.symbol {
        Some(s) => writeln!(text, "\t{address:x} {}+{}{module}", s.name, s.offset),
        None => writeln!(text, "\t{address:x} {address:#x}{module}"),
    };
}

/// Stacks or addresses of processes are in a map or in an event.
fn prints_user_symbols(manifest: &Manifest) -> bool {
    let is_user = |ty: &Type| match ty {
        Type::UserStack { mode, .. } => *mode != StackMode::BuildId,
        other => matches!(other, Type::UserSymbol),
    };
    manifest.types().any(|ty| ty.any(&is_user))
}

#[cfg(test)]
mod tests {
    use super::super::frames::{Inlined, Symbol};
    use super::*;

    fn some_frame(module: Option<&str>) -> Frame {
        Frame {
            inlined: vec![Inlined {
                name: "inner".into(),
                place: Some("src/a.c:7".into()),
            }],
            symbol: Some(Symbol {
                name: "outer".into(),
                offset: 12,
                module: module.map(str::to_string),
                place: Some("src/a.c:9".into()),
            }),
        }
    }

    #[test]
    fn frames_as_bpftrace_prints_them() {
        let mut text = String::new();
        bpftrace(&mut text, 0x1234, &some_frame(Some("/bin/x")));
        bpftrace(&mut text, 0x1234, &Frame::default());
        let expected =
            "        [inlined] inner@src/a.c:7\n        outer+12@src/a.c:9\n        0x1234\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn frames_by_build_id() {
        let frame = |status: u32, id: [u8; 20], place: u64| {
            [&status.to_ne_bytes()[..], &id, &place.to_ne_bytes()].concat()
        };
        let known = frame(1, [0xa; 20], 5);
        let address = frame(2, [0; 20], 0x7f00);
        let end = frame(0, [0; 20], 0);
        let text = build_ids(&[known.clone(), address, end, known].concat());
        assert_eq!(text, format!("\n{} 0x05\n7f00\n", "0a".repeat(20)));
    }

    #[test]
    fn frames_as_perf_prints_them() {
        let mut text = String::new();
        perf(&mut text, 0x1234, &some_frame(Some("/bin/x")), true);
        perf(&mut text, 0x1234, &some_frame(None), true);
        perf(&mut text, 0x1234, &some_frame(None), false);
        perf(&mut text, 0x1234, &Frame::default(), true);
        perf(&mut text, 0x1234, &Frame::default(), false);
        let inlined = "\t1234 inner (inlined)\n";
        let expected = format!(
            "{inlined}\t1234 outer+12 (/bin/x)\n{inlined}\t1234 outer+12 ([unknown])\n{inlined}\t1234 outer+12\n\
             \t1234 0x1234 ([unknown])\n\t1234 0x1234\n"
        );
        assert_eq!(text, expected);
    }
}
