//! `import`, and `#include` of files beside the script: other files become part of the tree.
//!
//! Headers are read as the C definitions of a script are: what they declare besides types and `#define`s is an error there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use bt_grammar::ast::{CItem, Import, Item, Script};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use crate::external::CSource;

use super::walk::{self, Shift, VisitMut};
use crate::source::Source;

/// Longer files than this are no scripts.
const MAX_FILE: u64 = 16 << 20;

/// Files that import files.
const MAX_NESTING: usize = 64;

/// The script with all that it imports. Its own definitions and items come after those of its imports.
pub fn resolve(
    script: Script,
    source: &Source,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Script, Vec<CSource>) {
    let mut loader = Loader {
        source,
        seen: HashSet::new(),
        nesting: 0,
        result: Script::default(),
        c_sources: Vec::new(),
        diagnostics,
    };
    let place = Folder {
        path: source.folder.clone(),
        shown: String::new(),
    };
    let root = source.folder.join(&source.name);
    if let Ok(path) = root.canonicalize() {
        loader.seen.insert(path);
    }
    loader.add(script, &place, true);
    (loader.result, loader.c_sources)
}

struct Loader<'a> {
    source: &'a Source,
    /// What is imported already.
    seen: HashSet<PathBuf>,
    nesting: usize,
    result: Script,
    c_sources: Vec<CSource>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// Where the paths in a file start, and how that is shown: relative to the script.
struct Folder {
    path: PathBuf,
    shown: String,
}

impl Folder {
    fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.shown)
    }

    /// The folder of a file in this one.
    fn of(&self, path: &str) -> Folder {
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        let mut shown = self.shown(&folder.to_string_lossy());
        if !shown.is_empty() && !shown.ends_with('/') {
            shown.push('/');
        }
        Folder {
            path: self.path.join(folder),
            shown,
        }
    }
}

/// What can be imported.
enum Kind {
    Script,
    Header,
    BpfC,
    Object,
}

fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    if name.ends_with(".bt") {
        Some(Kind::Script)
    } else if name.ends_with(".h") {
        Some(Kind::Header)
    } else if name.ends_with(".bpf.c") {
        Some(Kind::BpfC)
    } else if name.ends_with(".bpf.o") {
        Some(Kind::Object)
    } else {
        None
    }
}

