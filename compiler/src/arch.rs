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

pub const X86_64: Registers = Registers {
    convention: arch::X86_64,
    code_segment: 136,
    named: &[
        ("r15", 0),
        ("r14", 8),
        ("r13", 16),
        ("r12", 24),
        ("bp", 32),
        ("bx", 40),
        ("r11", 48),
        ("r10", 56),
        ("r9", 64),
        ("r8", 72),
        ("ax", 80),
        ("cx", 88),
        ("dx", 96),
        ("si", 104),
        ("di", 112),
        ("orig_ax", 120),
        ("ip", 128),
        ("cs", 136),
        ("flags", 144),
        ("sp", 152),
        ("ss", 160),
    ],
};
