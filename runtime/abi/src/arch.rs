//! The calling convention of each architecture, as offsets in bytes in `struct pt_regs` (`arch/*/include/uapi/asm/ptrace.h`): the
//! context of kprobes and uprobes.

#[derive(Debug)]
pub struct Convention {
    /// Registers of the function's arguments, in order.
    pub arguments: [u32; 6],
    pub return_value: u32,
    /// Bytes from the stack pointer to the arguments there, at the function's entry.
    pub stack_arguments: u32,
}

pub const X86_64: Convention = Convention {
    // rdi, rsi, rdx, rcx, r8, r9
    arguments: [112, 104, 96, 88, 72, 64],
    // rax
    return_value: 80,
    // behind the return address
    stack_arguments: 8,
};
