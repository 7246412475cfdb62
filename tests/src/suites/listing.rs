//! `btc list` and `btrun list`: lines that must be there, in this order; others may lie between.

use std::process::Command;

use anyhow::{Context, Result};
use regex_lite::Regex;

use crate::report::{Report, Verdict};
use crate::stage::Tools;

struct Case {
    name: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    /// Regular expressions, each of a whole line.
    lines: &'static [&'static str],
    /// A part of it.
    stderr: &'static str,
    status: i32,
}

const CASES: &[Case] = &[
    Case {
        name: "list a script",
        program: "btc",
        args: &[
            "list",
            "-e",
            "begin { } kprobe:vfs_{read,w*}, i:s:1 { } end { }",
        ],
        lines: &["kprobe:vfs_read", "kprobe:vfs_w\\*", "interval:s:1"],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list all of the kernel",
        program: "btrun",
        args: &["list"],
        lines: &[
            "fentry:vmlinux:vfs_read",
            "hardware:cpu-cycles:",
            "kprobe:vfs_read",
            "software:faults:",
            "tracepoint:sched:sched_switch",
        ],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list by patterns",
        program: "btrun",
        args: &["list", "t:sched:sched_process_e*,k:vfs_rea*,i"],
        lines: &[
            "tracepoint:sched:sched_process_exec",
            "kprobe:vfs_read",
            "interval:hz:",
        ],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list with arguments",
        program: "btrun",
        args: &[
            "list",
            "-v",
            "t:sched:sched_process_exit,rt:sched_process_exit,kprobe:vfs_read,kr:vfs_read,fexit:vfs_read",
        ],
        lines: &[
            "tracepoint:sched:sched_process_exit",
            "    char comm\\[16\\]",
            "    pid_t pid",
            "rawtracepoint:vmlinux:sched_process_exit",
            "    struct task_struct \\* p",
            "kprobe:vfs_read",
            "    struct file \\* arg0",
            "    char \\* arg1",
            "kretprobe:vfs_read",
            "    ssize_t retval",
            "fexit:vmlinux:vfs_read",
            "    struct file \\* file",
            "    char \\* buf",
            "    size_t count",
            "    loff_t \\* pos",
            "    ssize_t retval",
        ],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list functions of a program",
        program: "btrun",
        args: &["list", "uprobe:target/tracees/args:mai*"],
        lines: &["uprobe:.*target/tracees/args:main"],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list functions of a program with arguments",
        program: "btrun",
        args: &[
            "list",
            "-v",
            "uprobe:target/tracees/dwarf:p*,uprobe:target/tracees/args:greet",
        ],
        lines: &[
            "uprobe:.*target/tracees/dwarf:plain",
            "    int negative",
            "    byte small",
            "    char letter",
            "    _Bool flag",
            "    const char \\* text",
            "    enum color color",
            "uprobe:.*target/tracees/dwarf:pointers",
            "    const struct shape \\* shape",
            "    struct point \\* point",
            "    const int \\* numbers",
            "uprobe:target/tracees/args:greet",
        ],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list static probes",
        program: "btrun",
        args: &[
            "list",
            "-v",
            "usdt:target/tracees/static-probes,usdt:target/tracees/static-probes:other:pass",
        ],
        lines: &[
            "usdt:target/tracees/static-probes:btc:constants",
            "    int32 arg0",
            "    int32 arg1",
            "    int64 arg2",
            "usdt:target/tracees/static-probes:btc:inlined",
            "usdt:target/tracees/static-probes:btc:sizes",
            "    int8 arg0",
            "    uint8 arg1",
            "    int16 arg2",
            "usdt:target/tracees/static-probes:other:pass",
            "usdt:target/tracees/static-probes:other:pass",
        ],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list static probes of nothing",
        program: "btrun",
        args: &["list", "usdt"],
        lines: &[],
        stderr: "help: `btrun list 'usdt:/bin/bash:*'` lists those of one",
        status: 2,
    },
    Case {
        name: "list iterators with what they give",
        program: "btrun",
        args: &["list", "-v", "iter:task*"],
        lines: &[
            "iter:task",
            "    struct task_struct \\* task",
            "iter:task_file",
            "    struct task_struct \\* task",
            "    u32 fd",
            "    struct file \\* file",
            "iter:task_vma",
            "    struct vm_area_struct \\* vma",
        ],
        stderr: "",
        status: 0,
    },
    Case {
        name: "list nothing",
        program: "btrun",
        args: &["list", "kprobe:no_such_function_*"],
        lines: &[],
        stderr: "error: no traceable kernel function matches `kprobe:no_such_function_*`",
        status: 3,
    },
    Case {
        name: "list a name that is nearly one",
        program: "btrun",
        args: &["list", "kprobe:vfs_reed"],
        lines: &[],
        stderr: "help: did you mean `vfs_read`?",
        status: 3,
    },
    Case {
        name: "list an unknown type",
        program: "btrun",
        args: &["list", "kprob:vfs_read"],
        lines: &[],
        stderr: "error: `kprob` is no probe type that can be listed, and no file",
        status: 2,
    },
];

pub fn run(tools: &Tools, filter: &str, report: &mut Report) {
    let wanted = |name: &str| format!("commands/{name}").contains(filter);
    for case in CASES.iter().filter(|c| wanted(c.name)) {
        let verdict = match judge(tools, case) {
            Ok(verdict) => verdict,
            Err(error) => Verdict::failed(format!("{error:#}")),
        };
        report.add("commands", case.name, &verdict);
    }
    let name = "list an object";
    if wanted(name) {
        let verdict = match object(tools) {
            Ok(verdict) => verdict,
            Err(error) => Verdict::failed(format!("{error:#}")),
        };
        report.add("commands", name, &verdict);
    }
}

fn judge(tools: &Tools, case: &Case) -> Result<Verdict> {
    let program = match case.program {
        "btc" => &tools.btc,
        _ => &tools.btrun,
    };
    let output = Command::new(program)
        .args(case.args)
        .current_dir(&tools.root)
        .output()
        .context("it cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    for expected in case.lines {
        let whole = Regex::new(&format!("^{expected}$"))?;
        if !lines.any(|line| whole.is_match(line)) {
            let first: Vec<&str> = text.lines().take(30).collect();
            return Ok(Verdict::failed(format!(
                "no line {expected:?}\n{}",
                first.join("\n")
            )));
        }
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let good = output.status.code() == Some(case.status) && stderr.contains(case.stderr);
    Ok(match good {
        true => Verdict::Passed,
        false => Verdict::failed(format!("status {:?}\n{stderr}", output.status.code())),
    })
}

/// What the wildcards of an object stand for here.
fn object(tools: &Tools) -> Result<Verdict> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x.bpf.o");
    let script = "begin { } t:sched:sched_process_e* { @ = count(); }";
    let status = Command::new(&tools.btc)
        .args(["-e", script, "-o"])
        .arg(&path)
        .status()?;
    anyhow::ensure!(status.success(), "btc: {status}");
    let output = Command::new(&tools.btrun).arg("list").arg(&path).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(
        match text == "tracepoint:sched:sched_process_exec\ntracepoint:sched:sched_process_exit\n" {
            true => Verdict::Passed,
            false => Verdict::failed(format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
        },
    )
}
