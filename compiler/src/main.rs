//! The command line of `btc`.

mod list;
mod run;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Context;
use btc::diagnostics::{self, codes};
use btc::docs;
use btc::facts::live::LiveFacts;
use btc::source::Source;
use btc::{Options, compile};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Compile a bpftrace script to one object that btrun runs on any kernel.
#[derive(Parser)]
#[command(name = "btc", version, about, max_term_width = 100)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    subcommand_negates_reqs = true,
    after_help = "Exit status: 0 ok, 1 the script has errors, 2 wrong usage or a file that cannot be read or written."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Action>,

    /// The script; `-` reads standard input
    #[arg(required_unless_present_any = ["program", "explain", "help_functions"])]
    script: Option<PathBuf>,

    /// Compile this program text instead of a file
    #[arg(
        short = 'e',
        value_name = "PROGRAM",
        conflicts_with = "script",
        allow_hyphen_values = true
    )]
    program: Option<String>,

    /// Write the object here [default: the script's name with .bpf.o]; the manifest goes beside it as .json
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Only say whether the script is good; write nothing
    #[arg(long)]
    check: bool,

    /// Fix a parameter of the script, as in --param 1=10: a literal, which btrun cannot change; may be given again
    #[arg(long = "param", value_name = "N=VALUE", value_parser = fixed_param)]
    params: Vec<(u32, String)>,

    #[command(flatten)]
    settings: Settings,

    /// How diagnostics are printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Print a stage to standard output instead of writing an object
    #[arg(long, value_enum, value_name = "STAGE")]
    emit: Option<Stage>,

    /// Explain a diagnostic code, as in --explain E0301
    #[arg(long, value_name = "CODE", exclusive = true)]
    explain: Option<String>,

    /// List the functions and builtins, or explain one of them
    #[arg(long, value_name = "NAME", num_args = 0..=1, exclusive = true)]
    help_functions: Option<Option<String>>,
}

/// How a script is compiled, by whatever command.
#[derive(Args)]
struct Settings {
    /// Take the kernel's types from this BTF file [default: the running kernel's]; given again, the BTF of a module
    #[arg(long, value_name = "FILE")]
    btf: Vec<PathBuf>,

    /// Take tracepoint formats from this file [default: the running kernel's, else those that btc carries]
    #[arg(long, value_name = "FILE")]
    tracepoints: Option<PathBuf>,

    /// Look for the programs and libraries of uprobes below this folder, and for their debug files, whose types `args` needs
    #[arg(long, value_name = "DIR")]
    sysroot: Option<PathBuf>,

    /// Do not print warnings
    #[arg(long)]
    no_warnings: bool,

    /// Compile calls that change something or run commands, such as system(); btrun asks for --unsafe too
    #[arg(long = "unsafe")]
    allow_unsafe: bool,
}

impl Settings {
    /// What the compiler works with.
    fn options(&self, format: Format, keep_ir: bool) -> anyhow::Result<Options> {
        let tracepoints = match &self.tracepoints {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?,
            ),
            None => None,
        };
        for path in &self.btf {
            std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        }
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Options {
            facts: Rc::new(LiveFacts::new(
                self.btf.clone(),
                tracepoints,
                self.sysroot.clone(),
            )),
            environment: variables
                .filter(|(name, _)| name.starts_with("BPFTRACE_"))
                .collect(),
            keep_ir,
            allow_unsafe: self.allow_unsafe,
            params: BTreeMap::new(),
            on_fatal: match format {
                Format::Text => |source, list| end(diagnostics::print(list, source)),
                Format::Json => |source, list| {
                    let text = diagnostics::to_json(list, source);
                    end(std::io::stderr().write_all(text.as_bytes()));
                },
            },
        })
    }
}

#[derive(Subcommand)]
enum Action {
    /// Compile a script and run it with btrun
    Run(run::Run),
    /// List the probes of a script
    List(list::List),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The syntax tree
    Ast,
    /// The manifest
    Manifest,
    /// LLVM IR before optimisation
    Ir,
}