impl Loader<'_> {
    fn report(&mut self, span: Span, message: String, here: &str, help: &str) {
        let error = Diagnostic::error("E0212", span, message).here(here);
        self.diagnostics.push(if help.is_empty() {
            error
        } else {
            error.help(help)
        });
    }

    /// Takes over a file's tree, after those of its imports.
    fn add(&mut self, script: Script, folder: &Folder, is_root: bool) {
        let mut items = Vec::new();
        for item in script.items {
            match item {
                Item::Import(import) => self.import(&import, folder),
                Item::Config(config) if !is_root => self.report(
                    config.span,
                    "an imported script cannot have a config block".into(),
                    "not in an imported file",
                    "move it to the script that is compiled",
                ),
                other => items.push(other),
            }
        }
        for definition in script.definitions {
            if let CItem::Include {
                path,
                system: false,
                ..
            } = &definition
            {
                self.include(&path.node, path.span, folder);
            }
            self.result.definitions.push(definition);
        }
        self.result.items.append(&mut items);
    }

    fn import(&mut self, import: &Import, folder: &Folder) {
        let written = &import.path.node;
        let path = folder.path.join(written);
        let metadata = match path.metadata() {
            Ok(metadata) if !written.is_empty() => metadata,
            result => {
                let reason = result.map_or_else(|e| e.kind().to_string(), |_| "no name".into());
                let message = format!("cannot import `{}`: {reason}", folder.shown(written));
                let help = "paths start at the folder of the script that imports";
                return self.report(import.path.span, message, "imported here", help);
            }
        };
        if !metadata.is_dir() {
            return self.file(&path, written, import.path.span, folder);
        }
        if self.refuse_writable(&path, written, import.path.span) {
            return;
        }
        // By name, so that the same folder gives the same object.
        let mut names: Vec<String> = match path.read_dir() {
            Ok(entries) => entries
                .flatten()
                .filter(|e| e.path().is_file() && kind(&e.path()).is_some())
                .map(|e| e.file_name().to_string_lossy().into_owned())
                .collect(),
            Err(e) => {
                let message = format!("cannot read the folder `{written}`: {}", e.kind());
                return self.report(import.path.span, message, "imported here", "");
            }
        };
        names.sort();
        for name in names {
            let written = format!("{}/{name}", written.trim_end_matches('/'));
            self.file(&path.join(name), &written, import.path.span, folder);
        }
    }

    fn file(&mut self, path: &Path, written: &str, span: Span, folder: &Folder) {
        let Some(kind) = kind(path) else {
            let message = format!("`{written}` cannot be imported");
            let help = "imported are scripts (.bt), C headers (.h), BPF programs in C (.bpf.c), and folders of these";
            return self.report(span, message, "neither of a known type nor a folder", help);
        };
        if self.refuse_writable(path, written, span) {
            return;
        }
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if !self.seen.insert(canonical) {
            return;
        }
        match kind {
            Kind::BpfC => self.c_sources.push(CSource {
                path: path.to_path_buf(),
                name: folder.shown(written),
                span,
            }),
            Kind::Object => {
                let message = format!("`{written}` is compiled already");
                let help = "import its source: a `.bpf.c` file";
                self.report(span, message, "imported here", help);
            }
            Kind::Script => {
                if let Some(script) = self.parse(path, written, span, folder) {
                    self.nested(span, |loader| {
                        loader.add(script, &folder.of(written), false);
                    });
                }
            }
            Kind::Header => self.header(path, written, span, folder),
        }
    }

    /// `#include "path"`. What is not beside the script is taken to be one of the system's.
    fn include(&mut self, written: &str, span: Span, folder: &Folder) {
        let path = folder.path.join(written);
        if path.is_file() {
            if self.refuse_writable(&path, written, span) {
                return;
            }
            let canonical = path.canonicalize().unwrap_or_else(|_| path.clone());
            if self.seen.insert(canonical) {
                self.header(&path, written, span, folder);
            }
        } else if !written.contains('/') {
            self.report(
                span,
                format!("there is no `{}`", folder.shown(written)),
                "included here",
                "headers in quotes lie beside the script; those of the system stand in angle brackets",
            );
        }
    }

    fn header(&mut self, path: &Path, written: &str, span: Span, folder: &Folder) {
        let Some(script) = self.parse(path, written, span, folder) else {
            return;
        };
        for item in &script.items {
            let span = match item {
                Item::Probe(probe) => probe.span,
                Item::Macro(def) => def.span,
                Item::MapDecl(decl) => decl.span,
                Item::Config(config) => config.span,
                Item::Import(import) => import.span,
            };
            let help = "this belongs into a script: `import \"name.bt\"`";
            let message = "a header has only C definitions".to_string();
            self.report(span, message, "no C definition", help);
        }
        let definitions = Script {
            definitions: script.definitions,
            items: Vec::new(),
        };
        self.nested(span, |loader| {
            loader.add(definitions, &folder.of(written), false);
        });
    }

    fn nested(&mut self, span: Span, inside: impl FnOnce(&mut Self)) {
        if self.nesting == MAX_NESTING {
            let message = format!("more than {MAX_NESTING} files import each other");
            return self.report(span, message, "one too many", "");
        }
        self.nesting += 1;
        inside(self);
        self.nesting -= 1;
    }

    /// The tree of a file, its places as those of the file in the source.
    fn parse(&mut self, path: &Path, written: &str, span: Span, folder: &Folder) -> Option<Script> {
        let text = match read(path) {
            Ok(text) => text,
            Err(reason) => {
                let message = format!("cannot import `{}`: {reason}", folder.shown(written));
                self.report(span, message, "imported here", "");
                return None;
            }
        };
        let Some(start) = self.source.add_file(&folder.shown(written), &text, span) else {
            let message = "the script and what it imports are too long".to_string();
            self.report(span, message, "imported here", "");
            return None;
        };
        let mut parsed = bt_grammar::parse(&text);
        let mut shift = Shift(start);
        for mut diagnostic in parsed.diagnostics {
            for label in &mut diagnostic.labels {
                shift.span(&mut label.span);
            }
            self.diagnostics.push(diagnostic);
        }
        walk::script(&mut shift, &mut parsed.script);
        Some(parsed.script)
    }

    /// What anyone may change, anyone may make root run.
    fn refuse_writable(&mut self, path: &Path, written: &str, span: Span) -> bool {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let what = if is_world_writable(path) {
            "anyone may change it"
        } else if is_world_writable(parent) {
            "anyone may write to its folder"
        } else {
            return false;
        };
        let message = format!("refused to import `{written}`: {what}");
        let help = "take the permission away: `chmod o-w`";
        self.report(span, message, "imported here", help);
        true
    }
}

