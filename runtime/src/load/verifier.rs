//! The verifier's log, one buffer a program, and what is worth showing of it.

use bt_abi::manifest::Source;
use libbpf_rs::OpenObject;
use libbpf_sys::{bpf_program__set_log_buf, size_t};

/// A megabyte a program; pages that the kernel does not write to cost nothing.
const LOG_SIZE: usize = 1 << 20;

/// Buffers that libbpf hands to the kernel when a load fails. Must outlive the load.
pub struct Logs(Vec<(String, Vec<u8>)>);

impl Logs {
    pub fn set(opened: &mut OpenObject) -> Logs {
        let mut logs = Vec::new();
        for program in opened.progs_mut() {
            // zeroed memory comes from the kernel untouched, whatever its size
            let mut buffer = vec![0u8; LOG_SIZE];
            // SAFETY: the buffer's memory stays where it is while the Vec moves, and the caller keeps it until after the load.
            unsafe {
                bpf_program__set_log_buf(
                    super::raw(&program),
                    buffer.as_mut_ptr().cast(),
                    LOG_SIZE as size_t,
                );
            }
            logs.push((program.name().to_string_lossy().into_owned(), buffer));
        }
        Logs(logs)
    }

    /// The programs whose load was refused, with the verifier's words.
    pub fn into_texts(self) -> Vec<(String, String)> {
        let texts = self.0.into_iter().map(|(name, buffer)| {
            let end = buffer.iter().position(|b| *b == 0).unwrap_or(buffer.len());
            (name, String::from_utf8_lossy(&buffer[..end]).into_owned())
        });
        texts.filter(|(_, text)| !text.trim().is_empty()).collect()
    }
}

/// Newer kernels end the log with a report for people: what failed, why, where, what could be done. What the verifier did stands before it.
fn parts(log: &str) -> (&str, &str) {
    match log.find("\nVerification failed: ") {
        Some(at) => log.split_at(at),
        None => (log, ""),
    }
}

/// The last lines that say what is wrong: no statistics, no state dumps. Where the kernel gives a reason, that too.
pub fn essence(log: &str) -> Vec<&str> {
    let (log, report) = parts(log);
    let reason = report.lines().skip_while(|line| line.trim() != "Reason:");
    let reason = reason
        .skip(1)
        .map(str::trim)
        .take_while(|line| !line.is_empty());
    let noise = |line: &&str| {
        let line = line.trim();
        !(line.is_empty()
            || line.starts_with("processed ")
            || line.starts_with("verification time ")
            || line.starts_with("stack depth ")
            || line.starts_with("mark_precise")
            || line.starts_with("-- BEGIN")
            || line.starts_with("-- END")
            || line.starts_with("from ")
            || line.starts_with("last_idx")
            || line.starts_with("regs="))
    };
    let lines: Vec<&str> = log.lines().filter(noise).collect();
    let last = lines.len().saturating_sub(3);
    lines[last..].iter().copied().chain(reason).collect()
}

/// The helper that the last call in the log is of.
pub fn last_helper(log: &str) -> Option<&str> {
    let calls = parts(log).0.lines().rev();
    let call = calls.filter_map(|line| line.split_once(") call ")).next()?;
    call.1.split('#').next()
}

/// The function of the kernel that the program calls, and that is not there, or not as the program calls it. libbpf writes this line.
pub fn unresolved_kfunc(log: &str) -> Option<&str> {
    let mut lines = log.lines().rev();
    lines.find_map(|line| {
        let (name, _) = line.strip_prefix("kfunc '")?.split_once('\'')?;
        // of several declarations of it
        Some(name.split_once("___").map_or(name, |(name, _)| name))
    })
}

/// The function of the kernel that this program may not call.
pub fn forbidden_kfunc(log: &str) -> Option<&str> {
    let said = log.lines().rev().find_map(|line| {
        let rest = line.strip_prefix("calling kernel function ")?;
        rest.strip_suffix(" is not allowed")
    });
    match said {
        // before 5.13 no program can call any
        None if log.contains("BPF_CALL uses reserved fields") => Some(""),
        said => said,
    }
}

