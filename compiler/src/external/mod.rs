//! `import "x.bpf.c"`: functions in C that the script calls.
//!
//! An installed clang makes two things of a file: an object, whose BTF says what functions there are, and bitcode, which is linked into
//! the script's module (`Lower::link`). So the functions become subprograms of the probes that call them, and the verifier
//! sees them with their arguments.

mod clang;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

use crate::facts::{BtfTypes, RawFunction};

/// A file that the script imports.
#[derive(Debug, Clone)]
pub struct CSource {
    pub path: PathBuf,
    /// As the script writes it.
    pub name: String,
    /// The import.
    pub span: Span,
}

/// A file as LLVM reads it.
#[derive(Debug)]
pub struct Bitcode {
    pub name: String,
    pub span: Span,
    pub bytes: Vec<u8>,
}

/// All that the imported files have.
#[derive(Debug, Default)]
pub struct External {
    functions: BTreeMap<String, RawFunction>,
    pub modules: Vec<Bitcode>,
}

impl External {
    /// Compiles the files; what is wrong with them is reported at their imports.
    pub fn compile(sources: &[CSource], diagnostics: &mut Vec<Diagnostic>) -> External {
        let mut external = External::default();
        for source in sources {
            if let Err(error) = external.add(source) {
                diagnostics.push(error);
            }
        }
        external
    }

    pub fn find(&self, name: &str) -> Option<&RawFunction> {
        self.functions.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    fn add(&mut self, source: &CSource) -> Result<(), Diagnostic> {
        let elf = clang::run(source, clang::Output::Object)?;
        for function in functions(source, &elf)? {
            if self.functions.contains_key(&function.name) {
                let message = format!("`{}` defines `{}` again", source.name, function.name);
                return Err(refused(source, message, "make one of them `static`"));
            }
            self.functions.insert(function.name.clone(), function);
        }
        self.modules.push(Bitcode {
            name: source.name.clone(),
            span: source.span,
            bytes: clang::run(source, clang::Output::Bitcode)?,
        });
        Ok(())
    }
}

/// The functions of an object that others may call. What cannot become a part of a script's object is refused.
fn functions(source: &CSource, elf: &[u8]) -> Result<Vec<RawFunction>, Diagnostic> {
    let broken = |reason: &str| {
        let message = format!("clang made no usable object of `{}`: {reason}", source.name);
        refused(source, message, "this is a bug in btc or in clang")
    };
    let file = object::File::parse(elf).map_err(|e| broken(&e.to_string()))?;
    for section in file.sections() {
        let name = section.name().unwrap_or_default();
        if section.kind() == SectionKind::Text && name != ".text" && section.size() > 0 {
            let message = format!(
                "`{}` has a program of its own, in section `{name}`",
                source.name
            );
            let help = "imported are functions that the script calls; probes are the script's";
            return Err(refused(source, message, help));
        }
        if name == ".maps" {
            let message = format!("`{}` has maps of its own", source.name);
            let help = "keep data in global variables, or in maps of the script, and pass values to the function";
            return Err(refused(source, message, help));
        }
    }
    let undefined: Vec<String> = file
        .symbols()
        .filter(|s| s.is_undefined() && s.is_global())
        .filter_map(|s| s.name().ok().map(String::from))
        .collect();
    let btf = file
        .section_by_name(".BTF")
        .and_then(|s| s.data().ok())
        .and_then(BtfTypes::from_bytes);
    // A file without functions has none.
    let Some(btf) = btf else {
        return Ok(Vec::new());
    };
    let kernels = btf.in_sections(&[".ksyms", ".kconfig"]);
    if let Some(name) = undefined.iter().find(|name| !kernels.contains(*name)) {
        let message = format!("`{}` uses `{name}`, which nothing defines", source.name);
        let help = "a function of the kernel is declared with `__ksym`";
        return Err(refused(source, message, help));
    }
    Ok(btf.functions())
}

fn refused(source: &CSource, message: String, help: &str) -> Diagnostic {
    Diagnostic::error("E0218", source.span, message)
        .here("imported here")
        .help(help)
}
