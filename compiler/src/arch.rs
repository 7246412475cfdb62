//! Where registers lie in `struct pt_regs`, the context of kprobes and uprobes: one table per architecture.

/// Offsets in bytes in the `pt_regs` of an architecture (`arch/*/include/uapi/asm/ptrace.h`).
pub struct Registers {
    /// Of the function arguments, in order.
    pub arguments: [u32; 6],
    pub return_value: u32,
}

pub const X86_64: Registers = Registers {
    // rdi, rsi, rdx, rcx, r8, r9
    arguments: [112, 104, 96, 88, 72, 64],
    // rax
    return_value: 80,
};
