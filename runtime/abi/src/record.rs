//! The records in the ring buffer.
//!
//! A record is a header and, from byte [`HEADER_SIZE`] on, the payload that the event's entry in the manifest describes:
//! each field at its offset (from the record's start), in the byte order of the target. Records start 8-byte aligned.

/// Bytes of the header: `u32` event (index in `Manifest::events`), `u32` program (index in `Manifest::programs`).
pub const HEADER_SIZE: u32 = 8;

/// The first 8 bytes of every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub event: u32,
    pub program: u32,
}

impl Header {
    /// `None` if the record is shorter than a header.
    pub fn read(record: &[u8]) -> Option<Header> {
        let word = |at: usize| Some(u32::from_ne_bytes(record.get(at..at + 4)?.try_into().ok()?));
        Some(Header {
            event: word(0)?,
            program: word(4)?,
        })
    }
}

/// What stands behind the header of a packet's record, all of it `u64`; then follow the bytes of the packet, and perf's padding.
pub struct Packet {
    /// Nanoseconds of CLOCK_BOOTTIME.
    pub time: u64,
    /// So many bytes at the start of the packet are not wanted.
    pub offset: u64,
    /// Bytes of the packet.
    pub length: u64,
}

impl Packet {
    /// Where [`Packet::time`] is in the record; `offset` and `length` follow.
    pub const START: u32 = HEADER_SIZE;
    /// Of a record without its packet.
    pub const SIZE: u32 = Self::START + 24;
    /// Bytes of a packet at most: the size of a record of perf has 16 bits.
    pub const MAX_LENGTH: u32 = 0xff00;

    /// The packet's record and its wanted bytes; `None` if it is shorter than it says.
    pub fn read(record: &[u8]) -> Option<(Packet, &[u8])> {
        let word = |n: usize| {
            let at = Self::START as usize + 8 * n;
            Some(u64::from_ne_bytes(record.get(at..at + 8)?.try_into().ok()?))
        };
        let packet = Packet {
            time: word(0)?,
            offset: word(1)?,
            length: word(2)?,
        };
        let bytes = record
            .get(Self::SIZE as usize..)?
            .get(..usize::try_from(packet.length).ok()?)?;
        let start = bytes
            .len()
            .min(usize::try_from(packet.offset).unwrap_or(usize::MAX));
        Some((packet, &bytes[start..]))
    }
}
