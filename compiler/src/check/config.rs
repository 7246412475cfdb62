//! Configuration variables: the `config` block, and the environment, which has the last word.

use bt_abi::types::StackMode;
use bt_grammar::ast::{self, ConfigEntry, ConfigValue};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Checker;
use crate::suggest;
use crate::typed::ScriptConfig;

/// What a variable may be set to, and where it goes.
enum Kind {
    /// From, to, and the place of the value.
    Number(u64, u64, fn(&mut ScriptConfig, u64)),
    Flag(fn(&mut ScriptConfig, bool)),
    Text(fn(&mut ScriptConfig, String)),
    /// One of these words.
    Word(&'static [&'static str], fn(&mut ScriptConfig, &str)),
    /// Concerns the run only: passed on in the manifest. The words that are allowed; none: a number.
    Run(&'static [&'static str]),
    /// How ready a feature is.
    Stability,
    /// Meant something to an older bpftrace; accepted, and without effect.
    Ignored,
}

/// The largest value of a scratch buffer entry leaves room for strings of this size.
const MAX_STRLEN: u64 = 64 << 10;

const BOOL: &[&str] = &["true", "false", "1", "0"];

const LICENSES: &[&str] = &[
    "GPL",
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
];

const UNSTABLE: &[&str] = &["error", "warn", "enable", "true", "false", "1", "0"];

/// Every variable, by the name without prefix.
const VARIABLES: &[(&str, Kind)] = &[
    (
        "cache_user_symbols",
        Kind::Run(&["per_pid", "per_program", "none", "1", "0"]),
    ),
    ("cpp_demangle", Kind::Run(BOOL)),
    ("lazy_symbolication", Kind::Run(BOOL)),
    (
        "license",
        Kind::Word(LICENSES, |c, word| c.license = word.into()),
    ),
    ("log_size", Kind::Run(&[])),
    (
        "max_bpf_progs",
        Kind::Number(1, u32::MAX as u64, |c, n| c.max_bpf_progs = n),
    ),
    ("max_cat_bytes", Kind::Run(&[])),
    (
        "max_map_keys",
        Kind::Number(1, u32::MAX as u64, |c, n| c.max_map_keys = n as u32),
    ),
    (
        "max_probes",
        Kind::Number(1, u32::MAX as u64, |c, n| c.max_probes = n),
    ),
    (
        "max_strlen",
        Kind::Number(1, MAX_STRLEN, |c, n| c.max_strlen = n as u32),
    ),
    ("missing_probes", Kind::Run(&["error", "warn", "ignore"])),
    (
        "on_stack_limit",
        Kind::Number(0, 256, |c, n| c.on_stack_limit = n as u32),
    ),
    (
        "perf_rb_pages",
        Kind::Number(1, 1 << 18, |c, n| {
            c.perf_rb_pages = Some(n);
            c.run.insert("perf_rb_pages".into(), n.to_string());
        }),
    ),
    (
        "print_maps_on_exit",
        Kind::Flag(|c, yes| c.print_maps_on_exit = yes),
    ),
    ("show_debug_info", Kind::Run(BOOL)),
    (
        "stack_mode",
        Kind::Word(&["bpftrace", "perf", "raw", "build_id"], |c, word| {
            c.stack_mode = stack_mode(word).unwrap_or(StackMode::Bpftrace)
        }),
    ),
    (
        "str_trunc_trailer",
        Kind::Text(|c, text| c.str_trunc_trailer = text),
    ),
    ("unstable_tseries", Kind::Stability),
    ("unstable_typeinfo", Kind::Stability),
    ("unstable_dw_ustack", Kind::Stability),
    ("unstable_import_statement", Kind::Stability),
    ("unstable_addr", Kind::Ignored),
    ("unstable_import", Kind::Ignored),
    ("unstable_macro", Kind::Ignored),
    ("unstable_map_decl", Kind::Ignored),
    ("max_type_res_iterations", Kind::Ignored),
    ("symbol_source", Kind::Ignored),
    ("use_blazesym", Kind::Ignored),
];

/// Names that older releases used.
const RENAMED: &[(&str, &str)] = &[
    ("strlen", "max_strlen"),
    ("map_keys_max", "max_map_keys"),
    ("cat_bytes_max", "max_cat_bytes"),
];

