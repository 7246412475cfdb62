//! The command line: `btrun [OPTIONS] OBJECT [PARAMS...]` and `btrun inspect OBJECT`.
//!
//! Everything after OBJECT belongs to the script. The words are split by clap's lexer; the rest of clap would be a hundred
//! kilobytes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap_lex::{ArgCursor, RawArgs};

use crate::say;

#[derive(Debug)]
pub enum Command {
    Run(Run),
    Inspect(PathBuf),
    /// A pattern or an object; none: all probes of the kernel.
    List {
        what: Option<OsString>,
        verbose: bool,
    },
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
    pub buffering: Buffering,
    /// A line for standard output once all is attached.
    pub ready_line: Option<String>,
    /// Report reads and look-ups that fail.
    pub helper_errors: bool,
    /// Report what goes wrong in programs, and what the script warns of.
    pub warnings: bool,
    /// Run scripts that do more than look.
    pub allow_unsafe: bool,
    pub mode: Mode,
    /// Over as soon as all is attached.
    pub dry_run: bool,
    pub traced: Option<Traced>,
    /// Further processes whose stacks `dw_ustack` unwinds.
    pub dwarf_pids: Vec<u32>,
}

/// The process that the run is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traced {
    /// By its id.
    Process(u32),
    /// A command line, to be started.
    Command(OsString),
}

/// When the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Buffering {
    /// After each record.
    None,
    /// As soon as no more records are at hand.
    #[default]
    Line,
    /// When there is much of it.
    Full,
}

/// What is done with the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Trace,
    /// Its `test` probes are run.
    Test,
    /// Its `bench` probes.
    Bench,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

const HELP: &str = "\
Run an object compiled by btc from a bpftrace script

Usage: btrun [OPTIONS] OBJECT [PARAMS...]
       btrun inspect OBJECT
       btrun list [-v] [PATTERN | OBJECT]

Options:
  -p, --pid <PID>        Trace this process; its end ends the run
  -c, --cmd <COMMAND>    Start this command once all is attached, and trace it; its end ends the run
      --dwarf-pid <PID>  Unwind this process for `dw_ustack`, too; may be given again
  -v, --verbose          Say what is chosen and done; print libbpf's messages and whole verifier logs
  -q, --quiet            Do not say how many probes were attached
  -o, --output <FILE>    Write the report there instead of to standard output
  -f, --format <FORMAT>  Format of the report: text (the default), json
  -B <MODE>              When the report is written: line (the default: at once), full (in large pieces), none (each record by itself)
      --ready-line <TEXT>  Print TEXT as a line on standard output once all probes are attached, before any event
  -k, --warnings         Warn of reads of memory that fail, of map entries that are read and not there, and of strings that are cut
      --no-warnings      Do not warn of what goes wrong in programs, nor print the script's `warnf`
      --test             Run the `test` probes, and nothing else
      --bench            Run the `bench` probes, and nothing else
      --dry-run          Load and attach everything, and end
      --unsafe           Allow the script to run commands and to change what it traces
  -h, --help             Print help
  -V, --version          Print version

PARAMS are the script's: $1, $2, ... and --name=value for getopt(). `--` may stand before or among them; a second one ends the named ones.
`btrun OBJECT --help` lists them. `btrun inspect OBJECT` prints the manifest as JSON.
`btrun list 'kprobe:tcp_*'` lists the probes of this machine that match, `btrun list OBJECT` those of an object here; -v their arguments.
";

impl Run {
    /// `btrun OBJECT --help` asks for the object's own parameters.
    pub fn wants_help(&self) -> bool {
        let mut separators = 0;
        let named = self.params.iter().take_while(|p| {
            separators += usize::from(*p == "--");
            separators < 2
        });
        named.into_iter().any(|p| p == "--help" || p == "-h")
    }
}

