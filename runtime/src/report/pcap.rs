//! Files of captured packets, as tcpdump and Wireshark read them: a header of 24 bytes, then for each packet one of 16 and its bytes, in
//! the byte order of this machine, which the first word tells.
//!
//! Two headers of plain numbers, so no library is asked for them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Times have nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
/// IPv4 or IPv6, which the packet's first byte tells.
const LINKTYPE_RAW: u32 = 101;
/// No packet is longer.
const SNAPLEN: u32 = 0xffff;
const SECOND: u64 = 1_000_000_000;

pub struct Capture<W: Write> {
    out: W,
}

impl Capture<BufWriter<File>> {
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut capture = Capture::begin(BufWriter::new(File::create(path)?))?;
        capture.flush()?;
        Ok(capture)
    }
}

impl<W: Write> Capture<W> {
    fn begin(mut out: W) -> io::Result<Capture<W>> {
        out.write_all(&MAGIC.to_ne_bytes())?;
        for half in VERSION {
            out.write_all(&half.to_ne_bytes())?;
        }
        // the zeros: times are in UTC
        for word in [0, 0, SNAPLEN, LINKTYPE_RAW] {
            out.write_all(&u32::to_ne_bytes(word))?;
        }
        Ok(Capture { out })
    }

    /// Adds a packet; `time` is in nanoseconds since 1970.
    pub fn packet(&mut self, time: u64, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u32;
        for word in [
            (time / SECOND) as u32,
            (time % SECOND) as u32,
            length,
            length,
        ] {
            self.out.write_all(&word.to_ne_bytes())?;
        }
        self.out.write_all(bytes)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_one_packet() {
        let mut file = Vec::new();
        let mut capture = Capture::begin(&mut file).expect("in memory");
        capture.packet(5_000_000_007, b"abc").expect("in memory");
        let halves = |a: u16, b: u16| [a.to_ne_bytes(), b.to_ne_bytes()].concat();
        let words = |words: &[u32]| words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        let expected: [Vec<u8>; 4] = [
            MAGIC.to_ne_bytes().to_vec(),
            halves(2, 4),
            words(&[0, 0, 65535, 101, 5, 7, 3, 3]),
            b"abc".to_vec(),
        ];
        assert_eq!(file, expected.concat());
    }
}
