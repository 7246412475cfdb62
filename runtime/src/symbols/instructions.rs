//! Where instructions of x86-64 begin: their lengths, and nothing else of them (Intel SDM, volume 2, appendix A).

/// Whether an instruction begins so many bytes behind the first one. `None`: there is something on the way that is not understood.
pub fn begins_at(code: &[u8], offset: usize) -> Option<bool> {
    let mut at = 0;
    while at < offset {
        at += length(code.get(at..)?)?;
    }
    Some(at == offset)
}

/// What follows an opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    /// No byte, or so many of an immediate value.
    Bytes(usize),
    /// Four, or two with an operand size prefix.
    Word,
    /// A ModRM byte and what it says, then so many.
    Modrm(usize),
    ModrmWord,
    Invalid,
}
use Operands::{Bytes, Invalid, Modrm, ModrmWord, Word};

fn length(code: &[u8]) -> Option<usize> {
    let mut at = 0;
    let (mut narrow, mut short_address, mut wide) = (false, false, false);
    loop {
        match code.get(at)? {
            0x66 => narrow = true,
            0x67 => short_address = true,
            0xf0 | 0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 => {}
            _ => break,
        }
        at += 1;
    }
    if let rex @ 0x40..=0x4f = *code.get(at)? {
        wide = rex & 8 != 0;
        at += 1;
    }
    let opcode = *code.get(at)?;
    at += 1;
    let operands = match opcode {
        0x0f => {
            let second = *code.get(at)?;
            at += 1;
            match second {
                0x38 => {
                    at += 1;
                    Modrm(0)
                }
                0x3a => {
                    at += 1;
                    Modrm(1)
                }
                second => two_bytes(second),
            }
        }
        0xc5 => {
            let opcode = *code.get(at + 1)?;
            at += 2;
            vector(1, opcode)
        }
        0xc4 => {
            let (map, opcode) = (*code.get(at)? & 0x1f, *code.get(at + 2)?);
            at += 3;
            vector(map, opcode)
        }
        0x62 => {
            let (map, opcode) = (*code.get(at)? & 7, *code.get(at + 3)?);
            at += 4;
            vector(map, opcode)
        }
        0xa0..=0xa3 => Bytes(if short_address { 4 } else { 8 }),
        0xb8..=0xbf if wide => Bytes(8),
        // with a value in some of their forms
        0xf6 | 0xf7 if code.get(at)? >> 3 & 7 > 1 => Modrm(0),
        opcode => one_byte(opcode),
    };
    let word = if narrow { 2 } else { 4 };
    let rest = match operands {
        Bytes(count) => count,
        Word => word,
        Modrm(count) => modrm(code.get(at..)?)? + count,
        ModrmWord => modrm(code.get(at..)?)? + word,
        Invalid => return None,
    };
    let length = at + rest;
    (length <= code.len().min(15)).then_some(length)
}

fn one_byte(opcode: u8) -> Operands {
    match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => Modrm(0),
            4 => Bytes(1),
            5 => Word,
            _ => Invalid,
        },
        0x50..=0x5f | 0x6c..=0x6f | 0x90..=0x99 | 0x9b..=0x9f => Bytes(0),
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => Modrm(0),
        0x68 | 0xa9 | 0xb8..=0xbf => Word,
        0x69 | 0x81 | 0xc7 | 0xf7 => ModrmWord,
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => Bytes(1),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 | 0xf6 => Modrm(1),
        0xa4..=0xa7 | 0xaa..=0xaf | 0xc3 | 0xc9 | 0xcb | 0xcc | 0xcf | 0xd7 => Bytes(0),
        0xc2 | 0xca => Bytes(2),
        0xc8 => Bytes(3),
        // of four bytes whatever the prefixes
        0xe8 | 0xe9 => Bytes(4),
        0xec..=0xef | 0xf1 | 0xf4 | 0xf5 | 0xf8..=0xfd => Bytes(0),
        _ => Invalid,
    }
}

/// Behind 0x0f.
fn two_bytes(opcode: u8) -> Operands {
    match opcode {
        0x05..=0x09
        | 0x0b
        | 0x0e
        | 0x30..=0x37
        | 0x77
        | 0xa0..=0xa2
        | 0xa8..=0xaa
        | 0xc8..=0xcf => Bytes(0),
        0x80..=0x8f => Bytes(4),
        0x0f | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => Modrm(1),
        0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x39 | 0x3b..=0x3f => Invalid,
        _ => Modrm(0),
    }
}

/// Of the opcode maps that VEX and EVEX name.
fn vector(map: u8, opcode: u8) -> Operands {
    match (map, opcode) {
        (1, 0x77) => Bytes(0),
        (1, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6) | (3, _) => Modrm(1),
        (1 | 2 | 5 | 6, _) => Modrm(0),
        _ => Invalid,
    }
}

/// The byte itself, a SIB byte, and the displacement.
fn modrm(code: &[u8]) -> Option<usize> {
    let modrm = *code.first()?;
    let (mode, base) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return Some(1);
    }
    let (bytes, base) = match base {
        4 => (2, *code.get(1)? & 7),
        base => (1, base),
    };
    Some(match (mode, base) {
        (0, 5) | (2, _) => bytes + 4,
        (1, _) => bytes + 1,
        _ => bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for code in [
            &[0xc3][..],
            &[0xf3, 0x0f, 0x1e, 0xfa],                    // endbr64
            &[0x48, 0x83, 0xec, 0x18],                    // sub $24,%rsp
            &[0x48, 0x8b, 0x05, 1, 2, 3, 4],              // mov x(%rip),%rax
            &[0x48, 0x8d, 0x44, 0x24, 0x08],              // lea 8(%rsp),%rax
            &[0x66, 0x41, 0xc7, 0x04, 0x24, 1, 2],        // movw $0x201,(%r12)
            &[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8],        // movabs
            &[0x64, 0x48, 0x8b, 0x04, 0x25, 40, 0, 0, 0], // mov %fs:40,%rax
            &[0xf7, 0xc7, 1, 2, 3, 4],                    // test $x,%edi
            &[0xf7, 0xd7],                                // not %edi
            &[0x0f, 0x84, 1, 2, 3, 4],                    // je
            &[0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8],           // palignr
            &[0xc5, 0xf8, 0x77],                          // vzeroupper
            &[0xc4, 0xe2, 0x7d, 0x18, 0x05, 1, 2, 3, 4],  // vbroadcastss
            &[0xc4, 0xe3, 0x7d, 0x19, 0xc1, 1],           // vextractf128
            &[0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x06],        // vmovdqu64
            &[0xe8, 1, 2, 3, 4],
            &[0xc8, 1, 2, 3],
        ] {
            assert_eq!(length(code), Some(code.len()), "{code:02x?}");
            assert_eq!(length(&code[..code.len() - 1]), None, "{code:02x?}");
        }
    }

    #[test]
    fn starts_of_instructions() {
        let code = [0x55, 0x48, 0x89, 0xe5, 0xc3];
        let starts: Vec<usize> = (0..5)
            .filter(|at| begins_at(&code, *at) == Some(true))
            .collect();
        assert_eq!(starts, [0, 1, 4]);
        assert_eq!(begins_at(&[0x06, 0x90], 1), None);
    }
}
