//! The table of struct and union definitions, read from the kernel's facts when first named.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use super::{ArgumentPlace, EnumDef, IntTy, Space, Ty, UINT64};
use bt_abi::names::FunctionKind;

use crate::facts::{KernelFacts, RawFunction, RawRecord, RawType};

/// What the kernel puts before the name of a raw tracepoint.
const TRACEPOINT_CALLER: &str = "__traceiter_";

/// A struct or union in [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(u32);

/// Where a definition comes from; decides whether accesses are relocated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A named type of the kernel: relocated by name.
    Kernel { name: String, is_union: bool },
    /// A type without a name of its own: relocated by the name of its typedef, or as a part of the type that it lies in if it has none.
    KernelAnonymous {
        btf_id: u32,
        is_union: bool,
        typedef: String,
    },
    /// The arguments of a tracepoint: relocated against the target's format.
    Tracepoint { category: String, event: String },
    /// The arguments of a function or of a raw tracepoint: relocated against the target's prototype. Names may have wildcards.
    Function {
        of: FunctionKind,
        module: Option<String>,
        name: String,
    },
    /// Defined by the script: the script's layout.
    Script { name: String, is_union: bool },
    /// Defined by a program that is traced; `id`: of its DWARF.
    Binary {
        binary: String,
        id: u32,
        name: String,
        is_union: bool,
    },
    /// The arguments of a function of a program: where [`ArgumentPlace`] says.
    Arguments { binary: String, function: String },
}

#[derive(Debug)]
pub struct Record {
    pub origin: Origin,
    pub size: u32,
    pub fields: Vec<FieldDef>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FieldDef {
    /// Empty: an anonymous struct or union, whose members count as members of this one.
    pub name: String,
    pub ty: Ty,
    pub bit_offset: u32,
    /// Width, if it is a bit-field.
    pub bits: Option<u32>,
    /// A `__data_loc` field of a tracepoint: `u32` with the offset and length of the data in the record.
    pub data_loc: bool,
}

/// One member of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldRef {
    pub record: RecordId,
    pub index: u32,
}

impl Origin {
    /// The layout is what the compiler knows: nothing of it is relocated.
    pub fn is_fixed(&self) -> bool {
        matches!(
            self,
            Origin::Script { .. } | Origin::Binary { .. } | Origin::Arguments { .. }
        )
    }

    fn kernel(name: &str, is_union: bool) -> Origin {
        Origin::Kernel {
            name: name.into(),
            is_union,
        }
    }
}

impl Record {
    pub fn is_union(&self) -> bool {
        match &self.origin {
            Origin::Kernel { is_union, .. }
            | Origin::KernelAnonymous { is_union, .. }
            | Origin::Binary { is_union, .. }
            | Origin::Script { is_union, .. } => *is_union,
            Origin::Tracepoint { .. } | Origin::Function { .. } | Origin::Arguments { .. } => false,
        }
    }

    /// Without `struct` or `union`; empty for one without a name.
    pub fn name(&self) -> &str {
        match &self.origin {
            Origin::Kernel { name, .. }
            | Origin::Script { name, .. }
            | Origin::Binary { name, .. } => name,
            Origin::KernelAnonymous { .. }
            | Origin::Tracepoint { .. }
            | Origin::Arguments { .. }
            | Origin::Function { .. } => "",
        }
    }

    /// Whether relocations can ask for the type by itself: it has a name, or the script's layout.
    pub fn is_nameless(&self) -> bool {
        matches!(&self.origin, Origin::KernelAnonymous { typedef, .. } if typedef.is_empty())
    }

    /// As a script names it.
    pub fn display(&self) -> String {
        let keyword = if self.is_union() { "union" } else { "struct" };
        match &self.origin {
            Origin::Binary { name, .. } if name.is_empty() => format!("anonymous {keyword}"),
            Origin::Kernel { name, .. }
            | Origin::Script { name, .. }
            | Origin::Binary { name, .. } => {
                format!("{keyword} {name}")
            }
            Origin::Arguments { function, .. } => format!("args of {function}()"),
            Origin::KernelAnonymous { typedef, .. } if !typedef.is_empty() => typedef.clone(),
            Origin::KernelAnonymous { .. } => format!("anonymous {keyword}"),
            Origin::Tracepoint { category, event } => {
                format!("args of tracepoint:{category}:{event}")
            }
            Origin::Function {
                of: FunctionKind::RawTracepoint,
                name,
                ..
            } => format!("args of rawtracepoint:{name}"),
            Origin::Function { name, .. } => format!("args of {name}()"),
        }
    }
}

