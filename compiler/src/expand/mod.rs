//! From the tree as it was parsed to one without macros, `#define`s and imports.
//!
//! What an expansion puts into the tree gets places of its own ([`Source::add_body`]), so that any later message about it
//! can tell what is written there and which call brought it there: [`locate`].

mod defines;
mod expander;
mod imports;
mod macros;
mod measure;
mod report;
mod types;
pub mod walk;

#[cfg(test)]
mod tests;

use bt_grammar::ast::Script;
use bt_grammar::diag::Diagnostic;

use crate::source::Source;
use defines::Defines;
use expander::Expander;
use macros::Macros;

pub use report::locate;

/// Expands a script. Places in the diagnostics are as in the tree, so they go through [`locate`] too.
pub fn expand(script: Script, source: &Source) -> (Script, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut script = imports::resolve(script, source, &mut diagnostics);
    let macros = Macros::take(&mut script, &mut diagnostics);
    let defines = Defines::of(&script.definitions);
    let mut expander = Expander::new(source, &macros, &defines);
    walk::script(&mut expander, &mut script);
    diagnostics.append(&mut expander.diagnostics);
    (script, diagnostics)
}
