//! `join()`: strings that follow each other in a record.

/// `packed`: each with its NUL; what follows the last NUL is padding.
pub fn join(packed: &[u8], separator: &str) -> Vec<u8> {
    let end = packed.iter().rposition(|b| *b == 0).unwrap_or(0);
    let parts: Vec<&[u8]> = packed[..end].split(|b| *b == 0).collect();
    parts.join(separator.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins() {
        assert_eq!(join(b"ls\0-l\0", " "), b"ls -l");
        assert_eq!(join(b"ls\0", ","), b"ls");
        assert_eq!(join(b"a\0\0b\0", ","), b"a,,b");
        assert_eq!(join(b"", ","), b"");
    }
}
