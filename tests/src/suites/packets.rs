//! `skboutput`: tcpdump reads what was captured, and with a buffer that is too small what was delivered and what was lost together are
//! the hits.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::report::{Report, Verdict};
use crate::stage::Tools;

const SIZE: &str = "304";
const TIMES: u64 = 3000;
/// Of a record in perf's buffer, `SIZE` and its headers included: about ten fit in a page.
const SCRIPT: &str = r#"
config = { perf_rb_pages = 1 }
rawtracepoint:netif_receive_skb /args.skb.len == 332/ {
  @[skboutput(str($1), args.skb, args.skb.len, 0)] = count();
}
"#;

pub fn run(tools: &Tools, filter: &str, report: &mut Report) {
    let name = "tcpdump reads packets, and lost ones are counted";
    if format!("commands/{name}").contains(filter) {
        let verdict = match capture(tools) {
            Ok(()) => Verdict::Passed,
            Err(error) => Verdict::failed(format!("{error:#}")),
        };
        report.add("commands", name, &verdict);
    }
}

fn capture(tools: &Tools) -> Result<()> {
    let file = std::env::temp_dir().join(format!("bt-packets-{}.pcap", std::process::id()));
    let result = captured(tools, &file.to_string_lossy());
    // there is none if btrun did not come that far
    let _ = std::fs::remove_file(&file);
    result
}

fn captured(tools: &Tools, file: &str) -> Result<()> {
    let mut tracer = Command::new(&tools.btc)
        .args(["run", "-q", "--ready-line", "READY", "-e", SCRIPT, file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("btc cannot be started")?;
    let mut stdout = BufReader::new(tracer.stdout.take().context("no stdout")?);
    let mut stderr = tracer.stderr.take().context("no stderr")?;
    let mut text = String::new();
    stdout.read_line(&mut text)?;
    // nobody empties the buffers meanwhile
    signal(&tracer, libc::SIGSTOP);
    let sent = Command::new(tools.root.join("target/tracees/packets"))
        .args(["send", SIZE, &TIMES.to_string()])
        .status();
    signal(&tracer, libc::SIGCONT);
    signal(&tracer, libc::SIGINT);
    stdout.read_to_string(&mut text)?;
    let mut errors = String::new();
    stderr.read_to_string(&mut errors)?;
    tracer.wait()?;
    ensure!(sent?.success(), "no packets were sent; {text}{errors}");
    let of = |status: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(status));
        line.map_or(Ok(0), str::parse::<u64>)
    };
    let (written, full) = (of("@[0]: ")?, of("@[-28]: ")?);
    ensure!(
        written > 0 && full > 0,
        "{written} written, {full} lost: not what this is about\n{errors}"
    );
    ensure!(written + full == TIMES, "{written} + {full} is not {TIMES}");
    let said = format!("Total lost event count: {full}\n");
    ensure!(errors.contains(&said), "{full} lost, but: {errors}");
    read_back(file, written)
}

fn signal(child: &Child, number: i32) {
    // SAFETY: a signal to a child that has not been waited for.
    unsafe { libc::kill(child.id() as i32, number) };
}

/// Has the file so many packets, with all their bytes, and of now?
fn read_back(file: &str, packets: u64) -> Result<()> {
    let output = Command::new("tcpdump")
        .args(["-n", "-A", "-r", file])
        .output()
        .context("tcpdump cannot be started (`make deps` installs it)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tcpdump: {errors}");
    ensure!(errors.contains("link-type RAW"), "tcpdump: {errors}");
    let heads = text.matches(" > 127.0.0.1.7711: UDP, length 304").count();
    let payload: String = ('a'..='z').cycle().take(304).collect();
    let payloads = text.matches(&payload).count();
    ensure!(
        heads as u64 == packets && payloads as u64 == packets,
        "{packets} packets were written, tcpdump shows {heads}, with {payloads} payloads"
    );
    Ok(())
}
