//! From the tree as it was parsed to one without macros, `#define`s, imports and named constants.
//!
//! What an expansion puts into the tree gets places of its own ([`Source::add_body`]), so that any later message about it
//! can tell what is written there and which call brought it there: [`locate`].

mod constants;
mod defines;
mod expander;
mod headers;
mod imports;
mod macros;
mod measure;
mod report;
mod types;
pub mod walk;

#[cfg(test)]
mod tests;

use bt_grammar::ast::{CItem, Script};
use bt_grammar::diag::{Diagnostic, Severity};
use bt_grammar::span::{Ident, Span};

use crate::external::CSource;
use crate::facts::KernelFacts;
use crate::source::Source;
use defines::Defines;
use expander::Expander;
use macros::Macros;

pub use report::locate;

/// Expands a script. Places in the diagnostics are as in the tree, so they go through [`locate`] too.
pub fn expand(
    script: Script,
    source: &Source,
    facts: &dyn KernelFacts,
) -> (Script, Vec<CSource>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let (mut script, c_sources) = imports::resolve(script, source, &mut diagnostics);
    let macros = Macros::take(&mut script, &mut diagnostics);
    let defines = Defines::of(&script.definitions);
    let mut expander = Expander::new(source, &macros, &defines);
    walk::script(&mut expander, &mut script);
    diagnostics.append(&mut expander.diagnostics);
    resolve_names(&mut script, source, facts, &mut diagnostics);
    (script, c_sources, diagnostics)
}

/// Constants of the kernel and of headers.
fn resolve_names(
    script: &mut Script,
    source: &Source,
    facts: &dyn KernelFacts,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let includes: Vec<(String, Span)> = script
        .definitions
        .iter()
        .filter_map(|item| match item {
            CItem::Include { path, .. } => Some((path.node.clone(), path.span)),
            _ => None,
        })
        .collect();
    let with_headers = !includes.is_empty();
    let mut unknown = constants::resolve(script, source, facts, with_headers);
    if let Some((_, include)) = includes.first()
        && !(unknown.names.is_empty() && unknown.calls.is_empty())
    {
        let headers: Vec<&str> = includes.iter().map(|(path, _)| path.as_str()).collect();
        let Ok(found) = headers::defines(&headers) else {
            diagnostics.extend(unknown.names.iter().map(|name| no_clang(name, *include)));
            constants::poison(script, &unknown.names);
            return;
        };
        let wanted = unknown.names.into_iter().map(|n| n.node);
        let wanted = wanted.chain(unknown.calls).collect();
        let defines = Defines::of_headers(&found, wanted, *include);
        let macros = Macros::default();
        let mut expander = Expander::new(source, &macros, &defines);
        walk::script(&mut expander, script);
        diagnostics.append(&mut expander.diagnostics);
        // What the headers' definitions lead to may be constants themselves.
        unknown = constants::resolve(script, source, facts, true);
    }
    unknown.names.retain(|name| {
        let Some(help) = constants::help(&name.node, with_headers) else {
            return false;
        };
        let message = format!("unknown name `{}`", name.node);
        let error = Diagnostic::error("E0203", name.span, message);
        diagnostics.push(error.here("no builtin, no constant").help(help));
        true
    });
    constants::poison(script, &unknown.names);
}

/// Whether the check would only repeat these errors, or find others that follow from them.
pub fn must_stop(diagnostics: &[Diagnostic]) -> bool {
    let is_name = |d: &Diagnostic| matches!(d.code, "E0203" | "E0217");
    diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error && !is_name(d))
}

fn no_clang(name: &Ident, include: Span) -> Diagnostic {
    Diagnostic::error(
        "E0217",
        name.span,
        format!("unknown name `{}`, and no clang to look it up", name.node),
    )
    .here("not defined by the script, not known to btc")
    .also(include, "a header may define it")
    .help("install the package `clang` where scripts are compiled, or `#define` the name in the script")
}
