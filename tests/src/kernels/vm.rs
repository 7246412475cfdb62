//! One boot of a kernel: qemu without KVM, everything in the initramfs, frames of JSON on the second serial port.
//!
//! The first port is the kernel's log. The guest ([`crate::job::Frame`]) speaks on the second, which is qemu's standard output.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result};

use super::packages::Kernel;
use crate::job::Frame;

/// How long a boot may take until the guest speaks.
const BOOT_TIMEOUT: Duration = Duration::from_secs(180);

/// Lines of the kernel log that a failure shows.
const LOG_LINES: usize = 25;

/// How a boot ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The guest has run all its jobs.
    Complete,
    /// The VM ended, or said nothing for too long; the end of the kernel log.
    Died { log: String },
}

/// Boots `kernel`. `on_frame` gets what the guest says, and answers how long the next frame may take.
pub fn boot(
    kernel: &Kernel,
    initramfs: &[u8],
    on_frame: &mut dyn FnMut(Frame) -> Duration,
) -> Result<End> {
    let dir = tempfile::tempdir()?;
    let (initrd, log) = (dir.path().join("initrd"), dir.path().join("log"));
    std::fs::write(&initrd, initramfs)?;
    let mut qemu = start(kernel, &initrd, &log, initramfs.len())?;
    let lines = read_lines(&mut qemu)?;
    let mut complete = false;
    let mut patience = BOOT_TIMEOUT;
    while let Ok(line) = lines.recv_timeout(patience) {
        match serde_json::from_str::<Frame>(&line) {
            Ok(Frame::End) => {
                complete = true;
                break;
            }
            Ok(frame) => patience = on_frame(frame),
            Err(error) => eprintln!("not a frame of the guest ({error}): {line}"),
        }
    }
    let _ = qemu.kill();
    let _ = qemu.wait();
    if complete {
        return Ok(End::Complete);
    }
    Ok(End::Died { log: tail(&log) })
}

fn start(kernel: &Kernel, initrd: &Path, log: &Path, payload: usize) -> Result<Child> {
    // The root file system is memory: the archive, its content, and room for the kernel.
    let memory = 512 + 3 * payload / (1 << 20);
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args([
        "-machine",
        "q35",
        "-cpu",
        "max",
        "-accel",
        "tcg,thread=multi",
        "-smp",
        "2",
        "-m",
    ]);
    qemu.arg(memory.to_string());
    qemu.args([
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
    ]);
    qemu.arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initrd);
    let cmdline = "quiet panic=-1 mitigations=off nokaslr console=ttyS0 tsc=reliable no_timer_check rdinit=/init";
    qemu.args(["-append", cmdline]);
    qemu.arg("-serial").arg(format!("file:{}", log.display()));
    qemu.args([
        "-chardev",
        "stdio,id=frames,signal=off",
        "-serial",
        "chardev:frames",
    ]);
    qemu.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    qemu.spawn()
        .context("starting qemu-system-x86_64 (package qemu-system-x86)")
}

fn read_lines(qemu: &mut Child) -> Result<Receiver<String>> {
    let output = qemu.stdout.take().context("no pipe")?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { break };
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
        }
    });
    Ok(receiver)
}

fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
