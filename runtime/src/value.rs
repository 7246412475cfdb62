//! Values as they came from the programs, decoded by their types, and not yet in any output format.

use bt_abi::types::{StackMode, Type};

use crate::report::{address, clock, names};

/// A value that can be printed. Texts are bytes: what a traced program holds need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Int(Int),
    Bool(bool),
    Text(Vec<u8>),
    /// Bytes that need not be text.
    Buffer(Vec<u8>),
    /// A number that has a name or a spelling of its own: an enumerator, a pointer, a bucket's bound.
    Symbolic {
        text: String,
        number: u64,
    },
    Array(Vec<Value>),
    Tuple(Vec<Value>),
    Record(Vec<(String, Value)>),
}

/// An integer, extended to 64 bits as its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int {
    pub bits: u64,
    /// Bytes: 1, 2, 4 or 8.
    pub size: u32,
    pub signed: bool,
}

impl Int {
    pub fn signed(value: i64) -> Int {
        Int {
            bits: value as u64,
            size: 8,
            signed: true,
        }
    }

    pub fn unsigned(value: u64) -> Int {
        Int {
            bits: value,
            size: 8,
            signed: false,
        }
    }

    /// Mathematically.
    pub fn value(self) -> i128 {
        match self.signed {
            true => i128::from(self.bits as i64),
            false => i128::from(self.bits),
        }
    }

    /// As a signed integer of its own size.
    pub fn as_signed(self) -> i64 {
        let unused = 64 - 8 * self.size.clamp(1, 8);
        ((self.bits << unused) as i64) >> unused
    }

    /// As an unsigned integer of its own size.
    pub fn as_unsigned(self) -> u64 {
        let unused = 64 - 8 * self.size.clamp(1, 8);
        (self.bits << unused) >> unused
    }
}

/// A stack that a value refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackRef {
    /// Key into the map of stacks of this limit; 0 for none.
    pub key: u64,
    pub limit: u32,
    pub mode: StackMode,
    /// The process of a user stack.
    pub pid: Option<u32>,
}

/// What decoding needs from outside: stacks are in a map, and their symbols in files.
pub trait Stacks {
    /// A line for each frame, after an empty one.
    fn text(&mut self, stack: StackRef) -> Vec<u8>;
    /// The name of what an address lies in, the kernel's if there is no process.
    fn symbol(&mut self, address: u64, pid: Option<u32>) -> Vec<u8>;
}

/// Decodes; a value that is shorter than its type gives `None`.
pub struct Decoder<'a> {
    pub stacks: &'a mut dyn Stacks,
    /// Stands behind texts that fill their buffer.
    pub trailer: &'a str,
}

