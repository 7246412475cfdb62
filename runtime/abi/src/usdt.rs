//! Arguments of static user probes, as two numbers that generated code evaluates.
//!
//! Where an argument is, the notes of the traced binary say, and they are read where the object runs: the code knows neither registers
//! nor offsets, but takes both from slots.

/// No register.
pub const NONE: u16 = 0xffff;

/// Value = `offset` + register `base` + (register `index` << `scale`); if `memory`, what lies at that address instead. Of that the
/// lowest `size` bytes, with their sign if `signed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Offsets in `struct pt_regs`, or [`NONE`].
    pub base: u16,
    pub index: u16,
    /// 0 to 3
    pub scale: u8,
    /// 1, 2, 4 or 8
    pub size: u8,
    pub signed: bool,
    pub memory: bool,
    pub offset: i64,
}

/// Where the parts lie in the number.
pub mod shifts {
    pub const BASE: u32 = 0;
    pub const INDEX: u32 = 16;
    pub const SCALE: u32 = 32;
    pub const SIZE: u32 = 40;
    pub const SIGNED: u32 = 48;
    pub const MEMORY: u32 = 49;
}

impl Argument {
    /// All but the offset.
    pub fn place(&self) -> u64 {
        u64::from(self.base) << shifts::BASE
            | u64::from(self.index) << shifts::INDEX
            | u64::from(self.scale) << shifts::SCALE
            | u64::from(self.size) << shifts::SIZE
            | u64::from(self.signed) << shifts::SIGNED
            | u64::from(self.memory) << shifts::MEMORY
    }
}
