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

/// clap's own help costs 30 KB, of two megabytes in all.
const HELP: &str = "\
Run an object compiled by btc from a bpftrace script

Usage: btrun [OPTIONS] OBJECT [PARAMS...]
       btrun inspect OBJECT

Options:
  -v, --verbose          Say what is chosen and done; print libbpf's messages and whole verifier logs
  -q, --quiet            Do not say how many probes were attached
  -o, --output <FILE>    Write the report there instead of to standard output
  -f, --format <FORMAT>  Format of the report: text (the default), json
  -h, --help             Print help
  -V, --version          Print version

PARAMS are the script's: $1, $2, ... and --name=value for getopt(); `--` ends the named ones.
`btrun OBJECT --help` lists them. `btrun inspect OBJECT` prints the manifest as JSON.
";

#[derive(Parser)]
#[command(name = "btrun", disable_help_flag = true, disable_version_flag = true)]
struct Arguments {
    #[arg(short, long)]
    verbose: bool,
    #[arg(short, long)]
    quiet: bool,
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[arg(short, long, value_enum, default_value = "text")]
    format: Format,
    #[arg(short, long)]
    help: bool,
    #[arg(short = 'V', long)]
    version: bool,
    #[arg(
        value_name = "OBJECT",
        trailing_var_arg = true,
        allow_hyphen_values = true
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

/// The command, or the exit status where all is said (help, version, an error).
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, u8> {
    let usage = |message: &str| {
        eprintln!("error: {message}\nhelp: `btrun --help` shows the usage");
        2
    };
    let arguments = Arguments::try_parse_from(args).map_err(|e| {
        let text = e.to_string();
        let text = text.trim().strip_prefix("error: ").unwrap_or(&text);
        usage(text.trim_end())
    })?;
    if arguments.help {
        print!("{HELP}");
        return Err(0);
    }
    if arguments.version {
        println!("btrun {}", env!("CARGO_PKG_VERSION"));
        return Err(0);
    }
    if arguments.words.is_empty() {
        return Err(usage("an object is missing"));
    }
    let mut words = arguments.words.into_iter();
    let first = words.next().unwrap_or_default();
    // a word that looks like an option is taken for OBJECT by clap, because OBJECT's parameters may look like that
    if first.as_encoded_bytes().starts_with(b"-") && first.len() > 1 {
        return Err(usage(&format!("unknown option `{}`", first.display())));
    }
    if first == "inspect" {
        let mut objects: Vec<PathBuf> = words.map(PathBuf::from).collect();
        return match (objects.pop(), objects.is_empty()) {
            (Some(object), true) => Ok(Command::Inspect(object)),
            _ => Err(usage("`btrun inspect` takes one object")),
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
        assert!(matches!(parse(words("btrun -f xml x.o")), Err(2)));
        assert!(matches!(parse(words("btrun --help")), Err(0)));
        assert!(matches!(parse(words("btrun -V x.o")), Err(0)));
    }
}