/// All struct and union types that the script touches, read from the facts when first named.
pub struct Records {
    facts: Rc<dyn KernelFacts>,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    by_origin: HashMap<Origin, Option<RecordId>>,
    records: Vec<Rc<Record>>,
    /// Kernel records that are only pointed to: named, but not read until a member is asked for.
    lazy: HashMap<RecordId, u32>,
    enums: HashMap<String, Rc<EnumDef>>,
    /// Of the records of [`Origin::Arguments`]: the place of each field, and the build id of the program.
    arguments: HashMap<RecordId, (Vec<ArgumentPlace>, Option<String>)>,
}

impl Records {
    pub fn new(facts: Rc<dyn KernelFacts>) -> Records {
        Records {
            facts,
            inner: RefCell::default(),
        }
    }

    pub fn facts(&self) -> &dyn KernelFacts {
        &*self.facts
    }

    /// The definition, with its fields.
    pub fn get(&self, id: RecordId) -> Rc<Record> {
        let lazy = self.inner.borrow_mut().lazy.remove(&id);
        if let Some(lazy_id) = lazy
            && let Some(record) = self.read(id, lazy_id)
        {
            self.inner.borrow_mut().records[id.0 as usize] = Rc::new(record);
        }
        self.inner.borrow().records[id.0 as usize].clone()
    }

    fn read(&self, id: RecordId, lazy: u32) -> Option<Record> {
        let origin = self.inner.borrow().records[id.0 as usize].origin.clone();
        Some(match &origin {
            Origin::Binary { binary, .. } => {
                let raw = self.facts.user_record(binary, lazy)?;
                let binary = binary.clone();
                self.convert_user(&binary, origin, raw)
            }
            _ => {
                let raw = self.facts.record_by_id(lazy)?;
                self.convert(origin, raw)
            }
        })
    }

    pub(super) fn find_origin(&self, origin: &Origin) -> Option<RecordId> {
        self.inner.borrow().by_origin.get(origin).copied().flatten()
    }

    pub(super) fn note_arguments(
        &self,
        id: RecordId,
        places: Vec<ArgumentPlace>,
        build_id: Option<String>,
    ) {
        let mut inner = self.inner.borrow_mut();
        inner.arguments.insert(id, (places, build_id));
    }

    /// Where an argument of a function of a program is.
    pub fn argument_place(&self, field: FieldRef) -> Option<ArgumentPlace> {
        let inner = self.inner.borrow();
        let (places, _) = inner.arguments.get(&field.record)?;
        places.get(field.index as usize).copied()
    }

    /// The programs whose types were asked for, by name, with their build ids.
    pub fn programs(&self) -> std::collections::BTreeMap<String, String> {
        let inner = self.inner.borrow();
        let of =
            |(id, (_, build_id)): (&RecordId, &(Vec<ArgumentPlace>, Option<String>))| match &inner
                .records[id.0 as usize]
                .origin
            {
                Origin::Arguments { binary, .. } => Some((binary.clone(), build_id.clone()?)),
                _ => None,
            };
        inner.arguments.iter().filter_map(of).collect()
    }

    /// `struct name` or `union name`: the script's own definition, else that of the kernel or of one of its modules.
    pub fn named(&self, name: &str, is_union: bool) -> Option<RecordId> {
        self.known(name, is_union).or_else(|| {
            let btf_id = self.facts.record_id(name, is_union)?;
            Some(self.insert(Origin::kernel(name, is_union), Some(btf_id)))
        })
    }

    /// What a type of the kernel only declares.
    fn declared(&self, name: &str, is_union: bool) -> Option<RecordId> {
        self.known(name, is_union).or_else(|| {
            let btf_id = self.facts.declared_record_id(name, is_union)?;
            Some(self.insert(Origin::kernel(name, is_union), Some(btf_id)))
        })
    }

    fn known(&self, name: &str, is_union: bool) -> Option<RecordId> {
        let script = Origin::Script {
            name: name.into(),
            is_union,
        };
        self.find_origin(&script)
            .or_else(|| self.find_origin(&Origin::kernel(name, is_union)))
    }

