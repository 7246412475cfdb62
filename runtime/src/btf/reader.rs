//! Reads BTF: the object's own (small, in memory) and the kernel's (5 MB), which is mapped where the kernel allows it and read
//! in pieces where not, so that it never costs resident memory. The kernel's modules have split BTF: types and strings that
//! go on where those of the kernel end. Modules do so independently; here each gets ids and offsets of its own.
//!
//! Format: Documentation/bpf/btf.rst of the kernel.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

pub mod kind {
    pub const INT: u8 = 1;
    pub const PTR: u8 = 2;
    pub const ARRAY: u8 = 3;
    pub const STRUCT: u8 = 4;
    pub const UNION: u8 = 5;
    pub const ENUM: u8 = 6;
    pub const FWD: u8 = 7;
    pub const TYPEDEF: u8 = 8;
    pub const VOLATILE: u8 = 9;
    pub const CONST: u8 = 10;
    pub const RESTRICT: u8 = 11;
    pub const FUNC: u8 = 12;
    pub const FUNC_PROTO: u8 = 13;
    pub const VAR: u8 = 14;
    pub const DATASEC: u8 = 15;
    pub const FLOAT: u8 = 16;
    pub const DECL_TAG: u8 = 17;
    pub const TYPE_TAG: u8 = 18;
    pub const ENUM64: u8 = 19;
}

/// The part that all types share.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Offset of the name in the strings; 0 for none.
    pub name: u32,
    pub kind: u8,
    pub vlen: u32,
    pub kflag: bool,
    pub size_or_type: u32,
    part: usize,
    /// Where the rest of the type begins in the part.
    body: usize,
}

impl Header {
    pub fn is_composite(&self) -> bool {
        matches!(self.kind, kind::STRUCT | kind::UNION)
    }
}

/// Bytes of a type after the header.
pub fn body_len(kind: u8, vlen: u32) -> usize {
    let each = match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => return 4,
        kind::ARRAY => return 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12,
        kind::ENUM | kind::FUNC_PROTO => 8,
        _ => 0,
    };
    each * vlen as usize
}

#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub name: u32,
    pub ty: u32,
    pub bit_offset: u32,
    /// 0 where it is no bit-field.
    pub bit_size: u32,
}

#[derive(Debug, Clone, Copy)]
pub struct Array {
    pub element: u32,
    pub count: u32,
}

/// A type whose place is known from a scan; every 64th is remembered.
const STRIDE: u32 = 64;

pub struct Btf {
    /// The kernel's (or the object's), then those of modules.
    parts: Vec<Part>,
}

/// One blob.
struct Part {
    bytes: Bytes,
    types: Range<usize>,
    strings: Range<usize>,
    places: Vec<u32>,
    /// The id of its first type.
    first: u32,
    /// Behind the id of its last type.
    end: u32,
    /// The offset of its first string.
    first_string: u32,
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "damaged BTF")
}

impl Btf {
    pub fn in_memory(bytes: Vec<u8>) -> io::Result<Btf> {
        let length = bytes.len();
        let mut btf = Btf::new(Bytes::Memory(bytes), length)?;
        btf.scan(|_, _| {})?;
        Ok(btf)
    }

    /// The kernel's. Strings can be read at once, types after a [`Btf::scan`].
    pub fn of_file(file: File) -> io::Result<Btf> {
        let length = file.metadata()?.len() as usize;
        match Mapping::new(&file, length) {
            Ok(mapping) => Btf::new(Bytes::Mapped(mapping), length),
            Err(_) => Btf::in_pieces(file, length),
        }
    }

    /// A file that cannot be mapped.
    pub fn in_pieces(file: File, length: usize) -> io::Result<Btf> {
        let bytes = Bytes::Pieces {
            file,
            window: Vec::new(),
            start: 0,
        };
        Btf::new(bytes, length)
    }

    fn new(bytes: Bytes, length: usize) -> io::Result<Btf> {
        let part = Part::new(bytes, length)?;
        Ok(Btf { parts: vec![part] })
    }

