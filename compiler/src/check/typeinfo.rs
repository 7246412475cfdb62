//! Types as `typeinfo()` spells them, which is as bpftrace does.

use crate::types::{Agg, Printed, Records, StackTy, Ty};

/// The kind of type.
pub fn base_type(ty: &Ty) -> &'static str {
    match ty {
        Ty::Int(_) | Ty::Enum(..) => "int",
        Ty::Bool => "bool",
        Ty::Str(_) => "string",
        Ty::Ptr(..) => "pointer",
        Ty::Void | Ty::Unit => "void",
        Ty::Value(..) | Ty::Record(_) => "c_type",
        Ty::Array(..) => "array",
        Ty::Tuple(_) => "tuple",
        Ty::Named(_) => "record",
        Ty::Stack(stack) if stack.user => "ustack",
        Ty::Stack(_) => "kstack",
        Ty::Printed(printed) => match printed {
            Printed::Inet => "inet",
            Printed::KernelSymbol => "ksym_t",
            Printed::UserSymbol => "usym_t",
            Printed::Buffer(_) => "buffer",
            Printed::Timestamp { .. } => "timestamp",
            Printed::MacAddress => "mac_address",
            Printed::CgroupPath { .. } => "cgroup_path_t",
            Printed::UserName => "username_t",
            Printed::Named(_) => "string",
        },
        Ty::Agg(agg) => match agg {
            Agg::Count => "count_t",
            Agg::Sum { .. } => "sum_t",
            Agg::Hist { .. } => "hist_t",
            Agg::LinearHist { .. } => "lhist_t",
            Agg::Avg { .. } => "avg_t",
            Agg::Stats { .. } => "stats_t",
            Agg::Min { .. } => "min_t",
            Agg::Max { .. } => "max_t",
            Agg::TimeSeries(_) => "tseries_t",
        },
        Ty::Unknown => "none",
    }
}

/// The type with its sizes and parts.
pub fn full_type(ty: &Ty, records: &Records) -> String {
    let full = |ty: &Ty| full_type(ty, records);
    match ty {
        Ty::Str(size) => format!("string[{size}]"),
        Ty::Ptr(to, _) => format!("{} *", full(to)),
        Ty::Array(element, count) => format!("{}[{count}]", full(element)),
        Ty::Tuple(items) => {
            let items: Vec<String> = items.iter().map(full).collect();
            format!("({})", items.join(","))
        }
        Ty::Named(fields) => {
            let field = |(name, ty): &(String, Ty)| format!(".{name} = {}", full(ty));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        Ty::Stack(stack) => stack_type(stack),
        Ty::Printed(Printed::Inet) => "inet[24]".into(),
        Ty::Printed(Printed::Buffer(size)) => format!("buffer[{size}]"),
        Ty::Agg(
            Agg::Sum { signed: false }
            | Agg::Avg { signed: false }
            | Agg::Stats { signed: false }
            | Agg::Min { signed: false }
            | Agg::Max { signed: false },
        ) => format!("u{}", base_type(ty)),
        Ty::Int(_) | Ty::Enum(..) | Ty::Value(..) | Ty::Record(_) => {
            records.display(ty).to_string()
        }
        _ => base_type(ty).into(),
    }
}

fn stack_type(stack: &StackTy) -> String {
    let side = if stack.user { "ustack" } else { "kstack" };
    format!("{side}_{}_{}", stack.mode.name(), stack.limit)
}