    /// The arguments of a tracepoint, if the facts know it.
    pub fn tracepoint(&self, category: &str, event: &str) -> Option<RecordId> {
        let origin = Origin::Tracepoint {
            category: category.into(),
            event: event.into(),
        };
        if let Some(known) = self.inner.borrow().by_origin.get(&origin) {
            return *known;
        }
        let events = crate::probes::tracepoint::matching(&*self.facts, category, event);
        let known = events.iter().filter_map(|(category, event)| {
            Some((category, self.facts.tracepoint(category, event)?))
        });
        let fields = known
            .map(|(category, tp)| crate::facts::format::fields(&tp, category == "syscalls", self))
            .reduce(super::common_fields);
        let found = fields.map(|fields| {
            self.define(Record {
                origin: origin.clone(),
                size: 0,
                fields,
            })
        });
        self.inner.borrow_mut().by_origin.insert(origin, found);
        found
    }

    /// The arguments of a function of the kernel or of a module, or of a raw tracepoint; of a wildcard those that all have.
    pub fn function(&self, of: FunctionKind, module: Option<&str>, name: &str) -> Option<RecordId> {
        let origin = Origin::Function {
            of,
            module: module.map(str::to_string),
            name: name.into(),
        };
        if let Some(known) = self.inner.borrow().by_origin.get(&origin) {
            return *known;
        }
        let functions = self.prototypes(of, module, name);
        let fields = functions.iter().map(|f| self.arguments(of, f));
        let fields = fields.reduce(super::common_fields);
        let found = fields.map(|fields| {
            self.define(Record {
                origin: origin.clone(),
                size: 0,
                fields,
            })
        });
        self.inner.borrow_mut().by_origin.insert(origin, found);
        found
    }

    fn prototypes(&self, of: FunctionKind, module: Option<&str>, name: &str) -> Vec<RawFunction> {
        match of {
            // this one calls what is attached to the event, with its arguments behind one of its own
            FunctionKind::RawTracepoint => {
                let name = format!("{TRACEPOINT_CALLER}{name}");
                self.facts.functions(module, &name)
            }
            _ => self.facts.functions(module, name),
        }
    }

    fn arguments(&self, of: FunctionKind, function: &RawFunction) -> Vec<FieldDef> {
        let own = usize::from(of == FunctionKind::RawTracepoint);
        let params = function.params.iter().skip(own);
        let mut fields: Vec<FieldDef> = params
            .filter_map(|(name, ty)| self.argument(name, ty))
            .collect();
        if of == FunctionKind::Exit
            && let Some(result) = &function.result
        {
            fields.extend(self.argument("retval", result));
        }
        fields
    }

    /// The first function that matches a wildcard and lacks an argument that another has, or has it of another type.
    pub fn odd_function(&self, origin: &Origin, argument: &str) -> Option<String> {
        let Origin::Function { of, module, name } = origin else {
            return None;
        };
        let functions = self.prototypes(*of, module.as_deref(), name);
        let of = |function: &RawFunction| {
            let fields = self.arguments(*of, function);
            fields.into_iter().find(|f| f.name == argument)
        };
        let common = functions.iter().find_map(of)?;
        let odd = functions
            .iter()
            .find(|f| of(f).is_none_or(|field| field.ty != common.ty))?;
        let name = odd.name.strip_prefix(TRACEPOINT_CALLER);
        Some(name.unwrap_or(&odd.name).to_string())
    }

    /// What does not lie in one word of the context is none.
    fn argument(&self, name: &str, raw: &RawType) -> Option<FieldDef> {
        let is_record =
            |ty: &RawType| matches!(ty, RawType::Record { .. } | RawType::Forward { .. });
        let ty = match (raw, self.ty(raw)) {
            // what points to plain values may point into user space
            (RawType::Pointer(to), Ty::Ptr(ty, _)) if !is_record(to) => Ty::Ptr(ty, Space::Any),
            (_, Ty::Enum(int, _)) => Ty::Int(int),
            (_, ty @ (Ty::Int(_) | Ty::Bool | Ty::Ptr(..))) => ty,
            _ => return None,
        };
        (!name.is_empty()).then(|| FieldDef {
            name: name.into(),
            ty,
            bit_offset: 0,
            bits: None,
            data_loc: false,
        })
    }

    /// Adds a definition of the script.
    pub fn define(&self, record: Record) -> RecordId {
        let mut inner = self.inner.borrow_mut();
        let id = RecordId(inner.records.len() as u32);
        inner.by_origin.insert(record.origin.clone(), Some(id));
        inner.records.push(Rc::new(record));
        id
    }

    /// Fills in a definition that was declared before.
    pub fn complete(&self, id: RecordId, record: Record) {
        self.inner.borrow_mut().records[id.0 as usize] = Rc::new(record);
    }

