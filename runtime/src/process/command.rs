//! The command line of `-c`: its words, and the program that is meant.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::symbols::binary;

/// Where programs are without a PATH, as execvp(3) has it.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A program that can be started, and its arguments.
pub struct Command {
    /// The first word, for messages.
    pub name: String,
    pub path: CString,
    pub args: Vec<CString>,
}

/// Finds the program. What would make execve(2) fail is found here, as far as it can be seen before.
pub fn find(line: &OsStr) -> Result<Command, Failure> {
    let words = split(line.as_bytes())
        .map_err(|why| Failure::unusable(format!("the command `{}` {why}", line.display())))?;
    let Some(first) = words.first() else {
        return Err(Failure::unusable("the command of `-c` is empty"));
    };
    let name = first.display().to_string();
    let path = look_up(first).ok_or_else(|| {
        Failure::unusable(format!("the command `{name}` does not exist")).help(
            match first.as_bytes().contains(&b'/') {
                true => "a path counts from the working directory",
                false => "it is looked for in $PATH, as a shell does, but shell's own commands are no programs: `-c \"sh -c '...'\"`",
            },
        )
    })?;
    check(&path, &name)?;
    let zero = || Failure::unusable(format!("the command `{name}` holds a zero byte"));
    let text = |word: OsString| CString::new(word.into_vec()).map_err(|_| zero());
    Ok(Command {
        path: text(path.into_os_string())?,
        args: words.into_iter().map(text).collect::<Result<_, _>>()?,
        name,
    })
}

/// As execvp(3) looks: what can be run, in the order of the PATH; else what is there at least.
fn look_up(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name)).filter(|p| p.exists());
    }
    let path = env::var_os("PATH").unwrap_or(DEFAULT_PATH.into());
    let there: Vec<PathBuf> = env::split_paths(&path)
        .map(|folder| folder.join(name))
        .filter(|file| file.is_file())
        .collect();
    there.iter().find(|f| can_run(f)).or(there.first()).cloned()
}

fn can_run(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn check(path: &Path, name: &str) -> Result<(), Failure> {
    let unusable =
        |why: &str| Failure::unusable(format!("the command `{name}` cannot be run: {why}"));
    let shown = path.display();
    if path.is_dir() {
        return Err(unusable("it is a folder"));
    }
    if !can_run(path) {
        return Err(
            unusable(&format!("{shown} is not executable")).help(format!("chmod +x {shown}"))
        );
    }
    let start = start_of(path);
    if start.is_empty() {
        // a program may be run and not read
        return Ok(());
    }
    if let Some(interpreter) = interpreter(path) {
        return match can_run(&interpreter) {
            true => Ok(()),
            false => Err(unusable(&format!(
                "its interpreter `{}` does not exist",
                interpreter.display()
            ))),
        };
    }
    if start.starts_with(b"\x7fELF") {
        return match binary::loader(path) {
            Some(loader) if !loader.exists() => {
                let loader = loader.display();
                Err(unusable(&format!(
                    "its loader `{loader}` does not exist here"
                )))
            }
            _ => Ok(()),
        };
    }
    if has_other_formats() {
        return Ok(());
    }
    Err(unusable(&format!(
        "{shown} is neither a program nor a script that begins with `#!`"
    )))
}

fn start_of(path: &Path) -> Vec<u8> {
    let mut start = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(256).read_to_end(&mut start);
    }
    start
}

/// What runs a script, as its first line says.
pub fn interpreter(path: &Path) -> Option<PathBuf> {
    let start = start_of(path);
    let line = start.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let mut words = line
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|w| !w.is_empty());
    Some(PathBuf::from(OsStr::from_bytes(words.next()?)))
}

/// Formats that the machine's owner has taught the kernel.
fn has_other_formats() -> bool {
    let known = |name: &OsStr| name == "register" || name == "status";
    let entries = fs::read_dir("/proc/sys/fs/binfmt_misc")
        .into_iter()
        .flatten()
        .flatten();
    entries.map(|e| e.file_name()).any(|name| !known(&name))
}

/// Words as a shell splits them, with quotes and backslashes. Nothing is replaced.
fn split(line: &[u8]) -> Result<Vec<OsString>, &'static str> {
    let words = shlex::bytes::split(line).ok_or("ends within quotes, or in a backslash")?;
    Ok(words.into_iter().map(OsString::from_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_a_shell_splits_them() {
        for (line, expected) in [
            ("", &[][..]),
            ("  a  b\t", &["a", "b"]),
            ("sh -c 'echo \"x  y\"'", &["sh", "-c", "echo \"x  y\""]),
            ("a\\ b \"c \\\" \\n\" ''", &["a b", "c \" \\n", ""]),
            ("pre'fix 'ed", &["prefix ed"]),
        ] {
            let words = split(line.as_bytes());
            let words = words.map(|w| {
                w.into_iter()
                    .filter_map(|w| w.into_string().ok())
                    .collect::<Vec<_>>()
            });
            assert_eq!(
                words,
                Ok(expected.iter().map(ToString::to_string).collect()),
                "{line}"
            );
        }
        assert!(split(b"'a").is_err());
        assert!(split(b"a\\").is_err());
    }

    #[test]
    fn what_cannot_be_run() {
        let message = |line: &str| find(OsStr::new(line)).err().map(|f| f.message.clone());
        assert_eq!(message("true x"), None);
        for (line, part) in [
            ("/no/such/thing", "does not exist"),
            ("no-such-command", "does not exist"),
            ("/tmp", "folder"),
            ("/etc/passwd", "not executable"),
            ("", "empty"),
        ] {
            assert!(message(line).is_some_and(|m| m.contains(part)), "{line}");
        }
    }
}
