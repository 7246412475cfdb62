//! `config`: the settings of the script, as a record.

use bt_grammar::span::Span;

use super::Builtin;
use crate::check::Checker;
use crate::docs::Example;
use crate::typed::{Expr, ExprKind, ScriptConfig, literal_size};
use crate::types::{INT64, Ty};

pub struct Config;

impl Builtin for Config {
    fn names(&self) -> &'static [&'static str] {
        &["config"]
    }

    fn about(&self) -> &'static str {
        "the config variables as a record: `config.max_strlen`"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::printing(
                r#"config = { max_strlen = 64 }
begin { printf("%d %s\n", config.max_strlen, config.stack_mode); exit(); }"#,
                "64 bpftrace",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, _: &str, span: Span) -> Expr {
        let settings = settings(&cx.config);
        let (types, items): (Vec<_>, Vec<_>) = settings
            .into_iter()
            .map(|(name, setting)| {
                let value = setting.expr(span);
                ((name.to_string(), value.ty.clone()), value)
            })
            .unzip();
        Expr {
            kind: ExprKind::Tuple(items),
            ty: Ty::Named(types),
            span,
        }
    }
}

enum Setting {
    Flag(bool),
    Number(u64),
    Text(String),
}

impl Setting {
    fn expr(self, span: Span) -> Expr {
        match self {
            Setting::Flag(yes) => Expr::int(i64::from(yes), Ty::Bool, span),
            Setting::Number(n) => Expr::int(n as i64, INT64, span),
            Setting::Text(text) => Expr {
                ty: Ty::Str(literal_size(text.as_bytes())),
                kind: ExprKind::Str(text.into_bytes()),
                span,
            },
        }
    }
}

/// In the order in which bpftrace has them.
fn settings(config: &ScriptConfig) -> Vec<(&'static str, Setting)> {
    let run = |name: &str, default: &str| -> String {
        let set = config.run.get(name).map(String::as_str);
        set.unwrap_or(default).to_string()
    };
    let flag = |name: &str| Setting::Flag(matches!(run(name, "true").as_str(), "true" | "1"));
    let number =
        |name: &str, default: u64| Setting::Number(run(name, "").parse::<u64>().unwrap_or(default));
    let stability = |name: &str| {
        let word = config.stability.get(name).map_or("warn", String::as_str);
        Setting::Text(word.to_string())
    };
    let mode = config.stack_mode.name();
    vec![
        ("cpp_demangle", flag("cpp_demangle")),
        ("lazy_symbolication", flag("lazy_symbolication")),
        (
            "print_maps_on_exit",
            Setting::Flag(config.print_maps_on_exit),
        ),
        ("use_blazesym", Setting::Flag(true)),
        ("show_debug_info", flag("show_debug_info")),
        ("log_size", number("log_size", 1_000_000)),
        ("max_bpf_progs", Setting::Number(config.max_bpf_progs)),
        ("max_cat_bytes", number("max_cat_bytes", 10_240)),
        (
            "max_map_keys",
            Setting::Number(u64::from(config.max_map_keys)),
        ),
        ("max_probes", Setting::Number(config.max_probes)),
        ("max_strlen", Setting::Number(u64::from(config.max_strlen))),
        (
            "on_stack_limit",
            Setting::Number(u64::from(config.on_stack_limit)),
        ),
        (
            "perf_rb_pages",
            Setting::Number(config.perf_rb_pages.unwrap_or(0)),
        ),
        (
            "str_trunc_trailer",
            Setting::Text(config.str_trunc_trailer.clone()),
        ),
        (
            "unstable_import_statement",
            stability("unstable_import_statement"),
        ),
        ("unstable_tseries", stability("unstable_tseries")),
        ("unstable_typeinfo", stability("unstable_typeinfo")),
        ("unstable_dw_ustack", stability("unstable_dw_ustack")),
        (
            "missing_probes",
            Setting::Text(run("missing_probes", "error")),
        ),
        ("stack_mode", Setting::Text(mode.into())),
        ("license", Setting::Text(config.license.clone())),
    ]
}