/// Exit status for wrong usage and for files.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(e) => {
            // Nobody to tell, if that fails.
            let _ = writeln!(std::io::stderr(), "error: {e:#}");
            ExitCode::from(USAGE)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Action::Run(run)) => return compile_and_run(run),
        Some(Action::List(list)) => return compile_and_list(list),
        None => {}
    }
    if let Some(code) = &cli.explain {
        return explain(code);
    }
    if let Some(name) = &cli.help_functions {
        return help_functions(name.as_deref());
    }
    let source = read_source(cli.program.as_deref(), cli.script.as_deref())?;
    if cli.emit == Some(Stage::Ast) {
        let parsed = bt_grammar::parse(&source.text);
        show(&cli.settings, cli.format, &parsed.diagnostics, &source)?;
        print_stage(&bt_grammar::dump(&parsed.script))?;
        return Ok(ExitCode::from(u8::from(diagnostics::has_errors(
            &parsed.diagnostics,
        ))));
    }
    let mut options = cli
        .settings
        .options(cli.format, cli.emit == Some(Stage::Ir))?;
    options.params = cli.params.iter().cloned().collect();
    let (output, found) = compile(&source, &options);
    show(&cli.settings, cli.format, &found, &source)?;
    let Some(output) = output else {
        return Ok(ExitCode::from(1));
    };
    match cli.emit {
        Some(Stage::Manifest) => print_stage(&output.manifest.to_json_pretty())?,
        Some(Stage::Ir) => print_stage(&output.ir.unwrap_or_default())?,
        _ if cli.check => {}
        _ => {
            let object = output_path(cli);
            let manifest = manifest_path(&object);
            write_atomically(&object, &output.object)?;
            // Beside a device or a pipe there is no place for it.
            if object.metadata().is_ok_and(|m| m.is_file()) {
                write_atomically(&manifest, output.manifest.to_json_pretty().as_bytes())?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `btc run`; comes back only if there is nothing to run.
fn compile_and_run(run: &run::Run) -> anyhow::Result<ExitCode> {
    let source = read_source(run.program.as_deref(), run.script())?;
    let mut options = run.settings.options(Format::Text, false)?;
    options.params = run.fixed()?;
    let (output, found) = compile(&source, &options);
    show(&run.settings, Format::Text, &found, &source)?;
    match output {
        Some(output) => match run.execute(&output.object)? {},
        None => Ok(ExitCode::from(1)),
    }
}

fn compile_and_list(list: &list::List) -> anyhow::Result<ExitCode> {
    let source = read_source(list.program.as_deref(), list.script.as_deref())?;
    let options = list.settings.options(Format::Text, false)?;
    let (output, found) = compile(&source, &options);
    show(&list.settings, Format::Text, &found, &source)?;
    match output {
        Some(output) => print_stage(&list::lines(&output.manifest))?,
        None => return Ok(ExitCode::from(1)),
    }
    Ok(ExitCode::SUCCESS)
}

/// `N=VALUE`
fn fixed_param(word: &str) -> Result<(u32, String), String> {
    let (index, text) = word
        .split_once('=')
        .ok_or("write the number of the parameter and its value: `1=10`")?;
    match index.trim_start_matches('$').parse() {
        Ok(index @ 1..) => Ok((index, text.to_string())),
        _ => Err(format!("`{index}` is no number of a parameter: 1 is `$1`")),
    }
}

/// Ends the process after diagnostics, whether or not they could be printed.
fn end(_printed: std::io::Result<()>) {
    std::process::exit(1);
}

fn read_source(program: Option<&str>, script: Option<&Path>) -> anyhow::Result<Source> {
    if let Some(program) = program {
        return Ok(Source::new("program", program.to_string()));
    }
    let path = script.context("no script given; `--help` shows the usage")?;
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        bytes
    } else {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    let name = path
        .file_name()
        .map_or("stdin".into(), |n| n.to_string_lossy());
    let name = if name == "-" { "stdin".into() } else { name };
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        anyhow::anyhow!(
            "{} is not UTF-8 text (byte {at}); a script must be",
            path.display()
        )
    })?;
    Ok(Source::new(&name, text).in_folder(path.parent()))
}

fn show(
    settings: &Settings,
    format: Format,
    list: &[bt_grammar::diag::Diagnostic],
    source: &Source,
) -> anyhow::Result<()> {
    let wanted = |d: &&bt_grammar::diag::Diagnostic| {
        !settings.no_warnings || d.severity == bt_grammar::diag::Severity::Error
    };
    let list: Vec<_> = list.iter().filter(wanted).cloned().collect();
    match format {
        Format::Text => ignore_closed(diagnostics::print(&list, source)),
        Format::Json => {
            let text = diagnostics::to_json(&list, source);
            ignore_closed(std::io::stderr().write_all(text.as_bytes()))
        }
    }
}

/// A closed standard error is the reader's choice; the exit status still says what happened.
fn ignore_closed(result: std::io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(e).context("cannot print diagnostics")
        }
        _ => Ok(()),
    }
}

/// `x.bt` becomes `x.bpf.o`, in the working directory.
fn output_path(cli: &Cli) -> PathBuf {
    cli.output.clone().unwrap_or_else(|| {
        let stem = cli
            .script
            .as_deref()
            .and_then(Path::file_stem)
            .filter(|s| *s != "-");
        let mut name = stem.map_or("program".into(), std::ffi::OsStr::to_os_string);
        name.push(".bpf.o");
        PathBuf::from(name)
    })
}

/// `x.bpf.o` has `x.bpf.json` beside it.
fn manifest_path(object: &Path) -> PathBuf {
    match object.extension() {
        Some(ext) if ext == "o" => object.with_extension("json"),
        _ => {
            let mut name = object.as_os_str().to_os_string();
            name.push(".json");
            PathBuf::from(name)
        }
    }
}

/// Writes a new file and puts it in place, so that a failure leaves what was there.
fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let context = || format!("cannot write {}", path.display());
    // A device or a pipe, maybe behind a link: there is nothing to replace.
    if path.metadata().is_ok_and(|m| !m.is_file()) {
        return std::fs::write(path, bytes).with_context(context);
    }
    if path.is_symlink() && !path.exists() {
        anyhow::bail!("{}: it is a link to nowhere", context());
    }
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = target
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let permissions = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new()
        .prefix(".btc-")
        .permissions(permissions)
        .tempfile_in(folder)
        // The library's message names its temporary file, which nobody asked for.
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => std::io::Error::other("its folder does not exist"),
            kind => std::io::Error::from(kind),
        })
        .with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    file.persist(&target)
        .map_err(|e| e.error)
        .with_context(context)?;
    Ok(())
}

fn print_stage(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

fn explain(code: &str) -> anyhow::Result<ExitCode> {
    match codes::find(code) {
        Some((code, title, text)) => {
            print_stage(&format!("{code}: {title}\n\n{}\n", text.trim_end()))?
        }
        None => anyhow::bail!("there is no diagnostic `{code}`; codes look like E0301"),
    }
    Ok(ExitCode::SUCCESS)
}

fn help_functions(name: Option<&str>) -> anyhow::Result<ExitCode> {
    let text = match name {
        None => docs::list(),
        Some(name) => docs::one(name).map_err(anyhow::Error::msg)?,
    };
    print_stage(&text)?;
    Ok(ExitCode::SUCCESS)
}
