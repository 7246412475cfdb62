//! The first process of the guest: mounts the little that cases need, runs the jobs of `/jobs.json`, and powers off.
//!
//! tracefs, debugfs and bpffs stay unmounted, as on a fresh machine: btrun must cope, and fixtures that want them say so.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result};
use bt_tests::job::{Frame, GUEST_SLOWNESS, JobList, Place};
use bt_tests::runner::{Runner, kernel_release};

/// The second serial port: frames for the host.
const PORT: &str = "/dev/ttyS1";

const MOUNTS: &[(&str, &str)] = &[
    ("devtmpfs", "/dev"),
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("cgroup2", "/sys/fs/cgroup"),
];

fn main() {
    if let Err(error) = run() {
        eprintln!("bt-guest: {error:#}");
    }
    busybox(&["sync"]);
    busybox(&["poweroff", "-f"]);
}

fn run() -> Result<()> {
    busybox(&["--install", "-s", "/bin"]);
    for (kind, at) in MOUNTS {
        busybox(&["mount", "-t", kind, kind, at]);
    }
    busybox(&["ip", "link", "set", "lo", "up"]);
    busybox(&["stty", "-F", PORT, "raw", "-echo"]);
    let mut port = File::options()
        .write(true)
        .open(PORT)
        .context("opening the port")?;
    let list: JobList = serde_json::from_slice(&std::fs::read("/jobs.json")?)?;
    let runner = Runner {
        btrun: list.btrun.into(),
        cwd: list.cwd.into(),
        place: Place::Vm,
        slowness: GUEST_SLOWNESS,
    };
    send(
        &mut port,
        &Frame::Booted {
            kernel: kernel_release(),
        },
    )?;
    for job in list.jobs {
        send(
            &mut port,
            &Frame::Started {
                name: job.name.clone(),
            },
        )?;
        let mut stream = |text: &str| {
            if list.stream {
                let text = text.to_string();
                let _ = send(&mut port, &Frame::Output { text });
            }
        };
        let outcome = runner.run(&job, &mut stream);
        send(&mut port, &Frame::Done(outcome))?;
    }
    send(&mut port, &Frame::End)?;
    // stty waits until the port has sent everything.
    busybox(&["stty", "-F", PORT, "raw"]);
    Ok(())
}

fn send(port: &mut File, frame: &Frame) -> Result<()> {
    let mut line = serde_json::to_vec(frame)?;
    line.push(b'\n');
    port.write_all(&line).context("writing to the port")
}

fn busybox(args: &[&str]) {
    let status = Command::new("/bin/busybox")
        .args(args)
        .env("PATH", "/bin")
        .status();
    if let Err(error) = status {
        eprintln!("busybox {args:?}: {error}");
    }
}
