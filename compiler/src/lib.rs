//! `btc`: bpftrace scripts to standalone CO-RE objects.
//!
//! ```text
//! source -> tokens -> tree || -> types || -> plan, manifest || -> LLVM IR -> BPF ELF -> object
//! ```
//! At `||` the compiler stops if there is an error. [`compile`] is that list.

pub mod arch;
pub mod builtins;
pub mod check;
pub mod diagnostics;
pub mod docs;
pub mod expand;
pub mod external;
pub mod facts;
pub mod functions;
pub mod layout;
pub mod llvm;
pub mod lower;
pub mod names;
pub mod object;
pub mod pinned;
pub mod probes;
pub mod source;
pub mod suggest;
pub mod typed;
pub mod types;

use std::collections::BTreeMap;
use std::rc::Rc;

use bt_abi::Manifest;
use bt_abi::manifest::{Kfunc, Need, NeedKind};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;
use inkwell::context::Context;

use external::{Bitcode, External};
use facts::KernelFacts;
use llvm::builder::Builder;
use llvm::di::Di;
use llvm::emit::Machine;
use source::Source;
use types::Records;

/// What the manifest names as its maker.
pub const COMPILER: &str = concat!("btc ", env!("CARGO_PKG_VERSION"));

/// A compiled script.
pub struct Output {
    pub object: Vec<u8>,
    pub manifest: Manifest,
    /// The module before and after the passes are not kept; this is the IR as it was lowered.
    pub ir: Option<String>,
}

/// What compiling depends on besides the script.
pub struct Options {
    pub facts: Rc<dyn KernelFacts>,
    /// Variables of the environment that begin with `BPFTRACE_`: they override the script's config block.
    pub environment: Vec<(String, String)>,
    /// Keep the IR in the output.
    pub keep_ir: bool,
    /// Compile calls that change something or run commands.
    pub allow_unsafe: bool,
    /// Parameters of the script that are known now, by their number: literals.
    pub params: BTreeMap<u32, String>,
    /// Prints diagnostics and ends the process: LLVM cannot go on.
    pub on_fatal: fn(&Source, &[Diagnostic]),
}

/// Compiles a script; once in a process, which is what LLVM's BPF back end can do. The diagnostics hold warnings and errors; there is an output only if none is an error.
pub fn compile(source: &Source, options: &Options) -> (Option<Output>, Vec<Diagnostic>) {
    let parsed = bt_grammar::parse(&source.text);
    let mut diagnostics = parsed.diagnostics;
    if diagnostics::has_errors(&diagnostics) {
        return (None, diagnostics);
    }
    let (tree, c_sources, found) = expand::expand(parsed.script, source, &*options.facts);
    diagnostics.extend(found);
    let external = External::compile(&c_sources, &mut diagnostics);
    if expand::must_stop(&diagnostics) {
        return (None, expand::locate(diagnostics, source));
    }
    let records = Records::new(options.facts.clone());
    let (script, found) = check::check(&tree, &records, options, &external);
    // What has no type because of a mistake that was reported already is no second one.
    let known = diagnostics::has_errors(&diagnostics);
    diagnostics.extend(found.into_iter().filter(|d| !known || d.code != "E0313"));
    if !diagnostics::has_errors(&diagnostics) {
        diagnostics.extend(pinned::check(&script));
    }
    diagnostics = expand::locate(diagnostics, source);
    if diagnostics::has_errors(&diagnostics) {
        return (None, diagnostics);
    }
    let (plan, mut manifest) = layout::lay_out(&script, source, &records, COMPILER);
    match generate(source, &script, &plan, &records, &external, options) {
        Ok(generated) => {
            manifest.faults = generated.used.faults.clone();
            layout::flag_faults(&mut manifest);
            manifest.needs = needs(&generated.used, source);
            manifest.kfuncs = kfuncs(&generated.used, source);
            match object::finish(&generated.elf, &manifest) {
                Ok(object) => (
                    Some(Output {
                        object,
                        manifest,
                        ir: generated.ir,
                    }),
                    diagnostics,
                ),
                Err(e) => {
                    diagnostics.push(internal(
                        source,
                        &format!("the object cannot be rewritten: {e}"),
                    ));
                    (None, diagnostics)
                }
            }
        }
        Err(errors) => {
            diagnostics.extend(errors);
            (None, diagnostics)
        }
    }
}

struct Generated {
    elf: Vec<u8>,
    used: lower::Used,
    ir: Option<String>,
}

