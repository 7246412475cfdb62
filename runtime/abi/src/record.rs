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
