//! The contract of `btc` and `btrun`: the manifest inside an object, and the records that its programs send.
//!
//! Knows neither LLVM nor libbpf. The prose version, for people and other tools, is docs/manifest.md.

pub mod arch;
pub mod attach;
pub mod attach_point;
pub mod events;
pub mod flags;
pub mod format;
pub mod manifest;
pub mod names;
pub mod parameters;
pub mod record;
pub mod registers;
pub mod types;
pub mod unwind;
pub mod usdt;

pub use manifest::Manifest;
pub use types::Type;