fn is_world_writable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|m| m.permissions().mode() & 0o002 != 0)
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = path.metadata().map_err(|e| e.kind().to_string())?;
    if !metadata.is_file() {
        return Err("not a file".into());
    }
    if metadata.len() > MAX_FILE {
        return Err("file too large".into());
    }
    let bytes = std::fs::read(path).map_err(|e| e.kind().to_string())?;
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files by name and text in a new folder, and what importing `main.bt` gives: code and message of each diagnostic, and
    /// the tree.
    fn run(files: &[(&str, &str)]) -> (Vec<String>, String) {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        let text = std::fs::read_to_string(folder.path().join("main.bt")).expect("main.bt");
        let source = Source::new("main.bt", text).in_folder(Some(folder.path()));
        let parsed = bt_grammar::parse(&source.text);
        let mut found = parsed.diagnostics;
        let (script, _) = resolve(parsed.script, &source, &mut found);
        let files = source.files();
        let show = |d: &Diagnostic| {
            let place = source.place(d.labels[0].span);
            let file = match place.file {
                0 => "main.bt",
                n => files[n - 1].name.as_str(),
            };
            format!("{file}:{}: {} {}", place.line, d.code, d.message)
        };
        let shown = found.iter().map(show).collect();
        let dump = bt_grammar::dump(&script);
        (shown, dump.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn imports_are_merged_once() {
        let (found, tree) = run(&[
            (
                "main.bt",
                "import \"a.bt\"; import \"lib\"; import \"a.bt\"; begin { }",
            ),
            (
                "a.bt",
                "import \"main.bt\"; import \"lib/b.bt\"; macro a { 1 }",
            ),
            (
                "lib/b.bt",
                "import \"../a.bt\"; import \"c.h\"; macro b { 2 }",
            ),
            (
                "lib/c.h",
                "#ifndef C\n#define C 1\nstruct c { int x; };\n#endif\n",
            ),
            ("lib/notes.txt", "nothing"),
        ]);
        assert_eq!(found, [""; 0]);
        assert_eq!(
            tree,
            "(#define C \"1\") (struct c (field x [int])) (macro b (params) (body (value 2))) \
             (macro a (params) (body (value 1))) (probe (attach begin) (body))"
        );
    }

    #[test]
    fn mistakes_are_told_in_their_file() {
        let (found, _) = run(&[
            (
                "main.bt",
                "import \"a.bt\";\nimport \"none.bt\";\nimport \"x.txt\";\nimport \"p.bpf.o\";\nbegin { }",
            ),
            (
                "a.bt",
                "config = { max_strlen = 9 }\nimport \"lib/b.h\";\nbegin { 1 + ; }",
            ),
            ("lib/b.h", "\nbegin { }\n#include \"gone.h\"\n"),
            ("x.txt", ""),
            ("p.bpf.o", ""),
        ]);
        assert_eq!(
            found,
            [
                "a.bt:3: E0101 unexpected `;`",
                "a.bt:1: E0212 an imported script cannot have a config block",
                "lib/b.h:2: E0212 a header has only C definitions",
                "lib/b.h:3: E0212 there is no `lib/gone.h`",
                "main.bt:2: E0212 cannot import `none.bt`: entity not found",
                "main.bt:3: E0212 `x.txt` cannot be imported",
                "main.bt:4: E0212 `p.bpf.o` is compiled already",
            ]
        );
    }

    #[test]
    fn writable_by_all_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let lib = folder.path().join("lib.bt");
        std::fs::write(&lib, "begin { }").expect("written");
        let source =
            Source::new("main.bt", "import \"lib.bt\";".into()).in_folder(Some(folder.path()));
        let check = |code: Option<&str>| {
            let mut found = Vec::new();
            resolve(bt_grammar::parse(&source.text).script, &source, &mut found);
            assert_eq!(found.first().map(|d| d.code), code, "{found:?}");
        };
        let set = |path: &Path, mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, mode).expect("changed");
        };
        check(None);
        set(&lib, 0o646);
        check(Some("E0212"));
        set(&lib, 0o644);
        set(folder.path(), 0o777);
        check(Some("E0212"));
    }
}