/// The last line of the script that the log speaks of: by number where the kernel names it (`; text @ vfs.bt:3`, since 6.9), else
/// by its text, if no other line reads the same.
pub fn script_line(log: &str, source: &Source) -> Option<u32> {
    log.lines().rev().find_map(|line| {
        // before a jump that it refuses, the verifier writes the instruction's number instead of a semicolon
        let number = |c: char| c.is_ascii_digit();
        let text = line
            .strip_prefix(';')
            .or_else(|| line.trim_start_matches(number).strip_prefix(": "))?;
        if let Some((_, place)) = text.rsplit_once(" @ ") {
            let (file, number) = place.trim().rsplit_once(':')?;
            let same = file.rsplit('/').next() == Some(&source.name);
            return same.then(|| number.parse().ok())?;
        }
        let mut same = source.text.lines().enumerate();
        let mut same = same.by_ref().filter(|(_, l)| l.trim() == text.trim());
        match (same.next(), same.next()) {
            (Some((index, _)), None) if !text.trim().is_empty() => Some(index as u32 + 1),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "func#0 @0\n0: R1=ctx() R10=fp0\n; kprobe:vfs_read { $a = 1; @ = $a } @ vfs.bt:3\n\
        0: (79) r6 = *(u64 *)(r1 +112)\n1: (61) r0 = *(u32 *)(r6 +4)\nR6 invalid mem access 'scalar'\n\
        verification time 57 usec\nstack depth 0\nprocessed 2 insns (limit 1000000) max_states_per_insn 0\n";

    #[test]
    fn takes_what_is_wrong_and_where() {
        let lines = essence(LOG);
        assert_eq!(lines.last(), Some(&"R6 invalid mem access 'scalar'"));
        assert_eq!(lines.len(), 3);
        assert_eq!(last_helper(LOG), None);
        let call = "18: (b7) r3 = 1024\n19: (85) call bpf_d_path#147\nhelper call is not allowed in probe\n";
        assert_eq!(last_helper(call), Some("bpf_d_path"));
        let call = "5: <invalid kfunc call>\nkfunc 'bpf_task_from_pid___1' is referenced but wasn't resolved\nprocessed 5 insns\n";
        assert_eq!(unresolved_kfunc(call), Some("bpf_task_from_pid"));
        assert_eq!(unresolved_kfunc(LOG), None);
        let call = "5: (85) call vfs_read#65891\ncalling kernel function vfs_read is not allowed\nprocessed 5 insns\n";
        assert_eq!(forbidden_kfunc(call), Some("vfs_read"));
        assert_eq!(forbidden_kfunc("BPF_CALL uses reserved fields\n"), Some(""));
        assert_eq!(forbidden_kfunc(LOG), None);
        let source = |name: &str, text: &str| Source {
            name: name.into(),
            text: text.into(),
        };
        assert_eq!(script_line(LOG, &source("vfs.bt", "")), Some(3));
        assert_eq!(script_line(LOG, &source("other.bt", "")), None);
        let script = source("a.bt", "begin {\n  $x = 1;\n  print($x);\n}\n");
        assert_eq!(
            script_line("; print($x);\n1: (95) exit\n", &script),
            Some(3)
        );
        assert_eq!(script_line("98: $x = 1;\nback-edge\n", &script), Some(2));
        assert_eq!(script_line("; else\n", &script), None);
        assert!(essence("").is_empty());
    }

    #[test]
    fn a_report_of_the_kernel_is_not_taken_for_the_trace() {
        let log = "36: (b7) r3 = 1024\n37: (85) call bpf_d_path#147\nhelper call is not allowed in probe\n\n\
            Verification failed: Policy: Operation is not allowed\n\nReason:\n  It is so\n  by the rules.\n\nAt:\n\
            Instruction context:\n>>> 37 | (85) call bpf_d_path#147\n    38 | (85) call bpf_ringbuf_output#130\n\n\
            Suggestion:\n  Do something else.\n\nprocessed 22 insns (limit 1000000)\n";
        let want = [
            "36: (b7) r3 = 1024",
            "37: (85) call bpf_d_path#147",
            "helper call is not allowed in probe",
            "It is so",
            "by the rules.",
        ];
        assert_eq!(essence(log), want);
        assert_eq!(last_helper(log), Some("bpf_d_path"));
    }
}
