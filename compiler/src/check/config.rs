//! The `config` block.

use bt_abi::types::StackMode;
use bt_grammar::ast::{self, ConfigEntry, ConfigValue};
use bt_grammar::diag::Diagnostic;

use super::Checker;
use crate::typed::ScriptConfig;

/// Variables that are understood, in the form without prefix.
const KNOWN: &[&str] = &[
    "max_strlen",
    "max_map_keys",
    "print_maps_on_exit",
    "str_trunc_trailer",
    "stack_mode",
];

/// Longer strings would not fit in a per-CPU map's value together with what else a program keeps there.
const MAX_STRLEN: u64 = 4096;

impl Checker<'_> {
    pub(super) fn config_blocks(&mut self, script: &ast::Script) -> ScriptConfig {
        let mut config = ScriptConfig::default();
        for item in &script.items {
            if let ast::Item::Config(block) = item {
                for entry in &block.entries {
                    self.config_entry(&mut config, entry);
                }
            }
        }
        config
    }

    fn config_entry(&mut self, config: &mut ScriptConfig, entry: &ConfigEntry) {
        let lower = entry.name.node.to_ascii_lowercase();
        let name = lower.strip_prefix("bpftrace_").unwrap_or(&lower);
        let bad = |want: &str| {
            Diagnostic::error("E0602", entry.value.span, format!("bad value for `{name}`"))
                .here(format!("expected {want}"))
        };
        match (name, &entry.value.node) {
            ("max_strlen", ConfigValue::Int(n)) if (1..=MAX_STRLEN).contains(n) => {
                config.max_strlen = *n as u32
            }
            ("max_strlen", _) => self.report(bad(&format!("a number from 1 to {MAX_STRLEN}"))),
            ("max_map_keys", ConfigValue::Int(n)) if (1..=u64::from(u32::MAX)).contains(n) => {
                config.max_map_keys = *n as u32;
            }
            ("max_map_keys", _) => self.report(bad("a number above 0")),
            ("print_maps_on_exit", value) => match value {
                ConfigValue::Bool(yes) => config.print_maps_on_exit = *yes,
                ConfigValue::Int(n @ 0..=1) => config.print_maps_on_exit = *n == 1,
                _ => self.report(bad("`true` or `false`")),
            },
            ("str_trunc_trailer", ConfigValue::Word(text)) => {
                config.str_trunc_trailer = text.clone()
            }
            ("stack_mode", ConfigValue::Word(word)) => match stack_mode(word) {
                Some(mode) => config.stack_mode = mode,
                None => self.report(bad("`bpftrace`, `perf` or `raw`")),
            },
            (known, _) if KNOWN.contains(&known) => self.report(bad("a word")),
            _ => {
                let error = Diagnostic::error(
                    "E0207",
                    entry.name.span,
                    format!("unknown config variable `{name}`"),
                );
                let help = match crate::suggest::closest(name, KNOWN.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("this version knows {}", KNOWN.join(", ")),
                };
                self.report(error.help(help));
            }
        }
    }
}

/// The stack mode of that name.
pub fn stack_mode(word: &str) -> Option<StackMode> {
    Some(match word {
        "bpftrace" => StackMode::Bpftrace,
        "perf" => StackMode::Perf,
        "raw" => StackMode::Raw,
        _ => return None,
    })
}