    /// Adds the BTF of a module, made against the kernel's, which was scanned before. Scan it before its types are read.
    pub fn add(&mut self, module: Btf) {
        let last = self.parts.last();
        let (first, string) =
            last.map_or((1, 0), |p| (p.end, p.first_string + p.strings.len() as u32));
        for part in module.parts {
            self.parts.push(Part {
                first,
                end: first,
                first_string: string,
                ..part
            });
        }
    }

    /// Takes the newest part away.
    pub fn remove(&mut self) {
        self.parts.pop();
    }

    /// Shows `visit` each type of the newest part once, in the order of ids, and remembers where they are.
    pub fn scan(&mut self, mut visit: impl FnMut(u32, &Header)) -> io::Result<()> {
        let index = self.parts.len() - 1;
        let (mut at, end) = (self.parts[index].types.start, self.parts[index].types.end);
        let mut id = self.parts[index].first;
        while at < end {
            let part = &mut self.parts[index];
            if (id - part.first).is_multiple_of(STRIDE) {
                part.places.push(at as u32);
            }
            let header = self.header_at(index, at)?;
            visit(id, &header);
            at = header.body + body_len(header.kind, header.vlen);
            id += 1;
        }
        self.parts[index].end = id;
        Ok(())
    }

    fn header_at(&mut self, part: usize, at: usize) -> io::Result<Header> {
        let bytes = self.parts[part].bytes.get(at, 12)?;
        let info = read_u32(bytes, 4)?;
        let (name, size_or_type) = (read_u32(bytes, 0)?, read_u32(bytes, 8)?);
        let kind = (info >> 24 & 0x1f) as u8;
        Ok(Header {
            name: self.name_of(part, name),
            kind,
            vlen: info & 0xffff,
            kflag: info >> 31 == 1,
            size_or_type: match kind {
                kind::INT | kind::ARRAY | kind::FLOAT | kind::DATASEC | kind::FWD => size_or_type,
                kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 => size_or_type,
                _ => self.id_of(part, size_or_type),
            },
            part,
            body: at + 12,
        })
    }

    /// The rest of a type.
    fn body(&mut self, of: &Header) -> io::Result<&[u8]> {
        self.parts[of.part]
            .bytes
            .get(of.body, body_len(of.kind, of.vlen))
    }

    /// Here, the id that a part writes so.
    fn id_of(&self, part: usize, id: u32) -> u32 {
        match id.checked_sub(self.parts[0].end) {
            Some(own) if part > 0 => self.parts[part].first.saturating_add(own),
            _ => id,
        }
    }

    /// Here, the offset in the strings that a part writes so.
    fn name_of(&self, part: usize, name: u32) -> u32 {
        match name.checked_sub(self.parts[0].strings.len() as u32) {
            Some(own) if part > 0 => self.parts[part].first_string.saturating_add(own),
            _ => name,
        }
    }

    /// `None` for void (id 0).
    pub fn get(&mut self, id: u32) -> io::Result<Option<Header>> {
        if id == 0 {
            return Ok(None);
        }
        let inside = |p: &Part| (p.first..p.end).contains(&id);
        let index = self.parts.iter().position(inside).ok_or_else(damaged)?;
        let part = &self.parts[index];
        let place = (id - part.first) / STRIDE;
        let mut current = part.first + place * STRIDE;
        let mut at = *part.places.get(place as usize).ok_or_else(damaged)? as usize;
        loop {
            let header = self.header_at(index, at)?;
            if current == id {
                return Ok(Some(header));
            }
            at = header.body + body_len(header.kind, header.vlen);
            current += 1;
        }
    }

