//! `btc run`, and what btrun says to whoever started it: whole command lines, and all of what they print.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::report::{Report, Verdict};
use crate::stage::Tools;

struct Case {
    name: &'static str,
    /// Of `btc run`.
    args: &'static [&'static str],
    stdout: &'static str,
    /// A part of it.
    stderr: &'static str,
    status: i32,
}

const CASES: &[Case] = &[
    Case {
        name: "program, parameters, options",
        args: &[
            "-q",
            "-e",
            "begin { printf(\"%d %s %d\\n\", $1, str($2), getopt(\"n\", 3)); exit(); }",
            "5",
            "five",
            "--",
            "--n=7",
        ],
        stdout: "5 five 7\n\n\n",
        stderr: "",
        status: 0,
    },
    Case {
        name: "options behind the script",
        args: &["fixtures/run/hello_exit.bt", "-q", "-f", "json"],
        stdout: "{\"type\": \"printf\", \"data\": \"hello\\n\"}\n{\"type\": \"printf\", \"data\": \"bye\\n\"}\n",
        stderr: "",
        status: 0,
    },
    Case {
        name: "the script's own help",
        args: &[
            "-e",
            "begin { print(getopt(\"n\", 3, \"how many\")); exit(); }",
            "--",
            "--help",
        ],
        stdout: concat!(
            "program (btc ",
            env!("CARGO_PKG_VERSION"),
            ")\n\nUsage: btc run [OPTIONS] program -- [SCRIPT OPTIONS]\n\nScript options:\n  --n=NUMBER               how many [default: 3]\n"
        ),
        stderr: "",
        status: 0,
    },
    Case {
        name: "an option that nobody has",
        args: &["-e", "begin { exit(); }", "--n=7"],
        stdout: "",
        stderr: "unexpected argument '--n' found",
        status: 2,
    },
    Case {
        name: "parameters are literals",
        args: &[
            "-q",
            "-e",
            "begin { @ = lhist(5, $1, 10, 5); print($2); print(is_literal($1)); exit(); }",
            "0",
            "abc",
        ],
        stdout: "abc\ntrue\n\n\n@:\n[5, 10)                1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n",
        stderr: "",
        status: 0,
    },
    Case {
        name: "options behind two dashes",
        args: &[
            "-q",
            "-e",
            "begin { print(getopt(\"n\", 3)); exit(4); }",
            "--",
            "--n=8",
        ],
        stdout: "8\n\n\n",
        stderr: "",
        status: 4,
    },
    Case {
        name: "script, ready line, JSON",
        args: &[
            "-q",
            "--ready-line",
            "GO",
            "-f",
            "json",
            "fixtures/run/hello_exit.bt",
        ],
        stdout: "GO\n{\"type\": \"printf\", \"data\": \"hello\\n\"}\n{\"type\": \"printf\", \"data\": \"bye\\n\"}\n",
        stderr: "",
        status: 0,
    },
    Case {
        name: "report written by pieces",
        args: &["-q", "-B", "full", "-e", "begin { print(1); exit(); }"],
        stdout: "1\n\n\n",
        stderr: "",
        status: 0,
    },
    Case {
        name: "a mistake in the script",
        args: &["-e", "begin { x }"],
        stdout: "",
        stderr: "error[E0203]",
        status: 1,
    },
    Case {
        name: "unsafe calls need consent",
        args: &["-e", "begin { system(\"true\"); exit(); }"],
        stdout: "",
        stderr: "--unsafe",
        status: 1,
    },
    Case {
        name: "consent reaches btrun",
        args: &[
            "-q",
            "--unsafe",
            "-e",
            "begin { system(\"echo done\"); exit(); }",
        ],
        stdout: "done\n\n\n\n",
        stderr: "",
        status: 0,
    },
    Case {
        name: "no script",
        args: &[],
        stdout: "",
        stderr: "no script given",
        status: 2,
    },
];

pub fn run(tools: &Tools, filter: &str, report: &mut Report) {
    let wanted = |name: &str| format!("commands/{name}").contains(filter);
    for case in CASES.iter().filter(|c| wanted(c.name)) {
        let verdict = match started(tools, case.args) {
            Ok(output) => judge(case, &output),
            Err(error) => Verdict::failed(format!("{error:#}")),
        };
        report.add("commands", case.name, &verdict);
    }
    let name = "systemd is told";
    if wanted(name) {
        let verdict = match service_manager(tools) {
            Ok(()) => Verdict::Passed,
            Err(error) => Verdict::failed(format!("{error:#}")),
        };
        report.add("commands", name, &verdict);
    }
    let name = "user stacks in a pid namespace";
    if wanted(name) {
        let verdict = match nested(tools) {
            Ok(()) => Verdict::Passed,
            Err(error) => Verdict::failed(format!("{error:#}")),
        };
        report.add("commands", name, &verdict);
    }
    super::losses::run(tools, filter, report);
    super::listing::run(tools, filter, report);
    super::packets::run(tools, filter, report);
}

fn started(tools: &Tools, args: &[&str]) -> Result<Output> {
    Command::new(&tools.btc)
        .arg("run")
        .args(args)
        .current_dir(&tools.root)
        .output()
        .context("btc cannot be started")
}

fn judge(case: &Case, output: &Output) -> Verdict {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let good = output.status.code() == Some(case.status)
        && stdout == case.stdout
        && stderr.contains(case.stderr);
    match good {
        true => Verdict::Passed,
        false => Verdict::failed(format!(
            "status {:?}, expected {}\n--- stdout\n{stdout}--- stderr\n{stderr}",
            output.status.code(),
            case.status
        )),
    }
}

/// Within a pid namespace, as in a container, programs and btrun must mean the same process by a number. The process is gone when its
/// stack is printed, or about to go.
fn nested(tools: &Tools) -> Result<()> {
    let script = "config = { show_debug_info = 0 } \
                  uprobe:target/tracees/args:area { print(ustack(1)); print(usym(reg(\"ip\"))); exit(); }";
    for _ in 0..10 {
        let output = Command::new("unshare")
            .args(["--fork", "--pid", "--mount-proc", "--kill-child"])
            .arg(&tools.btc)
            .args(["run", "-q", "-c", "target/tracees/args 3", "-e", script])
            .current_dir(&tools.root)
            .stdin(Stdio::null())
            .output()
            .context("starting unshare")?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = stdout.lines().map(str::trim).collect();
        let lines: Vec<&str> = lines.into_iter().filter(|l| !l.is_empty()).collect();
        ensure!(
            lines == ["area+0", "area"],
            "{}: {stdout}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A service of `Type=notify` is ready when all is attached.
fn service_manager(tools: &Tools) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let status = Command::new(&tools.btc)
        .args(["run", "-q", "-e", "begin { exit(); }"])
        .env("NOTIFY_SOCKET", &path)
        .current_dir(&tools.root)
        .status()?;
    ensure!(status.success(), "btc run: {status}");
    let mut message = [0; 64];
    let length = socket.recv(&mut message).context("nothing was sent")?;
    let said = String::from_utf8_lossy(&message[..length]);
    ensure!(said == "READY=1\n", "said {said:?}");
    Ok(())
}