impl Decoder<'_> {
    pub fn decode(&mut self, ty: &Type, bytes: &[u8]) -> Option<Value> {
        let bytes = bytes.get(..ty.size() as usize)?;
        Some(match ty {
            Type::Int { size, signed } => Value::Int(int(bytes, *size, *signed)?),
            Type::Bool => Value::Bool(bytes[0] != 0),
            Type::String { .. } => Value::Text(self.text(bytes)),
            Type::Chars { .. } => {
                let text = bytes.split(|b| *b == 0).next();
                Value::Text(text.unwrap_or_default().to_vec())
            }
            Type::Pointer => pointer(int(bytes, 8, false)?.bits),
            Type::Enum {
                size,
                signed,
                variants,
                ..
            } => {
                let number = int(bytes, *size, *signed)?;
                let named = variants.iter().find(|v| v.value as u64 == number.bits);
                Value::Symbolic {
                    text: named.map_or_else(|| number.value().to_string(), |v| v.name.clone()),
                    number: number.bits,
                }
            }
            Type::Array { element, count } => {
                let size = element.size() as usize;
                let one = |i: u32| self.decode(element, bytes.get(i as usize * size..)?);
                Value::Array((0..*count).map(one).collect::<Option<_>>()?)
            }
            Type::Tuple { fields, .. } => {
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    values.push(self.decode(&field.ty, bytes.get(field.offset as usize..)?)?);
                }
                Value::Tuple(values)
            }
            Type::Struct { fields, .. } => {
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    let value = self.decode(&field.ty, bytes.get(field.offset as usize..)?)?;
                    values.push((field.name.clone(), value));
                }
                Value::Record(values)
            }
            Type::BitField {
                size,
                shift,
                bits,
                signed,
            } => {
                let unit = int(bytes, *size, false)?.bits;
                let up = 64u32.checked_sub(shift.checked_add(*bits)?)?;
                let (raw, down) = (unit << up, 64u32.checked_sub(*bits)?);
                let bits = match signed {
                    true => ((raw as i64) >> down) as u64,
                    false => raw >> down,
                };
                Value::Int(Int {
                    bits,
                    size: 8,
                    signed: *signed,
                })
            }
            Type::KernelStack { limit, mode } => Value::Text(self.stacks.text(StackRef {
                key: int(bytes, 8, false)?.bits,
                limit: *limit,
                mode: *mode,
                pid: None,
            })),
            Type::UserStack { limit, mode } => Value::Text(self.stacks.text(StackRef {
                key: int(bytes, 8, false)?.bits,
                limit: *limit,
                mode: *mode,
                pid: Some(int(bytes.get(8..)?, 4, false)?.bits as u32),
            })),
            Type::Count => Value::Int(int(bytes, 8, false)?),
            Type::Sum { signed } => Value::Int(int(bytes, 8, *signed)?),
            Type::Min(sign) | Type::Max(sign) => Value::Int(int(bytes, 8, sign.signed)?),
            Type::Avg(sign) => Value::Int(average(bytes, sign.signed)?),
            Type::Stats(sign) => {
                let part = |name: &str, int: Int| (name.to_string(), Value::Int(int));
                Value::Record(vec![
                    part("count", int(&bytes[8..], 8, false)?),
                    part("average", average(bytes, sign.signed)?),
                    part("total", int(bytes, 8, sign.signed)?),
                ])
            }
            Type::KernelSymbol => Value::Text(self.stacks.symbol(word(bytes)?, None)),
            Type::UserSymbol => {
                let pid = int(&bytes[8..], 4, false)?.bits as u32;
                Value::Text(self.stacks.symbol(word(bytes)?, Some(pid)))
            }
            Type::Buffer { capacity } => {
                let length = int(bytes, 4, false)?.bits.min(u64::from(*capacity)) as usize;
                Value::Buffer(bytes[4..4 + length].to_vec())
            }
            Type::Inet => Value::Text(address::inet(word(bytes)?, &bytes[8..])),
            Type::MacAddress => Value::Text(address::mac(&bytes[..6])),
            Type::Timestamp { format, clock } => {
                Value::Text(clock::timestamp(format, *clock, word(bytes)?))
            }
            Type::UserName => Value::Text(names::user(word(bytes)?)),
            Type::CgroupPath { filter } => Value::Text(names::cgroup(word(bytes)?, filter)),
            // these are never decoded as values
            Type::Hist { .. }
            | Type::LinearHist { .. }
            | Type::TimeSeries(_)
            | Type::KernelStruct { .. } => return None,
        })
    }

    fn text(&self, bytes: &[u8]) -> Vec<u8> {
        match bytes.iter().position(|b| *b == 0) {
            Some(end) => bytes[..end].to_vec(),
            // no room for the terminator: it was cut
            None => [bytes, self.trailer.as_bytes()].concat(),
        }
    }
}

fn word(bytes: &[u8]) -> Option<u64> {
    Some(int(bytes, 8, false)?.bits)
}

/// The quotient of total and count; 0 if nothing was counted.
pub fn average(bytes: &[u8], signed: bool) -> Option<Int> {
    let total = int(bytes, 8, signed)?;
    let count = word(bytes.get(8..)?)?.max(1);
    Some(divided(total, count))
}

/// Cut towards zero.
pub fn divided(int: Int, divisor: u64) -> Int {
    let bits = match int.signed {
        true => (int.bits as i64).wrapping_div(i64::try_from(divisor).unwrap_or(i64::MAX)) as u64,
        false => int.bits / divisor,
    };
    Int { bits, ..int }
}

pub fn pointer(address: u64) -> Value {
    Value::Symbolic {
        text: format!("{address:#x}"),
        number: address,
    }
}

