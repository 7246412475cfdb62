//! Lines of /proc/PID/maps about the code of files.

/// `55d0c0a00000-55d0c0a20000 r-xp 00002000 08:01 1234   /usr/bin/cat`
#[derive(Debug, PartialEq, Eq)]
pub struct Code<'a> {
    /// The two addresses as they stand there.
    pub range: &'a str,
    /// Of the start, in the file.
    pub offset: u64,
    pub inode: u64,
    /// As the process's own root has it; of a file that was deleted with ` (deleted)` behind it.
    pub path: &'a str,
}

impl<'a> Code<'a> {
    /// `None` for other memory.
    pub fn parse(line: &'a str) -> Option<Code<'a>> {
        let mut rest = line;
        let mut next = || {
            let word = rest.split(' ').next()?;
            rest = rest[word.len()..].trim_start_matches(' ');
            Some(word)
        };
        let (range, permissions, offset) = (next()?, next()?, next()?);
        let (_device, inode) = (next()?, next()?);
        if !permissions.contains('x') || !rest.starts_with('/') {
            return None;
        }
        Some(Code {
            range,
            offset: hex(offset)?,
            inode: inode.parse().ok()?,
            path: rest,
        })
    }

    pub fn addresses(&self) -> Option<(u64, u64)> {
        let (start, end) = self.range.split_once('-')?;
        Some((hex(start)?, hex(end)?))
    }
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_files() {
        let line = "55e-56f r-xp 00002000 fe:01 131   /usr/bin/a b (deleted)";
        let code = Code::parse(line).expect("code");
        assert_eq!(code.addresses(), Some((0x55e, 0x56f)));
        assert_eq!(
            (code.range, code.offset, code.inode),
            ("55e-56f", 0x2000, 131)
        );
        assert_eq!(code.path, "/usr/bin/a b (deleted)");
        for other in [
            "55e-56f r--p 00002000 fe:01 131                  /usr/bin/a",
            "7ff-800 r-xp 00000000 00:00 0                    [vdso]",
            "7ff-800 rwxp 00000000 00:00 0 ",
            "",
            "nonsense",
        ] {
            assert_eq!(Code::parse(other), None, "{other}");
        }
    }
}
