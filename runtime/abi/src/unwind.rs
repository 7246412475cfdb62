//! Unwinding by tables (`dw_ustack`): what btrun makes of the `.eh_frame` of a process's files, and programs walk.
//!
//! Two maps. [`AREAS_MAP`], a hash map: the code that a process has mapped, by its id. [`FILES_MAP`], an array of maps: the rows of a
//! file, by its number, in an array of their own.

/// `u32` process (of the root pid namespace) to [`AREAS_SIZE`] bytes: `u64` how many areas, then areas sorted by start, each
/// [`AREA_SIZE`] bytes: `u64` start, `u64` end, `u64` base (an address less the base is the file's own), `u32` file, `u32` rows.
pub const AREAS_MAP: &str = "btc_unwind_areas";

/// `u32` file to an array of rows, sorted by address: [`ROW_SIZE`] bytes each, `u32` first address in the file, `u32` rule, `i32` offset of
/// the rule, `i32` where the frame pointer was saved, from the CFA (with [`rule::AT_FRAME`] from the frame pointer), or [`SAME`].
pub const FILES_MAP: &str = "btc_unwind_files";

/// A power of two.
pub const MAX_AREAS: u32 = 256;
pub const AREA_SIZE: u32 = 32;
pub const AREAS_SIZE: u32 = 8 + MAX_AREAS * AREA_SIZE;

pub const MAX_FILES: u32 = 1024;
pub const MAX_PROCESSES: u32 = 256;

pub const ROW_SIZE: u32 = 16;
/// Of a file: a power of two.
pub const MAX_ROWS: u32 = 1 << 20;

/// The frame pointer is what it is.
pub const SAME: i32 = i32::MIN;

/// Stands behind the last frame if there should be more.
pub const FAILURE: u64 = u64::MAX;

/// How the canonical frame address (CFA) of a row is found. The return address lies below it.
pub mod rule {
    /// Nobody called: the first function of a thread.
    pub const END: u32 = 0;
    /// Stack pointer + offset.
    pub const STACK: u32 = 1;
    /// Frame pointer + offset.
    pub const FRAME: u32 = 2;
    /// What lies at frame pointer + offset.
    pub const AT_FRAME: u32 = 3;
    /// Entries of the procedure linkage table: stack pointer + 8, and 8 more from byte 11 of each 16 on.
    pub const LINKAGE: u32 = 4;
    /// The kernel called a signal's handler: the registers are in the `ucontext_t` at the stack pointer.
    pub const SIGNAL: u32 = 5;
    /// The table does not say, or in a way that is not known here.
    pub const UNKNOWN: u32 = 6;
}
