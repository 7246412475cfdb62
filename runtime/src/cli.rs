//! The command line: `btrun [OPTIONS] OBJECT [PARAMS...]` and `btrun inspect OBJECT`.
//!
//! Everything after OBJECT belongs to the script, so both forms share one list of words, which this module tells apart.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

#[derive(Debug)]
pub enum Command {
    Run(Run),
    Inspect(PathBuf),
}

#[derive(Debug)]
pub struct Run {
    pub object: PathBuf,
    /// The words after OBJECT, as they are.
    pub params: Vec<OsString>,
    pub verbose: bool,
    pub quiet: bool,
    pub output: Option<PathBuf>,
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Run an object compiled by btc from a bpftrace script
#[derive(Parser)]
#[command(
    name = "btrun",
    version,
    override_usage = "btrun [OPTIONS] OBJECT [PARAMS...]\n       btrun inspect OBJECT",
    after_help = "PARAMS are the script's: $1, $2, ... and --name=value for getopt(); `--` ends the named ones.\n\
                  `btrun OBJECT --help` lists them. `btrun inspect OBJECT` prints the manifest as JSON."
)]
struct Arguments {
    /// Say what is chosen and done; print libbpf's messages and whole verifier logs
    #[arg(short, long)]
    verbose: bool,
    /// Do not say how many probes were attached
    #[arg(short, long)]
    quiet: bool,
    /// Write the report there instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format of the report
    #[arg(short, long, value_enum, default_value = "text")]
    format: Format,
    #[arg(
        value_name = "OBJECT",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    words: Vec<OsString>,
}

impl Run {
    /// `btrun OBJECT --help` asks for the object's own parameters.
    pub fn wants_help(&self) -> bool {
        self.params
            .iter()
            .take_while(|p| *p != "--")
            .any(|p| p == "--help" || p == "-h")
    }
}

/// The command, or the exit status where clap has already answered (help, version, an error).
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, u8> {
    let arguments = Arguments::try_parse_from(args).map_err(|e| {
        let _ = e.print();
        e.exit_code() as u8
    })?;
    let usage = |message: String| {
        eprintln!("error: {message}\nhelp: `btrun --help` shows the usage");
        2
    };
    let mut words = arguments.words.into_iter();
    let first = words.next().unwrap_or_default();
    // a word that looks like an option is taken for OBJECT by clap, because OBJECT's parameters may look like that
    if first.as_encoded_bytes().starts_with(b"-") && first.len() > 1 {
        return Err(usage(format!("unknown option `{}`", first.display())));
    }
    if first == "inspect" {
        let mut objects: Vec<PathBuf> = words.map(PathBuf::from).collect();
        return match (objects.pop(), objects.is_empty()) {
            (Some(object), true) => Ok(Command::Inspect(object)),
            _ => Err(usage("`btrun inspect` takes one object".into())),
        };
    }
    Ok(Command::Run(Run {
        object: first.into(),
        params: words.collect(),
        verbose: arguments.verbose,
        quiet: arguments.quiet,
        output: arguments.output,
        format: arguments.format,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_follows_the_object_is_the_scripts() {
        let Ok(Command::Run(run)) = parse(words("btrun -v x.o --help -q -1 --pid=3 -- --x")) else {
            panic!("not a run");
        };
        assert!(run.verbose && !run.quiet && run.wants_help());
        assert_eq!(run.params, words("--help -q -1 --pid=3 -- --x"));
    }

    #[test]
    fn inspect_is_a_word_and_a_file_when_written_as_a_path() {
        assert!(
            matches!(parse(words("btrun inspect x.o")), Ok(Command::Inspect(p)) if p == PathBuf::from("x.o"))
        );
        assert!(
            matches!(parse(words("btrun ./inspect x")), Ok(Command::Run(r)) if r.params.len() == 1)
        );
        assert!(matches!(parse(words("btrun inspect")), Err(2)));
        assert!(matches!(parse(words("btrun --what x.o")), Err(2)));
        assert!(matches!(parse(words("btrun")), Err(2)));
    }
}
