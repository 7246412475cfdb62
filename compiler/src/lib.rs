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
pub mod expand;
pub mod facts;
pub mod functions;
pub mod layout;
pub mod llvm;
pub mod lower;
pub mod names;
pub mod object;
pub mod probes;
pub mod source;
pub mod suggest;
pub mod typed;
pub mod types;

use std::rc::Rc;

use bt_abi::Manifest;
use bt_abi::manifest::{Need, NeedKind};
use bt_grammar::diag::Diagnostic;
use inkwell::context::Context;

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
}

/// Compiles a script; once in a process, which is what LLVM's BPF back end can do. The diagnostics hold warnings and errors; there is an output only if none is an error.
pub fn compile(source: &Source, options: &Options) -> (Option<Output>, Vec<Diagnostic>) {
    let parsed = bt_grammar::parse(&source.text);
    let mut diagnostics = parsed.diagnostics;
    if diagnostics::has_errors(&diagnostics) {
        return (None, diagnostics);
    }
    let (tree, found) = expand::expand(parsed.script, source, &*options.facts);
    diagnostics.extend(found);
    if expand::must_stop(&diagnostics) {
        return (None, expand::locate(diagnostics, source));
    }
    let records = Records::new(options.facts.clone());
    let (script, found) = check::check(&tree, &records, &options.environment, options.allow_unsafe);
    // What has no type because of a mistake that was reported already is no second one.
    let known = diagnostics::has_errors(&diagnostics);
    diagnostics.extend(found.into_iter().filter(|d| !known || d.code != "E0313"));
    diagnostics = expand::locate(diagnostics, source);
    if diagnostics::has_errors(&diagnostics) {
        return (None, diagnostics);
    }
    let (plan, mut manifest) = layout::lay_out(&script, source, &records, COMPILER);
    match generate(source, &script, &plan, &records, options.keep_ir) {
        Ok(generated) => {
            manifest.needs = needs(&generated.used, source);
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
    keep_ir: bool,
) -> Result<Generated, Vec<Diagnostic>> {
    let machine = Machine::new().map_err(|e| vec![internal(source, &e)])?;
    let cx = Context::create();
    let module = machine.module(&cx, &source.name);
    let di = Di::new(&cx, &module, &source.name, &source.text, COMPILER);
    let (builder, used) =
        lower::lower(Builder::new(&cx, module, di), script, plan, records, source);
    if !used.too_large.is_empty() {
        return Err(used.too_large.iter().map(too_large).collect());
    }
    let ir = keep_ir.then(|| builder.module.print_to_string().to_string());
    if used.loops {
        machine.keep_block_order();
    }
    let elf = machine.emit(&cx, &builder.module).map_err(|complaints| {
        complaints
            .iter()
            .map(|c| complaint(source, script, plan, c))
            .collect::<Vec<_>>()
    })?;
    Ok(Generated { elf, used, ir })
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
    Diagnostic::error("E0001", bt_grammar::span::Span::new(0, end), message)
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