/// The integer at the start of `bytes`, in the byte order of this machine.
pub fn int(bytes: &[u8], size: u32, signed: bool) -> Option<Int> {
    let bytes = bytes.get(..size as usize)?;
    let raw = match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_ne_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        _ => return None,
    };
    let int = Int {
        bits: raw,
        size,
        signed,
    };
    Some(Int {
        bits: match signed {
            true => int.as_signed() as u64,
            false => raw,
        },
        ..int
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use bt_abi::manifest::Config;
    use bt_abi::types::Variant;

    /// Stacks without a kernel.
    pub struct NoStacks;

    impl Stacks for NoStacks {
        fn text(&mut self, stack: StackRef) -> Vec<u8> {
            format!("\n        frame+{}\n", stack.key).into_bytes()
        }

        fn symbol(&mut self, address: u64, pid: Option<u32>) -> Vec<u8> {
            let space = if pid.is_some() { "user" } else { "kernel" };
            format!("{space}_{address:x}").into_bytes()
        }
    }

    pub fn decode(ty: &Type, bytes: &[u8]) -> Option<Value> {
        let trailer = Config::default().str_trunc_trailer;
        Decoder {
            stacks: &mut NoStacks,
            trailer: &trailer,
        }
        .decode(ty, bytes)
    }

    #[test]
    fn integers_keep_their_sign() {
        let ty = Type::Int {
            size: 2,
            signed: true,
        };
        let Some(Value::Int(n)) = decode(&ty, &[0xff, 0xff]) else {
            panic!()
        };
        assert_eq!(
            (n.value(), n.as_unsigned(), n.as_signed()),
            (-1, 0xffff, -1)
        );
    }

    #[test]
    fn short_values_are_not_read() {
        assert_eq!(decode(&Type::Pointer, &[1, 2, 3]), None);
        assert_eq!(decode(&Type::String { size: 4 }, b"abc"), None);
        let tuple = Type::tuple([Type::Bool, Type::Pointer]);
        assert_eq!(decode(&tuple, &[0; 15]), None);
    }

    #[test]
    fn texts_that_fill_their_buffer_were_cut() {
        let ty = Type::String { size: 4 };
        assert_eq!(decode(&ty, b"ab\0x"), Some(Value::Text(b"ab".into())));
        assert_eq!(decode(&ty, b"abcd"), Some(Value::Text(b"abcd..".into())));
    }

    #[test]
    fn enumerators_by_name() {
        let ty = Type::Enum {
            name: "e".into(),
            size: 4,
            signed: true,
            kernel: false,
            variants: vec![Variant {
                name: "MINUS".into(),
                value: -1,
            }],
        };
        let text = |bytes: [u8; 4]| match decode(&ty, &bytes) {
            Some(Value::Symbolic { text, .. }) => text,
            other => format!("{other:?}"),
        };
        assert_eq!(text([0xff; 4]), "MINUS");
        assert_eq!(text([7, 0, 0, 0]), "7");
    }

    /// What `print` shows of a value of this type in these words.
    fn shown(ty: &Type, words: &[u64]) -> String {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        let mut text = Vec::new();
        let value = decode(ty, &bytes).expect("long enough");
        crate::report::text::render(&mut text, &value);
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn values_with_a_form_of_their_own() {
        use bt_abi::types::Signed;
        let v4 = u64::from(u32::from_ne_bytes([10, 0, 0, 1]));
        assert_eq!(shown(&Type::Inet, &[2, v4, 0]), "10.0.0.1");
        assert_eq!(shown(&Type::KernelSymbol, &[0xabc]), "kernel_abc");
        assert_eq!(shown(&Type::UserSymbol, &[0xabc, 7]), "user_abc");
        let signed = Signed { signed: true };
        let total = -10i64 as u64;
        assert_eq!(shown(&Type::Avg(signed), &[total, 3]), "-3");
        let stats = "{ .count = 3, .average = -3, .total = -10 }";
        assert_eq!(shown(&Type::Stats(signed), &[total, 3]), stats);
        assert_eq!(shown(&Type::Avg(signed), &[0, 0]), "0");
        assert_eq!(shown(&Type::Max(signed), &[total, 1]), "-10");
        // a length beyond the capacity is not believed
        let buffer = Type::Buffer { capacity: 4 };
        assert_eq!(shown(&buffer, &[0x6463_6261_0000_ffff]), "abcd");
        assert_eq!(decode(&Type::Inet, &[0; 23]), None);
    }
}
