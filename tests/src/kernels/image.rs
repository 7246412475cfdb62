//! Unpacks a kernel image: under emulation the kernel would take seconds to do it, at every boot.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Boot protocol (Documentation/arch/x86/boot.rst): sectors of the setup code, less one.
const SETUP_SECTS: usize = 0x1f1;

/// Boot protocol: offset and length of the compressed payload, behind the setup code.
const PAYLOAD: usize = 0x248;

/// The tool for a payload's first bytes.
const TOOLS: &[(&[u8], &str)] = &[
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zX", "xz"),
    (b"\x02!L\x18", "lz4"),
];

/// The ELF inside a bzImage, which qemu boots through its PVH entry; the bzImage itself if no tool can unpack it.
pub fn decompress(bzimage: &Path) -> Result<Vec<u8>> {
    let image = std::fs::read(bzimage).with_context(|| format!("reading {}", bzimage.display()))?;
    let Some((tool, payload)) = payload(&image) else {
        return Ok(image);
    };
    match unpack(tool, payload) {
        Ok(elf) if elf.starts_with(b"\x7fELF") => Ok(elf),
        Ok(_) => Ok(image),
        Err(error) => {
            eprintln!("the kernel stays packed (slower boots): {error:#}");
            Ok(image)
        }
    }
}

/// A module, which may be packed.
pub fn decompress_module(path: &Path) -> Result<Vec<u8>> {
    let file = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    match TOOLS.iter().find(|(magic, _)| file.starts_with(magic)) {
        Some((_, tool)) => unpack(tool, &file),
        None => Ok(file),
    }
}

fn payload(image: &[u8]) -> Option<(&'static str, &[u8])> {
    let word =
        |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    let setup = (usize::from(*image.get(SETUP_SECTS)?) + 1) * 512;
    let start = setup + word(PAYLOAD)?;
    // The last 4 bytes are the unpacked size.
    let payload = image.get(start..start + word(PAYLOAD + 4)?.checked_sub(4)?)?;
    let (_, tool) = TOOLS.iter().find(|(magic, _)| payload.starts_with(magic))?;
    Some((tool, payload))
}

fn unpack(tool: &str, payload: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new(tool);
    command
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {tool}"))?;
    let mut input = child.stdin.take().context("no pipe")?;
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || input.write_all(payload));
        let output = child.wait_with_output()?;
        let _ = writer.join(); // a tool that stops reading early says so in its output
        Ok(output.stdout)
    })
}
