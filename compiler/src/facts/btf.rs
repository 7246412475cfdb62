//! Types from a BTF blob, by btf-rs.

use btf_rs::{Backend, Btf, BtfType, Type};

use super::{Enumerator, RawField, RawRecord, RawType};

/// A kernel's BTF, from `/sys/kernel/btf/vmlinux` or a file of the same format.
pub struct BtfTypes {
    btf: Btf,
}

/// Deeper chains of modifiers and arrays than this are not C.
const MAX_DEPTH: u32 = 64;

impl BtfTypes {
    /// Maps the file where that is possible (2 ms), else reads it (140 ms; kernels before 6.16 cannot map their own BTF).
    pub fn open(path: &std::path::Path) -> Result<BtfTypes, btf_rs::Error> {
        let btf = match Btf::from_file_with_backend(path, Backend::Mmap) {
            Ok(btf) => btf,
            Err(_) => Btf::from_file(path)?,
        };
        Ok(BtfTypes { btf })
    }

    pub fn record_id(&self, name: &str, is_union: bool) -> Option<u32> {
        let ids = self.btf.resolve_ids_by_name(name).ok()?;
        ids.into_iter()
            .find(|id| match self.btf.resolve_type_by_id(*id) {
                Ok(Type::Struct(_)) => !is_union,
                Ok(Type::Union(_)) => is_union,
                _ => false,
            })
    }

    pub fn record_by_id(&self, id: u32) -> Option<RawRecord> {
        let (Type::Struct(record) | Type::Union(record)) = self.btf.resolve_type_by_id(id).ok()?
        else {
            return None;
        };
        let fields = record
            .members
            .iter()
            .map(|m| RawField {
                name: self.btf.resolve_name(m).unwrap_or_default(),
                ty: m
                    .get_type_id()
                    .map_or(RawType::Void, |id| self.resolve(id, 0)),
                bit_offset: m.bit_offset(),
                bits: m.bitfield_size().filter(|bits| *bits > 0),
            })
            .collect();
        Some(RawRecord {
            size: record.size() as u32,
            fields,
        })
    }

    pub fn typedef(&self, name: &str) -> Option<RawType> {
        let ids = self.btf.resolve_ids_by_name(name).ok()?;
        let id = ids
            .into_iter()
            .find(|id| matches!(self.btf.resolve_type_by_id(*id), Ok(Type::Typedef(_))))?;
        Some(self.resolve(id, 0))
    }

    /// The constant of an enumeration; of several with that name the first.
    pub fn enumerator(&self, name: &str) -> Option<Enumerator> {
        let is_named =
            |member: &dyn BtfType| self.btf.resolve_name(member).is_ok_and(|n| n == name);
        let mut types = (1..).map_while(|id| self.btf.resolve_type_by_id(id).ok());
        types.find_map(|ty| match &ty {
            Type::Enum(e) => {
                let member = e.members.iter().find(|m| is_named(*m))?;
                let value = match e.is_signed() {
                    true => i128::from(member.val() as i32),
                    false => i128::from(member.val()),
                };
                Some(self.enumerator_of(e, value, e.size(), e.is_signed()))
            }
            Type::Enum64(e) => {
                let member = e.members.iter().find(|m| is_named(*m))?;
                let value = match e.is_signed() {
                    true => i128::from(member.val() as i64),
                    false => i128::from(member.val()),
                };
                Some(self.enumerator_of(e, value, e.size(), e.is_signed()))
            }
            _ => None,
        })
    }

    fn enumerator_of(
        &self,
        of: &dyn BtfType,
        value: i128,
        size: usize,
        signed: bool,
    ) -> Enumerator {
        Enumerator {
            of: self.btf.resolve_name(of).unwrap_or_default(),
            value,
            bytes: size as u32,
            signed,
        }
    }

    fn resolve(&self, id: u32, depth: u32) -> RawType {
        let Ok(ty) = self.btf.resolve_type_by_id(id) else {
            return RawType::Void;
        };
        if depth > MAX_DEPTH {
            return RawType::Void;
        }
        let next = |t: &dyn BtfType| {
            t.get_type_id()
                .map_or(RawType::Void, |id| self.resolve(id, depth + 1))
        };
        let name = |t: &dyn BtfType| self.btf.resolve_name(t).unwrap_or_default();
        match &ty {
            Type::Int(i) if i.is_bool() => RawType::Bool,
            Type::Int(i) => {
                let is_char = i.size() == 1 && (i.is_char() || name(i) == "char");
                RawType::Int {
                    bytes: i.size() as u32,
                    signed: i.is_signed(),
                    is_char,
                }
            }
            Type::Enum(e) => RawType::Enum {
                name: name(e),
                bytes: e.size() as u32,
                signed: e.is_signed(),
            },
            Type::Enum64(e) => RawType::Enum {
                name: name(e),
                bytes: e.size() as u32,
                signed: e.is_signed(),
            },
            Type::Ptr(p) => RawType::Pointer(Box::new(match p.get_type_id() {
                Some(target) => self.pointee(target, depth + 1),
                None => RawType::Void,
            })),
            Type::Array(a) => RawType::Array(Box::new(next(a)), a.len() as u32),
            Type::Struct(s) => RawType::Record {
                name: name(s),
                is_union: false,
                btf_id: id,
            },
            Type::Union(u) => RawType::Record {
                name: name(u),
                is_union: true,
                btf_id: id,
            },
            Type::Fwd(f) => RawType::Forward {
                name: name(f),
                is_union: f.is_union(),
            },
            Type::Typedef(t) => next(t),
            Type::Volatile(t) | Type::Const(t) | Type::Restrict(t) => next(t),
            Type::TypeTag(t) => next(t),
            _ => RawType::Void,
        }
    }

    /// What a pointer points to: functions count as void.
    fn pointee(&self, id: u32, depth: u32) -> RawType {
        match self.btf.resolve_type_by_id(id) {
            Ok(Type::FuncProto(_)) | Ok(Type::Void) | Err(_) => RawType::Void,
            Ok(_) => self.resolve(id, depth),
        }
    }
}