impl Checker<'_> {
    /// The settings of the script and, over them, those of the environment: names with the prefix `BPFTRACE_`, and values.
    pub(super) fn config_blocks(
        &mut self,
        script: &ast::Script,
        environment: &[(String, String)],
    ) -> ScriptConfig {
        let mut config = ScriptConfig::default();
        let mut first: Option<Span> = None;
        for item in &script.items {
            let ast::Item::Config(block) = item else {
                continue;
            };
            if let Some(first) = first.replace(block.span) {
                let error = Diagnostic::error("E0209", block.span, "a script has one config block");
                self.report(error.here("a second one").also(first, "the first one"));
            }
            for entry in &block.entries {
                self.config_entry(&mut config, entry);
            }
        }
        for (name, value) in environment {
            let Some(plain) = plain_name(name) else {
                continue;
            };
            let parsed = match value.parse() {
                Ok(number) => ConfigValue::Int(number),
                Err(_) => ConfigValue::Word(value.clone()),
            };
            if let Err(want) = set(&mut config, plain, &parsed) {
                let message = format!("bad value `{value}` in the environment variable {name}");
                let error = Diagnostic::error("E0602", Span::default(), message);
                self.report(
                    error
                        .here("while compiling this")
                        .help(format!("expected {want}")),
                );
            }
        }
        config
    }

    /// A name that an older release used, or that means nothing any more.
    fn warn_of_old(&mut self, name: &Ident) {
        let lower = name.node.to_ascii_lowercase();
        let plain = lower.strip_prefix("bpftrace_").unwrap_or(&lower);
        let renamed = RENAMED.iter().find(|(old, _)| *old == plain);
        let ignored = VARIABLES
            .iter()
            .any(|(known, kind)| *known == plain && matches!(kind, Kind::Ignored));
        let warning = match renamed {
            Some((old, new)) => {
                let message = format!("`{old}` is now called `{new}`");
                let warning = Diagnostic::warning("W0926", name.span, message);
                warning.here("the old name").help(format!("write `{new}`"))
            }
            None if ignored => {
                let message = format!("`{plain}` has no effect any more");
                Diagnostic::warning("W0926", name.span, message).here("can be left out")
            }
            None => return,
        };
        self.report(warning);
    }

    fn config_entry(&mut self, config: &mut ScriptConfig, entry: &ConfigEntry) {
        self.warn_of_old(&entry.name);
        match plain_name(&entry.name.node) {
            Some(name) => {
                if let Err(want) = set(config, name, &entry.value.node) {
                    let message = format!("bad value for `{name}`");
                    let error = Diagnostic::error("E0602", entry.value.span, message);
                    self.report(error.here(format!("expected {want}")));
                }
            }
            None => {
                let name = &entry.name.node;
                let message = format!("unknown config variable `{name}`");
                let error = Diagnostic::error("E0207", entry.name.span, message);
                let lower = name.to_ascii_lowercase();
                let known = VARIABLES.iter().map(|(name, _)| *name);
                let help = match suggest::closest(&lower, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("variables are {}", known.collect::<Vec<_>>().join(", ")),
                };
                self.report(error.here("no variable has this name").help(help));
            }
        }
    }
}

/// The name in the table: any case, with or without prefix, old spellings too.
fn plain_name(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let name = lower.strip_prefix("bpftrace_").unwrap_or(&lower);
    let name = RENAMED
        .iter()
        .find(|(old, _)| *old == name)
        .map_or(name, |(_, new)| *new);
    VARIABLES
        .iter()
        .map(|(known, _)| *known)
        .find(|known| *known == name)
}

/// Sets a variable, or says what it can be set to.
fn set(config: &mut ScriptConfig, name: &'static str, value: &ConfigValue) -> Result<(), String> {
    let Some((_, kind)) = VARIABLES.iter().find(|(known, _)| *known == name) else {
        return Ok(());
    };
    // limits that wildcards may reach on the target
    if let (ConfigValue::Int(n), "max_probes" | "max_bpf_progs") = (value, name) {
        config.run.insert(name.into(), n.to_string());
    }
    let text = match value {
        ConfigValue::Int(n) => n.to_string(),
        ConfigValue::Bool(yes) => yes.to_string(),
        ConfigValue::Word(word) => word.clone(),
    };
    match kind {
        Kind::Number(from, to, place) => match value {
            ConfigValue::Int(n) if (from..=to).contains(&n) => place(config, *n),
            _ => return Err(format!("a number from {from} to {to}")),
        },
        Kind::Flag(place) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => place(config, true),
            "false" | "0" => place(config, false),
            _ => return Err("`true` or `false`".into()),
        },
        Kind::Text(place) => place(config, text),
        Kind::Word(words, place) => match words.iter().find(|w| w.eq_ignore_ascii_case(&text)) {
            Some(word) => place(config, word),
            None => return Err(one_of(words)),
        },
        Kind::Run([]) => match value {
            ConfigValue::Int(n) => {
                config.run.insert(name.into(), n.to_string());
            }
            _ => return Err("a number".into()),
        },
        Kind::Run(words) => match words.iter().find(|w| w.eq_ignore_ascii_case(&text)) {
            Some(word) => {
                config.run.insert(name.into(), word.to_string());
            }
            None => return Err(one_of(words)),
        },
        Kind::Stability => match UNSTABLE.iter().find(|w| w.eq_ignore_ascii_case(&text)) {
            Some(word) => {
                let word = match *word {
                    "true" | "1" => "enable",
                    "false" | "0" => "error",
                    word => word,
                };
                config.stability.insert(name, word.into());
            }
            None => return Err(one_of(UNSTABLE)),
        },
        Kind::Ignored => {}
    }
    Ok(())
}

fn one_of(words: &[&str]) -> String {
    format!(
        "one of {}",
        words
            .iter()
            .map(|w| format!("`{w}`"))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

/// The stack mode of that name.
pub fn stack_mode(word: &str) -> Option<StackMode> {
    Some(match word {
        "bpftrace" => StackMode::Bpftrace,
        "perf" => StackMode::Perf,
        "raw" => StackMode::Raw,
        "build_id" => StackMode::BuildId,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        assert_eq!(plain_name("BPFTRACE_STRLEN"), Some("max_strlen"));
        assert_eq!(plain_name("STACK_MODE"), Some("stack_mode"));
        assert_eq!(plain_name("nonsense"), None);
        let mut config = ScriptConfig::default();
        assert!(set(&mut config, "max_strlen", &ConfigValue::Int(64)).is_ok());
        assert_eq!(config.max_strlen, 64);
        assert!(set(&mut config, "max_strlen", &ConfigValue::Int(0)).is_err());
        assert!(
            set(
                &mut config,
                "missing_probes",
                &ConfigValue::Word("Warn".into())
            )
            .is_ok()
        );
        assert_eq!(config.run["missing_probes"], "warn");
    }
}