fn generate(
    source: &Source,
    script: &typed::Script,
    plan: &layout::Plan,
    records: &Records,
    external: &External,
    options: &Options,
) -> Result<Generated, Vec<Diagnostic>> {
    let machine = Machine::new().map_err(|e| vec![internal(source, &e)])?;
    let cx = Context::create();
    let module = machine.module(&cx, &source.name);
    let di = Di::new(&cx, &module, &source.name, &source.text, COMPILER);
    let builder = Builder::new(&cx, module, di);
    for bitcode in &external.modules {
        llvm::link::link(&builder, bitcode).map_err(|e| vec![not_linked(bitcode, &e)])?;
    }
    let (builder, mut used) = lower::lower(builder, script, plan, records, source);
    // What is in C may have loops.
    used.loops |= !external.modules.is_empty();
    if !used.too_large.is_empty() {
        return Err(used.too_large.iter().map(too_large).collect());
    }
    let ir = options
        .keep_ir
        .then(|| builder.module.print_to_string().to_string());
    if used.loops {
        machine.keep_block_order();
    }
    expect_fatal(source, script, plan, &builder, options.on_fatal);
    let elf = machine.emit(&cx, &builder.module).map_err(|complaints| {
        complaints
            .iter()
            .map(|c| complaint(source, script, plan, c))
            .collect::<Vec<_>>()
    })?;
    Ok(Generated { elf, used, ir })
}

/// Prepares a diagnostic for errors after which LLVM does not come back. The only one that a script can cause is a program whose jumps
/// are too long, and then it is the longest one.
fn expect_fatal(
    source: &Source,
    script: &typed::Script,
    plan: &layout::Plan,
    builder: &Builder,
    on_fatal: fn(&Source, &[Diagnostic]),
) {
    let length = |name: &String| -> usize {
        let blocks = builder
            .find_function(name)
            .map(|f| f.get_basic_block_iter());
        let blocks = blocks.into_iter().flatten();
        blocks.map(|b| b.get_instructions().count()).sum()
    };
    let longest = plan
        .programs
        .iter()
        .zip(&script.probes)
        .max_by_key(|(name, _)| length(name));
    let span = longest.map_or(Span::new(0, 0), |(_, probe)| probe.span);
    let source = source.clone();
    llvm::emit::on_fatal(Box::new(move |reason| {
        let found = match reason.contains("out of insn range") {
            true => Diagnostic::error("E0604", span, "this probe is too long")
                .here("more than 32767 instructions between a jump and its target")
                .help("cut it in several probes"),
            false => internal(&source, reason),
        };
        on_fatal(&source, &[found]);
    }));
}

/// LLVM cannot read, or not link, what clang made.
fn not_linked(bitcode: &Bitcode, reason: &str) -> Diagnostic {
    let message = format!("`{}` cannot be linked: {reason}", bitcode.name);
    Diagnostic::error("E0218", bitcode.span, message)
        .here("imported here")
        .help("clang 15 to 19 write what btc reads; two files cannot define the same name")
}

fn too_large(probe: &lower::TooLarge) -> Diagnostic {
    let message = format!(
        "the values of this probe need {} bytes, a program has {}",
        probe.bytes,
        lower::SCRATCH_LIMIT
    );
    Diagnostic::error("E0601", probe.span, message)
        .here("too many long strings at once")
        .help("lower `max_strlen` in the config block, or read shorter strings: `str(address, 64)`")
}

/// What the back end said, at the probe whose function it names.
fn complaint(
    source: &Source,
    script: &typed::Script,
    plan: &layout::Plan,
    text: &str,
) -> Diagnostic {
    let at = plan
        .programs
        .iter()
        .position(|name| text.contains(name.as_str()));
    match at.filter(|_| text.contains("stack")) {
        Some(index) => Diagnostic::error(
            "E0601",
            script.probes[index].span,
            "this probe needs more than 512 bytes of BPF stack",
        )
        .here("too many values at once")
        .help("cut it in several probes, or use fewer variables and smaller keys"),
        None => internal(source, text),
    }
}

/// A mistake of the compiler's own.
fn internal(source: &Source, text: &str) -> Diagnostic {
    let end = source.text.len().min(1);
    let message = format!("internal error of btc: {text}");
    Diagnostic::error("E0001", Span::new(0, end), message)
        .here("while compiling this script")
        .help("this is a bug in btc, not in the script; please report it with the script")
}

fn needs(used: &lower::Used, source: &Source) -> Vec<Need> {
    let need = |(helper, span): (&llvm::helper::Helper, &bt_grammar::span::Span)| Need {
        kind: NeedKind::Helper,
        name: helper.name.to_string(),
        since: helper.since.to_string(),
        span: source.manifest_span(*span),
    };
    used.helpers.iter().map(need).collect()
}

fn kfuncs(used: &lower::Used, source: &Source) -> Vec<Kfunc> {
    let kfunc = |(name, span): (&String, &Span)| Kfunc {
        name: name.clone(),
        span: source.manifest_span(*span),
    };
    used.kfuncs.iter().map(kfunc).collect()
}