    /// Follows typedefs and qualifiers. `None` for void.
    pub fn resolve(&mut self, mut id: u32) -> io::Result<Option<(u32, Header)>> {
        for _ in 0..32 {
            let Some(header) = self.get(id)? else {
                return Ok(None);
            };
            match header.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = header.size_or_type
                }
                _ => return Ok(Some((id, header))),
            }
        }
        Err(damaged())
    }

    pub fn members(&mut self, of: &Header) -> io::Result<Vec<Member>> {
        let body = self.body(of)?.to_vec();
        body.chunks_exact(12)
            .map(|m| {
                let offset = read_u32(m, 8)?;
                let (bit_offset, bit_size) = match of.kflag {
                    true => (offset & 0xff_ffff, offset >> 24),
                    false => (offset, 0),
                };
                Ok(Member {
                    name: self.name_of(of.part, read_u32(m, 0)?),
                    ty: self.id_of(of.part, read_u32(m, 4)?),
                    bit_offset,
                    bit_size,
                })
            })
            .collect()
    }

    /// Name and type of each parameter of a prototype.
    pub fn params(&mut self, of: &Header) -> io::Result<Vec<(u32, u32)>> {
        let body = self.body(of)?.to_vec();
        body.chunks_exact(8)
            .map(|p| {
                let name = self.name_of(of.part, read_u32(p, 0)?);
                Ok((name, self.id_of(of.part, read_u32(p, 4)?)))
            })
            .collect()
    }

    pub fn array(&mut self, of: &Header) -> io::Result<Array> {
        let body = self.body(of)?;
        let (element, count) = (read_u32(body, 0)?, read_u32(body, 8)?);
        Ok(Array {
            element: self.id_of(of.part, element),
            count,
        })
    }

    /// The encoding bits (1: signed, 2: char, 4: bool) of an integer.
    pub fn int_encoding(&mut self, of: &Header) -> io::Result<u32> {
        Ok(read_u32(self.body(of)?, 0)? >> 24 & 0xf)
    }

    /// Name and value of each enumerator; 32-bit values are sign-extended where the enum is signed.
    pub fn enumerators(&mut self, of: &Header) -> io::Result<Vec<(u32, u64)>> {
        let wide = of.kind == kind::ENUM64;
        let body = self.body(of)?.to_vec();
        body.chunks_exact(if wide { 12 } else { 8 })
            .map(|e| {
                let low = read_u32(e, 4)?;
                let value = match (wide, of.kflag) {
                    (true, _) => u64::from(low) | u64::from(read_u32(e, 8)?) << 32,
                    (false, true) => low as i32 as i64 as u64,
                    (false, false) => u64::from(low),
                };
                Ok((self.name_of(of.part, read_u32(e, 0)?), value))
            })
            .collect()
    }

    pub fn string(&mut self, offset: u32) -> io::Result<String> {
        let mut parts = self.parts.iter_mut().rev();
        let part = parts.find(|p| p.first_string <= offset);
        let part = part.ok_or_else(damaged)?;
        let mut at = part.strings.start + (offset - part.first_string) as usize;
        let mut text = Vec::new();
        while at < part.strings.end {
            let piece = part.bytes.largest(at, part.strings.end)?;
            match piece.iter().position(|b| *b == 0) {
                Some(end) => {
                    text.extend_from_slice(&piece[..end]);
                    return String::from_utf8(text).map_err(|_| damaged());
                }
                None => {
                    at += piece.len();
                    text.extend_from_slice(piece);
                }
            }
        }
        Err(damaged())
    }

    /// The strings of the newest part that are wanted, and where they are.
    pub fn strings_where(
        &mut self,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Vec<(u32, String)>> {
        let mut found = Vec::new();
        self.each_string(&mut |at, text| {
            if wanted(text) {
                found.push((at, String::from_utf8_lossy(text).into_owned()));
            }
        })?;
        Ok(found)
    }

    /// Where these names are in the strings of the newest part, in the same order; 0 for those that are not there.
    pub fn find_strings(&mut self, names: &[String]) -> io::Result<Vec<u32>> {
        let mut found = vec![0; names.len()];
        // most strings are ruled out by their length alone
        let mut by_length: Vec<Vec<usize>> = vec![Vec::new(); 128];
        for (i, name) in names.iter().enumerate() {
            by_length[name.len().min(127)].push(i);
        }
        self.each_string(&mut |at, text| {
            for &i in &by_length[text.len().min(127)] {
                if names[i].as_bytes() == text {
                    found[i] = at;
                }
            }
        })?;
        Ok(found)
    }

    /// Shows each string of the newest part and its offset.
    fn each_string(&mut self, visit: &mut dyn FnMut(u32, &[u8])) -> io::Result<()> {
        let Some(part) = self.parts.last_mut() else {
            return Ok(());
        };
        let mut at = part.strings.start;
        while at < part.strings.end {
            let base = part.first_string + (at - part.strings.start) as u32;
            let piece = part.bytes.largest(at, part.strings.end)?;
            let mut used = 0;
            while let Some(length) = piece[used..].iter().position(|b| *b == 0) {
                visit(base + used as u32, &piece[used..used + length]);
                used += length + 1;
            }
            if used == 0 {
                return Err(damaged());
            }
            at += used;
        }
        Ok(())
    }
}

