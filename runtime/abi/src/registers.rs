//! Where registers lie in `struct pt_regs`, the context of probes of functions: one table per architecture. The compiler needs it for
//! `reg()` and arguments, btrun for the notes of static probes.

/// Names of 64-bit registers without their prefix, and offsets in bytes (`arch/x86/include/uapi/asm/ptrace.h`).
pub const X86_64: &[(&str, u32)] = &[
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
];

/// The offset of a register as the assembler names it, of any width, and where its lowest byte lies within: `rdi`, `edi`, `dil`, `ah`.
pub fn x86_64(name: &str) -> Option<(u32, u32)> {
    let offset = |name: &str| X86_64.iter().find(|(n, _)| *n == name).map(|(_, at)| *at);
    // r8d, r8w, r8b
    if name.starts_with('r') && name[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Some((offset(name.trim_end_matches(['d', 'w', 'b']))?, 0));
    }
    if let Some(at) = offset(name.strip_prefix(['r', 'e']).unwrap_or(name)) {
        return Some((at, 0));
    }
    // sil, bpl, al, ah
    if let Some(at) = name.strip_suffix('l').and_then(offset) {
        return Some((at, 0));
    }
    let (first, half) = name.split_at_checked(1)?;
    let at = offset(&format!("{first}x"))?;
    match half {
        "l" => Some((at, 0)),
        "h" => Some((at, 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::x86_64;

    #[test]
    fn all_widths() {
        for (names, offset) in [
            (&["rdi", "edi", "di", "dil"][..], 112),
            (&["rax", "eax", "ax", "al"], 80),
            (&["rbp", "ebp", "bp", "bpl"], 32),
            (&["r10", "r10d", "r10w", "r10b"], 56),
            (&["rip"], 128),
        ] {
            for name in names {
                assert_eq!(x86_64(name), Some((offset, 0)), "{name}");
            }
        }
        assert_eq!(x86_64("ah"), Some((80, 1)));
        for name in ["xmm0", "", "r", "rr", "r16", "x", "é"] {
            assert_eq!(x86_64(name), None, "{name}");
        }
    }
}