    pub(super) fn insert(&self, origin: Origin, btf_id: Option<u32>) -> RecordId {
        let mut inner = self.inner.borrow_mut();
        let id = RecordId(inner.records.len() as u32);
        inner.records.push(Rc::new(Record {
            origin: origin.clone(),
            size: 0,
            fields: Vec::new(),
        }));
        inner.by_origin.insert(origin, Some(id));
        if let Some(btf_id) = btf_id {
            inner.lazy.insert(id, btf_id);
        }
        id
    }

    fn convert(&self, origin: Origin, raw: RawRecord) -> Record {
        let fields = raw
            .fields
            .into_iter()
            .map(|f| FieldDef {
                name: f.name,
                ty: self.ty(&f.ty),
                bit_offset: f.bit_offset,
                bits: f.bits,
                data_loc: false,
            })
            .collect();
        Record {
            origin,
            size: raw.size,
            fields,
        }
    }

    /// The type that a fact of the kernel stands for.
    pub fn ty(&self, raw: &RawType) -> Ty {
        match raw {
            RawType::Int { bytes: 16, .. } => Ty::Array(Box::new(UINT64), 2),
            RawType::Int { bytes, signed, .. } => Ty::int(*bytes, *signed),
            RawType::Bool => Ty::Bool,
            RawType::Enum {
                name,
                bytes,
                signed,
            } => Ty::Enum(IntTy::new(*bytes, *signed), self.kernel_enum(name)),
            RawType::Pointer(to) => Ty::Ptr(Box::new(self.ty(to)), Space::Kernel),
            RawType::Void => Ty::Void,
            RawType::Array(element, count) => match &**element {
                RawType::Int { is_char: true, .. } if *count > 0 => Ty::Str(*count),
                element => Ty::Array(Box::new(self.ty(element)), *count),
            },
            RawType::Record {
                name,
                is_union,
                btf_id,
                typedef,
            } => {
                let origin = match name.as_str() {
                    "" => Origin::KernelAnonymous {
                        btf_id: *btf_id,
                        is_union: *is_union,
                        typedef: typedef.clone(),
                    },
                    name => Origin::Kernel {
                        name: name.into(),
                        is_union: *is_union,
                    },
                };
                let known = self
                    .inner
                    .borrow()
                    .by_origin
                    .get(&origin)
                    .copied()
                    .flatten();
                Ty::Record(known.unwrap_or_else(|| self.insert(origin, Some(*btf_id))))
            }
            RawType::Forward { name, is_union } => match self.declared(name, *is_union) {
                Some(id) => Ty::Record(id),
                None => Ty::Void,
            },
        }
    }

    /// The kernel's enum of that name; without a name nothing is known of its constants.
    pub fn kernel_enum(&self, name: &str) -> Rc<EnumDef> {
        if let Some(known) = self.inner.borrow().enums.get(name) {
            return known.clone();
        }
        let found = match name {
            "" => None,
            name => self.facts.enumeration(name),
        };
        let def = Rc::new(EnumDef {
            name: name.to_string(),
            kernel: found.is_some(),
            variants: found.map_or_else(Vec::new, |e| e.variants),
        });
        let mut inner = self.inner.borrow_mut();
        inner.enums.insert(name.to_string(), def.clone());
        def
    }

    /// The path to a member by name, through anonymous members.
    pub fn find(&self, record: RecordId, name: &str) -> Option<Vec<FieldRef>> {
        let def = self.get(record);
        if let Some(index) = def.fields.iter().position(|f| f.name == name) {
            return Some(vec![FieldRef {
                record,
                index: index as u32,
            }]);
        }
        def.fields
            .iter()
            .enumerate()
            .filter(|(_, f)| f.name.is_empty())
            .find_map(|(index, f)| {
                let Ty::Record(inner) = f.ty else { return None };
                let mut path = vec![FieldRef {
                    record,
                    index: index as u32,
                }];
                path.extend(self.find(inner, name)?);
                Some(path)
            })
    }

    /// All names that [`Records::find`] finds.
    pub fn field_names(&self, record: RecordId) -> Vec<String> {
        let def = self.get(record);
        let mut names = Vec::new();
        for field in &def.fields {
            match &field.ty {
                Ty::Record(inner) if field.name.is_empty() => {
                    names.extend(self.field_names(*inner))
                }
                _ => names.push(field.name.clone()),
            }
        }
        names
    }

    pub fn field(&self, field: FieldRef) -> FieldDef {
        self.get(field.record).fields[field.index as usize].clone()
    }

    /// A type as a message shows it.
    pub fn display<'a>(&'a self, ty: &'a Ty) -> impl fmt::Display + 'a {
        super::DisplayTy { records: self, ty }
    }
}
