//! Types from a BTF blob, by btf-rs.

use std::path::Path;

use btf_rs::{Backend, Btf, BtfType, Error, Type};

use bt_abi::attach::{is_pattern, matches};
use bt_abi::types::Variant;

use super::{Enumeration, Enumerator, RawField, RawFunction, RawRecord, RawType};

/// A kernel's BTF, from `/sys/kernel/btf/vmlinux` or a file of the same format, or that of a module of it.
pub struct BtfTypes {
    btf: Btf,
    /// 0 for the kernel's own. The ids of modules all go on where those of the kernel end; with this number before them they
    /// differ.
    module: u32,
    /// The first id that is not the kernel's.
    first: u32,
}

/// No BTF has more types than fit in these bits (BTF_MAX_TYPE of linux/btf.h).
const ID_BITS: u32 = 20;

/// Deeper chains of modifiers and arrays than this are not C.
const MAX_DEPTH: u32 = 64;

impl BtfTypes {
    /// Maps the file where that is possible (2 ms), else reads it (140 ms; kernels before 6.16 cannot map their own BTF).
    pub fn open(path: &Path) -> Result<BtfTypes, Error> {
        let btf = match Btf::from_file_with_backend(path, Backend::Mmap) {
            Ok(btf) => btf,
            Err(_) => Btf::from_file(path)?,
        };
        Ok(BtfTypes::of_kernel(btf))
    }

    /// The split BTF of a module. `number`, from 1 on, is its own among those of a kernel.
    pub fn open_module(path: &Path, base: &BtfTypes, number: u32) -> Result<BtfTypes, Error> {
        if number >> (u32::BITS - ID_BITS) > 0 {
            return Err(Error::OpNotSupp("too many modules".to_string()));
        }
        let btf = Btf::from_split_file(path, &base.btf)?;
        Ok(BtfTypes {
            first: btf.split().map_or(1, |own| own.type_id_range().0),
            btf,
            module: number,
        })
    }

    fn of_kernel(btf: Btf) -> BtfTypes {
        BtfTypes {
            btf,
            module: 0,
            first: 1,
        }
    }

    /// An id with the number of its module.
    fn numbered(&self, id: u32) -> u32 {
        match id >= self.first {
            true => id | self.module << ID_BITS,
            false => id,
        }
    }

    /// The section `.BTF` of an object.
    pub fn from_bytes(bytes: &[u8]) -> Option<BtfTypes> {
        let btf = Btf::from_bytes(bytes).ok()?;
        Some(BtfTypes::of_kernel(btf))
    }

    /// Without those of the kernel, if it is a module.
    fn all(&self) -> impl Iterator<Item = Type> {
        (self.first..).map_while(|id| self.btf.resolve_type_by_id(id).ok())
    }

    /// The functions that others may call. Types of their own are known by name only.
    pub fn functions(&self) -> Vec<RawFunction> {
        let one = |ty| {
            let Type::Func(function) = ty else {
                return None;
            };
            let proto = match self.btf.resolve_chained_type(&function).ok()? {
                Type::FuncProto(proto) if function.is_global() => proto,
                _ => return None,
            };
            let param = |p: &btf_rs::Parameter| {
                let ty = p.get_type_id().map(|id| self.resolve(id, 0));
                let name = self.btf.resolve_name(p).unwrap_or_default();
                (name, outside(ty.unwrap_or(RawType::Void)))
            };
            let result = match proto.return_type_id() {
                0 => None,
                id => Some(outside(self.resolve(id, 0))),
            };
            Some(RawFunction {
                name: self.btf.resolve_name(&function).ok()?,
                params: proto.parameters.iter().map(param).collect(),
                result,
            })
        };
        self.all().filter_map(one).collect()
    }

    /// What the named sections of variables hold.
    pub fn in_sections(&self, sections: &[&str]) -> Vec<String> {
        let members = self.all().filter_map(|ty| match ty {
            Type::Datasec(section) => {
                let name = self.btf.resolve_name(&section).ok()?;
                sections
                    .contains(&name.as_str())
                    .then_some(section.variables)
            }
            _ => None,
        });
        let name = |var: btf_rs::VarSecinfo| {
            let ty = self.btf.resolve_chained_type(&var).ok()?;
            self.btf.resolve_name(ty.as_btf_type()?).ok()
        };
        members.flatten().filter_map(name).collect()
    }

    pub fn record_id(&self, name: &str, is_union: bool) -> Option<u32> {
        let ids = self.btf.resolve_ids_by_name(name).ok()?;
        let id = ids
            .into_iter()
            .find(|id| match self.btf.resolve_type_by_id(*id) {
                Ok(Type::Struct(_)) => !is_union,
                Ok(Type::Union(_)) => is_union,
                _ => false,
            })?;
        Some(self.numbered(id))
    }