/// The command, or the exit status where all is said (help, version, an error).
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, u8> {
    words(args).map_err(|answer| match answer {
        Answer::Help => {
            say::out(HELP);
            0
        }
        Answer::Version => {
            say::out(concat!("btrun ", env!("CARGO_PKG_VERSION"), "\n"));
            0
        }
        Answer::Wrong(what) => {
            say::err(&format!(
                "error: {what}\nhelp: `btrun --help` shows the usage\n"
            ));
            2
        }
    })
}

/// Instead of a command.
enum Answer {
    Help,
    Version,
    Wrong(String),
}

fn words(args: impl IntoIterator<Item = OsString>) -> Result<Command, Answer> {
    let words = RawArgs::new(args);
    let mut at = words.cursor();
    words.next(&mut at);
    let mut run = Run {
        object: PathBuf::new(),
        params: Vec::new(),
        verbose: false,
        quiet: false,
        output: None,
        format: Format::Text,
        buffering: Buffering::default(),
        ready_line: None,
        helper_errors: false,
        warnings: true,
        allow_unsafe: false,
        mode: Mode::default(),
        dry_run: false,
        traced: None,
        dwarf_pids: Vec::new(),
    };
    while let Some(word) = words.next(&mut at) {
        if let Some((name, value)) = word.to_long() {
            let name = name.map_err(|name| unknown("--", &name.to_string_lossy()))?;
            let given = value.map(OsString::from);
            let used = option(&mut run, name, || {
                given.clone().or_else(|| next(&words, &mut at))
            })?;
            if value.is_some() && !used {
                return Err(Answer::Wrong(format!("option `--{name}` takes no value")));
            }
        } else if let Some(mut letters) = word.to_short() {
            while let Some(letter) = letters.next_flag() {
                let letter = letter.map_err(|rest| unknown("-", &rest.to_string_lossy()))?;
                let rest = &mut letters;
                // the value of `-oFILE` is the rest of the word
                let mut value = || rest.next_value_os().map(OsString::from);
                let name = letter.to_string();
                option(&mut run, &name, || {
                    value().or_else(|| next(&words, &mut at))
                })?;
            }
        } else if !word.is_escape() {
            run.object = word.to_value_os().into();
            run.params = words.remaining(&mut at).map(OsString::from).collect();
            return command(run);
        }
    }
    Err(Answer::Wrong("an object is missing".into()))
}

fn next(words: &RawArgs, at: &mut ArgCursor) -> Option<OsString> {
    words.next_os(at).map(OsString::from)
}

fn unknown(dashes: &str, name: &str) -> Answer {
    Answer::Wrong(format!("unknown option `{dashes}{name}`"))
}

