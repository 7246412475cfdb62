//! Why a load failed, in the script's terms.

use bt_abi::manifest::{Attach, Manifest, Need, NeedKind, Program, Span};
use libbpf_rs::{ErrorKind, MapType, ProgramType};

use super::{helpers, kfuncs, program_type, verifier};
use crate::environment::late::has_function;
use crate::environment::{KERNEL_BTF, release};
use crate::error::Failure;

/// The kernel has a list of its own: `btf_allowlist_d_path`.
const PATH_ALLOWED: &str = "the kernel allows `path` in a few functions alone: filp_close, vfs_truncate, vfs_fallocate, dentry_open, vfs_getattr, and some security hooks";

/// `logs` are the programs that the verifier spoke about, `warnings` what libbpf said.
pub fn refusal(
    manifest: &Manifest,
    error: &libbpf_rs::Error,
    logs: &[(String, String)],
    warnings: &[String],
    verbose: bool,
) -> Failure {
    if let Some(need) = manifest.needs.iter().find(|n| lacks(manifest, n)) {
        return lacking(need);
    }
    let Some((name, log)) = logs.last() else {
        let traced = manifest.programs.iter().find(|p| is_of_function(&p.attach));
        return match traced {
            Some(program) if error.kind() == ErrorKind::PermissionDenied => not_traced(program),
            _ => without_log(error, warnings),
        };
    };
    let program = manifest.programs.iter().find(|p| p.name == *name);
    let probe = program.map_or(name.as_str(), |p| p.probe.as_str());
    let mut failure = Failure::kernel(format!("the kernel refused the program of `{probe}`"));
    if let Some(program) = program {
        let line = verifier::script_line(log, &manifest.source);
        failure = failure.at(line
            .and_then(|n| span_of_line(manifest, n))
            .unwrap_or(program.span));
        let absent = kfuncs::absent(manifest, log).or(verifier::unresolved_kfunc(log));
        if let Some(kfunc) = absent {
            let called = manifest.kfuncs.iter().find(|k| k.name == kfunc);
            let at = called.map(|k| k.span).or(failure.span);
            return kfunc_lacking(kfunc).at(at.unwrap_or(program.span));
        }
        if let Some(kfunc) = verifier::forbidden_kfunc(log) {
            return kfunc_forbidden(program, kfunc).at(failure.span.unwrap_or(program.span));
        }
    }
    let shown = match verbose {
        true => vec![log.trim_end()],
        false => verifier::essence(log),
    };
    for line in shown {
        failure = failure.note(line);
    }
    if verifier::last_helper(log) == Some("bpf_d_path") {
        failure = failure.note(PATH_ALLOWED);
    }
    if log.contains("Unreleased reference") {
        failure = failure.note(UNRELEASED);
    }
    if verbose {
        return failure.note(format!("program `{name}`"));
    }
    failure.help(format!(
        "`btrun -v` prints the verifier's whole log of program `{name}`"
    ))
}

/// What a function of the kernel acquires.
const UNRELEASED: &str = "what a function of the kernel gave must be given back on every path, as `bpf_task_release` does for `bpf_task_from_pid`";

/// The whole of a line, from its first letter.
fn span_of_line(manifest: &Manifest, line: u32) -> Option<Span> {
    let text = &manifest.source.text;
    let content = text.lines().nth((line as usize).checked_sub(1)?)?;
    let before = content.as_ptr() as usize - text.as_ptr() as usize;
    let indent = content.len() - content.trim_start().len();
    Some(Span {
        start: (before + indent) as u32,
        end: (before + content.trim_end().len()) as u32,
        line,
        column: indent as u32 + 1,
    })
}

fn is_of_function(attach: &Attach) -> bool {
    matches!(
        attach,
        Attach::Fentry { .. }
            | Attach::Fexit { .. }
            | Attach::FentryProgram { .. }
            | Attach::FexitProgram { .. }
    )
}

/// Some kernels forbid these alone.
fn not_traced(program: &Program) -> Failure {
    Failure::not_permitted(format!(
        "the kernel does not permit the program of `{}`",
        program.probe
    ))
    .at(program.span)
    .help("CAP_BPF and CAP_PERFMON are needed (or CAP_SYS_ADMIN), and some machines forbid fentry and fexit even so; scripts that read only the first six arguments, or in fexit only `retval`, can be kprobes")
}