    /// `None` for an id of another module, too.
    pub fn record_by_id(&self, id: u32) -> Option<RawRecord> {
        let (module, id) = (id >> ID_BITS, id & ((1 << ID_BITS) - 1));
        if module != self.module {
            return None;
        }
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

    /// Those of that name, or with a wildcard all that match.
    pub fn prototypes(&self, name: &str) -> Vec<RawFunction> {
        if is_pattern(name) {
            let named = |ty: Type| match ty {
                Type::Func(function) => {
                    let own = self.btf.resolve_name(&function).ok()?;
                    matches(name, &own).then_some((own, function))
                }
                _ => None,
            };
            let all = self.all().filter_map(named);
            return all
                .filter_map(|(name, f)| self.prototype(name, f.get_type_id()?))
                .collect();
        }
        let ids = self.btf.resolve_ids_by_name(name).unwrap_or_default();
        let proto = ids
            .into_iter()
            .find_map(|id| match self.btf.resolve_type_by_id(id) {
                Ok(Type::Func(function)) if id >= self.first => function.get_type_id(),
                _ => None,
            });
        let found = proto.and_then(|proto| self.prototype(name.to_string(), proto));
        found.into_iter().collect()
    }

    /// A function that the kernel has for programs: marked as such, in BTF that has the marks (since Linux 6.10), else one that is named
    /// like them.
    pub fn kfunc(&self, name: &str) -> Option<RawFunction> {
        let marks = self
            .btf
            .resolve_ids_by_name("bpf_kfunc")
            .unwrap_or_default();
        let functions = self.btf.resolve_ids_by_name(name).unwrap_or_default();
        let is_of = |mark: &u32| match self.btf.resolve_type_by_id(*mark) {
            Ok(Type::DeclTag(tag)) => tag.get_type_id().is_some_and(|id| functions.contains(&id)),
            _ => false,
        };
        let is_kfunc = match marks.is_empty() {
            true => name.contains("bpf_"),
            false => marks.iter().any(is_of),
        };
        is_kfunc.then(|| self.prototypes(name).pop())?
    }

    fn prototype(&self, name: String, id: u32) -> Option<RawFunction> {
        let Type::FuncProto(proto) = self.btf.resolve_type_by_id(id).ok()? else {
            return None;
        };
        let params = proto.parameters.iter().filter(|p| !p.is_variadic());
        let params = params.map(|p| {
            let ty = p
                .get_type_id()
                .map_or(RawType::Void, |id| self.resolve(id, 0));
            (self.btf.resolve_name(p).unwrap_or_default(), ty)
        });
        Some(RawFunction {
            name,
            params: params.collect(),
            result: match proto.return_type_id() {
                0 => None,
                id => Some(self.resolve(id, 0)),
            },
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
        self.all().find_map(|ty| {
            let value = self.constants(&ty, Some(name)).first()?.value;
            let (of, bytes, signed) = match &ty {
                Type::Enum(e) => (self.btf.resolve_name(e), e.size(), e.is_signed()),
                Type::Enum64(e) => (self.btf.resolve_name(e), e.size(), e.is_signed()),
                _ => return None,
            };
            Some(Enumerator {
                of: of.unwrap_or_default(),
                value: match signed {
                    true => i128::from(value),
                    false => i128::from(value as u64),
                },
                bytes: bytes as u32,
                signed,
            })
        })
    }

    pub fn enumeration(&self, name: &str) -> Option<Enumeration> {
        let ids = self.btf.resolve_ids_by_name(name).ok()?;
        ids.into_iter().find_map(|id| {
            let ty = self.btf.resolve_type_by_id(id).ok()?;
            let (bytes, signed) = match &ty {
                Type::Enum(e) => (e.size(), e.is_signed()),
                Type::Enum64(e) => (e.size(), e.is_signed()),
                _ => return None,
            };
            Some(Enumeration {
                bytes: bytes as u32,
                signed,
                variants: self.constants(&ty, None),
            })
        })
    }

    /// The constants of a type, if it is an enumeration; only those of a name, if one is asked for.
    fn constants(&self, ty: &Type, only: Option<&str>) -> Vec<Variant> {
        let constant = |member: &dyn BtfType, value: i64| {
            let name = self.btf.resolve_name(member).ok()?;
            only.is_none_or(|only| only == name)
                .then_some(Variant { name, value })
        };
        match ty {
            Type::Enum(e) => {
                let value = |raw: u32| match e.is_signed() {
                    true => i64::from(raw as i32),
                    false => i64::from(raw),
                };
                let members = e.members.iter();
                members
                    .filter_map(|m| constant(m, value(m.val())))
                    .collect()
            }
            Type::Enum64(e) => {
                let members = e.members.iter();
                members
                    .filter_map(|m| constant(m, m.val() as i64))
                    .collect()
            }
            _ => Vec::new(),
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
                btf_id: self.numbered(id),
                typedef: String::new(),
            },
            Type::Union(u) => RawType::Record {
                name: name(u),
                is_union: true,
                btf_id: self.numbered(id),
                typedef: String::new(),
            },
            Type::Fwd(f) => RawType::Forward {
                name: name(f),
                is_union: f.is_union(),
            },
            Type::Typedef(t) => match next(t) {
                // `typedef struct { ... } atomic_t`: the only name that it has.
                RawType::Record {
                    name: own,
                    is_union,
                    btf_id,
                    ..
                } if own.is_empty() => RawType::Record {
                    name: own,
                    is_union,
                    btf_id,
                    typedef: name(t),
                },
                ty => ty,
            },
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

/// A type of another BTF than the kernel's: ids mean nothing there, and enums are their numbers.
fn outside(ty: RawType) -> RawType {
    match ty {
        RawType::Pointer(to) => RawType::Pointer(Box::new(outside(*to))),
        RawType::Array(element, count) => RawType::Array(Box::new(outside(*element)), count),
        RawType::Enum { bytes, signed, .. } => RawType::Int {
            bytes,
            signed,
            is_char: false,
        },
        RawType::Record { name, is_union, .. } => RawType::Forward { name, is_union },
        other => other,
    }
}
