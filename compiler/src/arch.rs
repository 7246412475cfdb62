//! Where registers lie in `struct pt_regs`, the context of kprobes and uprobes: one table per architecture.

use bt_abi::arch::{self, Convention};

/// Offsets in bytes in the `pt_regs` of an architecture (`arch/*/include/uapi/asm/ptrace.h`).
pub struct Registers {
    pub convention: Convention,
    /// Whose lowest bits are the privilege level.
    pub code_segment: u32,
    /// All of 64 bits, by the names that `reg()` takes.
    pub named: &'static [(&'static str, u32)],
}

impl Registers {
    /// Of a register of that name, which is in the table.
    pub fn offset(&self, name: &str) -> u32 {
        let found = self.named.iter().find(|(n, _)| *n == name);
        found.map_or(0, |(_, offset)| *offset)
    }
}

pub const X86_64: Registers = Registers {
    convention: arch::X86_64,
    code_segment: 136,
    named: bt_abi::registers::X86_64,
};
