//! Facts about kernels: types from BTF, tracepoint formats, constants.
//!
//! The compiler asks through [`KernelFacts`] alone; nothing else in it looks at the machine that it runs on.

pub mod btf;
pub mod format;
mod kernel_btf;
pub mod live;
pub mod user;

pub use btf::BtfTypes;

use bt_abi::types::Variant;

use user::UserFunction;

/// What the compiler may ask about a kernel.
pub trait KernelFacts {
    /// The BTF id of `struct name` or `union name`.
    fn record_id(&self, name: &str, is_union: bool) -> Option<u32>;
    /// The same for a type that a struct of the kernel declares: modules that no name of the script needed are not searched.
    fn declared_record_id(&self, name: &str, is_union: bool) -> Option<u32>;
    fn record_by_id(&self, btf_id: u32) -> Option<RawRecord>;
    /// The type behind a typedef's name.
    fn typedef(&self, name: &str) -> Option<RawType>;
    /// The enumeration constant of that name.
    fn enumerator(&self, name: &str) -> Option<Enumerator>;
    /// The same, of modules too: for names that are nothing else. [`KernelFacts::enumerator`] knows what was found.
    fn module_enumerator(&self, name: &str) -> Option<Enumerator>;
    fn enumeration(&self, name: &str) -> Option<Enumeration>;
    /// The prototypes of the functions that match, of the kernel or of modules. Without a module, one of the kernel's own is
    /// preferred. `*` is a wildcard in both.
    fn functions(&self, module: Option<&str>, name: &str) -> Vec<RawFunction>;
    /// A function of the kernel that programs may call.
    fn kfunc(&self, _name: &str) -> Option<RawFunction> {
        None
    }
    /// The fields of a tracepoint, `common_*` left out.
    fn tracepoint(&self, category: &str, event: &str) -> Option<Tracepoint>;
    /// All known tracepoints, for suggestions: (category, event).
    fn tracepoint_names(&self) -> Vec<(String, String)>;
    /// A function of a program, or why nothing is known of it.
    fn user_function(&self, _binary: &str, _name: &str) -> Result<UserFunction, String> {
        Err("programs are not looked at".into())
    }
    /// A struct or union of a program, by the id in [`RawType::Record`].
    fn user_record(&self, _binary: &str, _id: u32) -> Option<RawRecord> {
        None
    }
    fn user_record_id(&self, _binary: &str, _name: &str, _is_union: bool) -> Option<u32> {
        None
    }
    /// Why there are no types at all, if there are none.
    fn types_missing(&self) -> Option<String>;
}

/// A struct or union definition. Offsets in bits.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRecord {
    /// In bytes.
    pub size: u32,
    pub fields: Vec<RawField>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RawField {
    /// Empty for anonymous members.
    pub name: String,
    pub ty: RawType,
    pub bit_offset: u32,
    pub bits: Option<u32>,
}

/// A function as BTF declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct RawFunction {
    pub name: String,
    pub params: Vec<(String, RawType)>,
    /// None for `void`.
    pub result: Option<RawType>,
}

/// A C type, qualifiers and typedefs resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum RawType {
    Int {
        bytes: u32,
        signed: bool,
        is_char: bool,
    },
    Bool,
    Enum {
        name: String,
        bytes: u32,
        signed: bool,
    },
    Pointer(Box<RawType>),
    Void,
    Array(Box<RawType>, u32),
    Record {
        name: String,
        is_union: bool,
        btf_id: u32,
        /// What a type without a name is called by the typedef that led to it; else empty.
        typedef: String,
    },
    /// Declared, not defined, in this BTF.
    Forward {
        name: String,
        is_union: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Enumeration {
    pub bytes: u32,
    pub signed: bool,
    pub variants: Vec<Variant>,
}

/// A constant of an enumeration.
#[derive(Debug, Clone, PartialEq)]
pub struct Enumerator {
    /// The name of its enum; empty for one without.
    pub of: String,
    pub value: i128,
    /// Size of the enum.
    pub bytes: u32,
    pub signed: bool,
}

/// A tracepoint's fields, as its `format` file lists them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracepoint {
    pub fields: Vec<TracepointField>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TracepointField {
    pub name: String,
    /// The C type with the name taken out: `const char *`, `char[16]`, `__data_loc char[]`.
    pub decl: String,
    /// Bytes from the start of the record.
    pub offset: u32,
    pub size: u32,
    pub signed: bool,
}