impl Part {
    fn new(mut bytes: Bytes, length: usize) -> io::Result<Part> {
        let header = bytes.get(0, 24)?;
        if header[..2] != [0x9f, 0xeb] {
            return Err(damaged());
        }
        let field = |i: usize| read_u32(header, 4 + 4 * i).map(|v| v as usize);
        let header_len = field(0)?;
        let types_start = header_len + field(1)?;
        let strings_start = header_len + field(3)?;
        let types = types_start..types_start + field(2)?;
        let strings = strings_start..strings_start + field(4)?;
        if types.end > length || strings.end > length {
            return Err(damaged());
        }
        Ok(Part {
            bytes,
            types,
            strings,
            places: Vec::new(),
            first: 1,
            end: 1,
            first_string: 0,
        })
    }
}

pub fn read_u32(bytes: &[u8], at: usize) -> io::Result<u32> {
    match bytes.get(at..at + 4) {
        Some(b) => Ok(u32::from_ne_bytes([b[0], b[1], b[2], b[3]])),
        None => Err(damaged()),
    }
}

/// Where the bytes are.
enum Bytes {
    Memory(Vec<u8>),
    Mapped(Mapping),
    /// A window that moves over the file.
    Pieces {
        file: File,
        window: Vec<u8>,
        start: usize,
    },
}

/// sysfs gives a page with each read; more than a few at once is of no use.
const WINDOW: usize = 16 << 10;

impl Bytes {
    fn get(&mut self, at: usize, length: usize) -> io::Result<&[u8]> {
        if let Bytes::Pieces {
            file,
            window,
            start,
        } = self
            && !(at >= *start && at + length <= *start + window.len())
        {
            fill(file, window, at, length.max(WINDOW))?;
            *start = at;
        }
        let (all, start): (&[u8], usize) = match self {
            Bytes::Memory(bytes) => (bytes, 0),
            Bytes::Mapped(mapping) => (mapping.bytes(), 0),
            Bytes::Pieces { window, start, .. } => (window, *start),
        };
        at.checked_sub(start)
            .and_then(|at| all.get(at..at.checked_add(length)?))
            .ok_or_else(damaged)
    }

    /// As many bytes from `at` on, and before `end`, as come without more work; at least a page if there are so many.
    fn largest(&mut self, at: usize, end: usize) -> io::Result<&[u8]> {
        let length = match self {
            Bytes::Pieces { .. } => (end - at).min(WINDOW),
            _ => end - at,
        };
        self.get(at, length)
    }
}

fn fill(file: &File, window: &mut Vec<u8>, at: usize, length: usize) -> io::Result<()> {
    window.resize(length, 0);
    let mut have = 0;
    while have < length {
        match file.read_at(&mut window[have..], (at + have) as u64) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    window.truncate(have);
    Ok(())
}

/// A read-only mapping of a whole file.
struct Mapping {
    address: *const u8,
    length: usize,
}

impl Mapping {
    fn new(file: &File, length: usize) -> io::Result<Mapping> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping {
            address: address.cast_const().cast(),
            length,
        })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for reading until drop, of this length; the kernel never changes its BTF.
        unsafe { std::slice::from_raw_parts(self.address, self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping; no slice of it outlives self.
        unsafe { libc::munmap(self.address.cast_mut().cast(), self.length) };
    }
}
