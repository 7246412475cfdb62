//! What [`crate::Manifest::must_understand`] may name: what readers of the first objects do not know.

/// Flags of [`crate::Manifest::must_understand`] that this code knows.
pub const KNOWN: &[&str] = &[
    VALUES,
    AGGREGATIONS,
    OUTPUTS,
    SLOTS,
    STRUCTS,
    TARGETS,
    CALLED,
    COUNTERS,
    TRACING,
    PROCESS,
    PLACES,
    TRACED,
    SERIES,
    VARIABLES,
    ALTERNATIVES,
    ADDRESSES,
    USDT,
    UNWINDING,
    ITERATORS,
    PINS,
    BUILD_IDS,
    KFUNCS,
    PACKETS,
    PERMISSIONS,
    FIXED,
    UNWATCHING,
];

/// Types from [`crate::Type::Inet`] to [`crate::Type::UserName`].
pub const VALUES: &str = "values";
/// Types from [`crate::Type::Avg`] to [`crate::Type::Max`].
pub const AGGREGATIONS: &str = "aggregations";
/// Events from [`crate::manifest::EventKind::Cat`] to [`crate::manifest::EventKind::Join`].
pub const OUTPUTS: &str = "outputs";
/// Slots from [`crate::manifest::SlotValue::KernelAddress`] to [`crate::manifest::SlotValue::TaiOffset`].
pub const SLOTS: &str = "slots";
/// Types [`crate::Type::Chars`], [`crate::Type::BitField`] and [`crate::Type::KernelStruct`].
pub const STRUCTS: &str = "structs";
/// Names with `*` in [`crate::manifest::Attach`], [`crate::manifest::Attach::Deferred`], and [`crate::manifest::SlotValue::ProbeId`].
pub const TARGETS: &str = "targets";
/// [`crate::manifest::Attach::Signal`], [`crate::manifest::Attach::Test`] and [`crate::manifest::Attach::Bench`].
pub const CALLED: &str = "called";
/// [`crate::manifest::Attach::Software`], [`crate::manifest::Attach::Hardware`] and [`crate::manifest::Attach::Watchpoint`].
pub const COUNTERS: &str = "counters";
/// [`crate::manifest::Attach::Fentry`], [`crate::manifest::Attach::Fexit`], [`crate::manifest::Attach::RawTracepoint`] and [`crate::manifest::FieldOwner::Function`].
pub const TRACING: &str = "tracing";
/// [`crate::manifest::SlotValue::PidNamespace`], [`crate::manifest::SlotValue::ChildPid`] and [`crate::manifest::SlotValue::Target`].
pub const PROCESS: &str = "process";
/// [`crate::manifest::UserTarget::Demangled`] and [`crate::manifest::UserTarget::Line`].
pub const PLACES: &str = "places";
/// [`crate::manifest::Attach::KprobeAddress`].
pub const ADDRESSES: &str = "addresses";
/// [`crate::manifest::Program::alternatives`].
pub const ALTERNATIVES: &str = "alternatives";
/// [`crate::manifest::Attach::FentryProgram`], [`crate::manifest::Attach::FexitProgram`], and `*` or [`crate::manifest::SlotValue::ProbeId`] in the attach
/// points of [`TRACING`].
pub const TRACED: &str = "traced";
/// [`crate::Type::TimeSeries`].
pub const SERIES: &str = "series";
/// [`crate::manifest::SlotValue::UserAddress`] and [`crate::manifest::SlotValue::UserMask`].
pub const VARIABLES: &str = "variables";
/// [`crate::manifest::Attach::Usdt`], [`crate::manifest::SlotValue::UsdtPlace`] and [`crate::manifest::SlotValue::UsdtOffset`].
pub const USDT: &str = "usdt";
/// The maps of [`crate::unwind`], and [`crate::manifest::FaultKind::NoUnwindTable`].
pub const UNWINDING: &str = "unwinding";
/// [`crate::manifest::Attach::Iter`].
pub const ITERATORS: &str = "iterators";
/// The `pin` of [`crate::manifest::Attach::Iter`].
pub const PINS: &str = "pins";
/// [`crate::types::StackMode::BuildId`].
pub const BUILD_IDS: &str = "build_ids";
/// [`crate::manifest::SlotValue::KfuncExists`].
pub const KFUNCS: &str = "kfuncs";
/// [`crate::Manifest::fixed`].
pub const FIXED: &str = "fixed";
/// [`crate::manifest::EventKind::Packet`].
pub const PACKETS: &str = "packets";
/// [`crate::manifest::SlotValue::KfuncAllowed`].
pub const PERMISSIONS: &str = "permissions";
/// [`crate::manifest::EventKind::Unwatch`].
pub const UNWATCHING: &str = "unwatching";