/// Sets an option by its name or letter, and says whether it has taken a value.
fn option(
    run: &mut Run,
    name: &str,
    mut value: impl FnMut() -> Option<OsString>,
) -> Result<bool, Answer> {
    let mut value = || {
        let missing = || Answer::Wrong(format!("option `{name}` needs a value"));
        value().ok_or_else(missing)
    };
    match name {
        "v" | "verbose" => run.verbose = true,
        "q" | "quiet" => run.quiet = true,
        "k" | "warnings" => run.helper_errors = true,
        "no-warnings" => run.warnings = false,
        "unsafe" => run.allow_unsafe = true,
        "test" => run.mode = Mode::Test,
        "bench" => run.mode = Mode::Bench,
        "dry-run" => run.dry_run = true,
        "h" | "help" => return Err(Answer::Help),
        "V" | "version" => return Err(Answer::Version),
        "o" | "output" => {
            run.output = Some(value()?.into());
            return Ok(true);
        }
        "f" | "format" => {
            let format = value()?;
            run.format = match format.to_str() {
                Some("text") => Format::Text,
                Some("json") => Format::Json,
                _ => {
                    let format = format.display();
                    let wrong = format!("unknown format `{format}`: there are `text` and `json`");
                    return Err(Answer::Wrong(wrong));
                }
            };
            return Ok(true);
        }
        "B" => {
            let mode = value()?;
            run.buffering = match mode.to_str() {
                Some("none") => Buffering::None,
                Some("line") => Buffering::Line,
                Some("full") => Buffering::Full,
                _ => {
                    let mode = mode.display();
                    let wrong =
                        format!("unknown mode `{mode}`: there are `line`, `full` and `none`");
                    return Err(Answer::Wrong(wrong));
                }
            };
            return Ok(true);
        }
        "dwarf-pid" => {
            run.dwarf_pids.push(pid(&value()?)?);
            return Ok(true);
        }
        "p" | "pid" | "c" | "cmd" => {
            let given = match name {
                "p" | "pid" => Traced::Process(pid(&value()?)?),
                _ => Traced::Command(value()?),
            };
            let before = run.traced.replace(given);
            if before.is_some_and(|b| Some(b) != run.traced) {
                return Err(Answer::Wrong(
                    "a run is about one process: one `-p` or one `-c`".into(),
                ));
            }
            return Ok(true);
        }
        "ready-line" => {
            run.ready_line = Some(value()?.to_string_lossy().into_owned());
            return Ok(true);
        }
        _ if name.chars().count() == 1 => return Err(unknown("-", name)),
        _ => return Err(unknown("--", name)),
    }
    Ok(false)
}

fn pid(word: &OsString) -> Result<u32, Answer> {
    let number = word.to_str().and_then(|w| w.parse().ok());
    let is_pid = |n: &u32| (1..=i32::MAX as u32).contains(n);
    number.filter(is_pid).ok_or_else(|| {
        let word = word.display();
        Answer::Wrong(format!("`{word}` is no process id"))
    })
}

fn command(mut run: Run) -> Result<Command, Answer> {
    if run.object.as_os_str() == "list" {
        let is_verbose = |word: &OsString| word == "-v" || word == "--verbose";
        let verbose = run.verbose || run.params.iter().any(is_verbose);
        run.params.retain(|word| !is_verbose(word));
        return match (run.params.pop(), run.params.is_empty()) {
            (what, true) => Ok(Command::List { what, verbose }),
            _ => Err(Answer::Wrong(
                "`btrun list` takes one pattern, or one object".into(),
            )),
        };
    }
    if run.object.as_os_str() != "inspect" {
        return Ok(Command::Run(run));
    }
    match (run.params.pop(), run.params.is_empty()) {
        (Some(object), true) => Ok(Command::Inspect(object.into())),
        _ => Err(Answer::Wrong("`btrun inspect` takes one object".into())),
    }
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
            matches!(parse(words("btrun inspect x.o")), Ok(Command::Inspect(p)) if p.as_os_str() == "x.o")
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
        assert!(matches!(parse(words("btrun --quiet=1 x.o")), Err(2)));
        assert!(parse(words("btrun x.o -o")).is_ok());
        assert!(matches!(parse(words("btrun -o")), Err(2)));
        assert!(matches!(parse(words("btrun -p 0 x.o")), Err(2)));
        assert!(matches!(parse(words("btrun -p 1x x.o")), Err(2)));
        assert!(matches!(parse(words("btrun -p 1 -c ls x.o")), Err(2)));
        assert!(matches!(
            parse(words("btrun -p 1 --pid=1 x.o")),
            Ok(Command::Run(_))
        ));
    }

    #[test]
    fn values_of_options() {
        for line in [
            "btrun -qfjson -o out x.o",
            "btrun -q --format json --output=out x.o",
            "btrun -ooutt -oout --format=json -q x.o",
        ] {
            let Ok(Command::Run(run)) = parse(words(line)) else {
                panic!("not a run: {line}");
            };
            assert!(run.quiet && run.format == Format::Json);
            assert_eq!(run.output, Some(PathBuf::from("out")), "{line}");
        }
    }
}
