//! Writes BTF: types get their ids in the order in which they are added, from 1.

use super::reader::kind;

#[derive(Default)]
pub struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// The offset of the first string; not 0 in split BTF.
    first_string: u32,
    count: u32,
    /// (size, signed) -> id
    ints: Vec<(u32, bool, u32)>,
    pointer: Option<u32>,
}

pub struct NewMember<'a> {
    pub name: &'a str,
    pub ty: u32,
    pub bit_offset: u32,
    pub bit_size: u32,
}

impl Writer {
    pub fn new() -> Writer {
        Writer {
            strings: vec![0],
            ..Writer::default()
        }
    }

    /// BTF that goes on where another ends: behind this many types and bytes of strings.
    #[cfg(test)]
    pub fn split(types: u32, strings: u32) -> Writer {
        Writer {
            count: types,
            first_string: strings,
            ..Writer::new()
        }
    }

    /// Each text is there once, as in the kernel's BTF.
    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let whole = [text.as_bytes(), &[0]].concat();
        let mut starts = self.strings.windows(whole.len()).enumerate();
        let known = starts.find(|(at, w)| *w == whole && *at > 0 && self.strings[*at - 1] == 0);
        if let Some((at, _)) = known {
            return self.first_string + at as u32;
        }
        let at = self.first_string + self.strings.len() as u32;
        self.strings.extend_from_slice(&whole);
        at
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
    }

    fn header(&mut self, name: &str, kind: u8, kflag: bool, vlen: usize, size_or_type: u32) -> u32 {
        let name = self.string(name);
        let info = u32::from(kind) << 24 | u32::from(kflag) << 31 | vlen as u32 & 0xffff;
        self.words(&[name, info, size_or_type]);
        self.count += 1;
        self.count
    }

    /// An integer; those of the same shape are one type.
    pub fn int(&mut self, size: u32, signed: bool) -> u32 {
        let known = self
            .ints
            .iter()
            .find(|(s, g, _)| (*s, *g) == (size, signed));
        if let Some((_, _, id)) = known {
            return *id;
        }
        let name = format!("{}{}", if signed { 's' } else { 'u' }, 8 * size);
        let id = self.header(&name, kind::INT, false, 0, size);
        self.words(&[(u32::from(signed) << 24) | (8 * size)]);
        self.ints.push((size, signed, id));
        id
    }

    /// `void *`
    pub fn pointer(&mut self) -> u32 {
        if let Some(id) = self.pointer {
            return id;
        }
        let id = self.header("", kind::PTR, false, 0, 0);
        self.pointer = Some(id);
        id
    }

    pub fn array(&mut self, element: u32, count: u32) -> u32 {
        let index = self.int(4, false);
        let id = self.header("", kind::ARRAY, false, 0, 0);
        self.words(&[element, index, count]);
        id
    }

    /// A struct or, by its kind, a union.
    pub fn composite(&mut self, kind: u8, name: &str, size: u32, members: &[NewMember]) -> u32 {
        let bit_fields = members.iter().any(|m| m.bit_size > 0);
        let id = self.header(name, kind, bit_fields, members.len(), size);
        for member in members {
            let name = self.string(member.name);
            self.words(&[name, member.ty, member.bit_offset | member.bit_size << 24]);
        }
        id
    }

    /// An enum of 32 or 64 bits, as its kind says.
    pub fn enumeration(
        &mut self,
        kind: u8,
        name: &str,
        size: u32,
        signed: bool,
        values: &[(String, u64)],
    ) -> u32 {
        let id = self.header(name, kind, signed, values.len(), size);
        for (name, value) in values {
            let name = self.string(name);
            self.words(&[name, *value as u32]);
            if kind == self::kind::ENUM64 {
                self.words(&[(*value >> 32) as u32]);
            }
        }
        id
    }

    /// A type that is a header and nothing else: typedef, forward declaration, float, function prototype without parameters.
    pub fn simple(&mut self, kind: u8, name: &str, kflag: bool, size_or_type: u32) -> u32 {
        self.header(name, kind, kflag, 0, size_or_type)
    }

    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24 + self.types.len() + self.strings.len());
        out.extend_from_slice(&0xeb9f_u16.to_ne_bytes());
        out.extend_from_slice(&[1, 0]);
        let types = self.types.len() as u32;
        for word in [24, 0, types, types, self.strings.len() as u32] {
            out.extend_from_slice(&u32::to_ne_bytes(word));
        }
        out.extend_from_slice(&self.types);
        out.extend_from_slice(&self.strings);
        out
    }
}