fn without_log(error: &libbpf_rs::Error, warnings: &[String]) -> Failure {
    let mut failure = match error.kind() {
        ErrorKind::PermissionDenied => Failure::not_permitted(
            "the kernel does not permit loading BPF programs",
        )
        .help("CAP_BPF and CAP_PERFMON are needed (or CAP_SYS_ADMIN); a container's seccomp filter or kernel lockdown can forbid it too"),
        ErrorKind::OutOfMemory => Failure::kernel("the kernel has no memory for the object's maps"),
        _ => Failure::kernel(format!("the kernel refused the object: {error}")),
    };
    for line in warnings {
        failure = failure.note(line);
    }
    failure
}

/// A function of the kernel is not there, or has other parameters.
fn kfunc_lacking(name: &str) -> Failure {
    let release = release();
    match has_function(name) {
        Ok(true) => Failure::kernel(format!(
            "`{name}` has other parameters on this kernel ({release}) than where the script was compiled"
        ))
        .help("compile the script with `--btf` and the BTF of this kernel"),
        _ => Failure::kernel(format!(
            "this kernel ({release}) has no function `{name}` that programs can call"
        ))
        .help(format!("call it behind `if (kfunc_exist(\"{name}\"))` to do without it")),
    }
}

/// It is there, but not for programs, or not for those of this kind.
fn kfunc_forbidden(program: &Program, name: &str) -> Failure {
    let release = release();
    match name {
        "" => Failure::kernel(format!(
            "this kernel ({release}) lets programs call none of its functions"
        ))
        .help("kernels can do that since Linux 5.13"),
        name => Failure::kernel(format!(
            "this kernel ({release}) does not let programs of `{}` call its function `{name}`",
            program.probe
        ))
        .help("what may be called depends on the kind of probe, and grows with the kernel"),
    }
}

fn lacking(need: &Need) -> Failure {
    let what = match need.kind {
        NeedKind::Helper => "the helper function",
        NeedKind::MapType => "the map type",
        NeedKind::ProgramType => "the program type",
        NeedKind::Feature => "the feature",
    };
    Failure::kernel(format!(
        "this kernel ({}) lacks {what} `{}`",
        release(),
        need.name
    ))
    .at(need.span)
    .help(match need.name.as_str() {
        "bpf_override_return" => format!(
            "it is there since Linux {}, in kernels with CONFIG_BPF_KPROBE_OVERRIDE",
            need.since
        ),
        _ => format!("it is there since Linux {}", need.since),
    })
}

/// Is it sure that the kernel lacks it? Probed, never guessed from the version.
fn lacks(manifest: &Manifest, need: &Need) -> bool {
    match need.kind {
        NeedKind::MapType => match need.name.as_str() {
            "ringbuf" => MapType::RingBuf.is_supported(),
            "hash" => MapType::Hash.is_supported(),
            "percpu_hash" => MapType::PercpuHash.is_supported(),
            "array" => MapType::Array.is_supported(),
            "percpu_array" => MapType::PercpuArray.is_supported(),
            _ => return false,
        }
        .is_ok_and(|supported| !supported),
        NeedKind::ProgramType => match need.name.as_str() {
            "kprobe" => ProgramType::Kprobe.is_supported(),
            "tracepoint" => ProgramType::Tracepoint.is_supported(),
            "perf_event" => ProgramType::PerfEvent.is_supported(),
            "tracing" => ProgramType::Tracing.is_supported(),
            "xdp" => ProgramType::Xdp.is_supported(),
            "raw_tracepoint" => ProgramType::RawTracepoint.is_supported(),
            _ => return false,
        }
        .is_ok_and(|supported| !supported),
        NeedKind::Helper => {
            let Some(id) = helpers::id(&need.name) else {
                return false;
            };
            // a helper may be there for some program types only
            let mut types: Vec<ProgramType> = manifest
                .programs
                .iter()
                .filter(|p| !matches!(p.attach, Attach::Begin | Attach::End))
                .map(|p| program_type(&p.attach))
                .collect();
            if types.is_empty() {
                types.push(ProgramType::RawTracepoint);
            }
            let supported = |ty: &ProgramType| ty.is_helper_supported(id);
            types.iter().map(supported).all(|s| s.is_ok_and(|yes| !yes))
        }
        NeedKind::Feature => need.name == "btf" && !std::path::Path::new(KERNEL_BTF).exists(),
    }
}
