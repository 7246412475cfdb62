//! Debug info, from which the BPF back end makes BTF: types of maps and relocated structs, functions, lines.
//!
//! inkwell's wrapper lacks bit-fields, `void *` and sources, so this speaks llvm-sys, in one place.

use inkwell::context::{AsContextRef, Context};
use inkwell::llvm_sys::core::{
    LLVMGetNamedMetadataNumOperands, LLVMGetNamedMetadataOperands, LLVMMetadataAsValue,
    LLVMSetCurrentDebugLocation2, LLVMValueAsMetadata,
};
use inkwell::llvm_sys::debuginfo::*;
use inkwell::llvm_sys::prelude::{LLVMContextRef, LLVMDIBuilderRef, LLVMMetadataRef, LLVMValueRef};
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::Module;
use inkwell::values::{AsValueRef, FunctionValue, GlobalValue};

/// A type, a scope or another node of debug info. Owned by the context of its [`Di`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node(LLVMMetadataRef);

/// DWARF's encodings of base types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Bool = 2,
    Signed = 5,
    Unsigned = 7,
}

/// A member of a struct or union; all counts in bits.
pub struct Member<'a> {
    pub name: &'a str,
    pub offset: u64,
    pub size: u64,
    pub ty: Node,
    /// The member is a bit-field in a storage unit at this offset.
    pub storage: Option<u64>,
}

const TAG_STRUCT: u32 = 0x13;
const TAG_UNION: u32 = 0x17;
const TAG_CONST: u32 = 0x26;
const TAG_VOLATILE: u32 = 0x35;

/// Builds the debug info of one module. The context must outlive it.
pub struct Di {
    builder: LLVMDIBuilderRef,
    context: LLVMContextRef,
    file: LLVMMetadataRef,
    unit: LLVMMetadataRef,
    dbg_kind: u32,
}

impl Di {
    /// `source` goes into the BTF line info, so that the kernel's and bpftool's listings show the script.
    pub fn new(cx: &Context, module: &Module, name: &str, source: &str, producer: &str) -> Di {
        let file = file_with_source(cx, name, source);
        // SAFETY: the module is alive, and the builder is disposed in `drop` before it.
        let builder = unsafe { LLVMCreateDIBuilder(module.as_mut_ptr()) };
        // SAFETY: all pointers are to strings with their lengths; the file is a DIFile of this context.
        let unit = unsafe {
            LLVMDIBuilderCreateCompileUnit(
                builder,
                LLVMDWARFSourceLanguage::LLVMDWARFSourceLanguageC,
                file,
                producer.as_ptr().cast(),
                producer.len(),
                1,
                c"".as_ptr(),
                0,
                0,
                c"".as_ptr(),
                0,
                // LineTablesOnly crashes LLVM 19's BTF writer; the DWARF is stripped from the object afterwards.
                LLVMDWARFEmissionKind::LLVMDWARFEmissionKindFull,
                0,
                0,
                0,
                c"".as_ptr(),
                0,
                c"".as_ptr(),
                0,
            )
        };
        Di {
            builder,
            context: cx.as_ctx_ref(),
            file,
            unit,
            dbg_kind: cx.get_kind_id("dbg"),
        }
    }

    pub fn int(&self, name: &str, bytes: u32, encoding: Encoding) -> Node {
        // SAFETY: the name is given with its length.
        Node(unsafe {
            LLVMDIBuilderCreateBasicType(
                self.builder,
                name.as_ptr().cast(),
                name.len(),
                u64::from(bytes) * 8,
                encoding as u32,
                LLVMDIFlagZero,
            )
        })
    }

    /// A pointer; to nothing is `void *`.
    pub fn pointer(&self, to: Option<Node>) -> Node {
        let to = to.map_or(std::ptr::null_mut(), |n| n.0);
        // SAFETY: a null pointee is `void`.
        Node(unsafe {
            LLVMDIBuilderCreatePointerType(self.builder, to, 64, 64, 0, c"".as_ptr(), 0)
        })
    }

    pub fn array(&self, element: Node, element_bits: u64, count: u64) -> Node {
        // SAFETY: the one subscript outlives the call, which copies it.
        unsafe {
            let mut subscript = LLVMDIBuilderGetOrCreateSubrange(self.builder, 0, count as i64);
            Node(LLVMDIBuilderCreateArrayType(
                self.builder,
                element_bits * count,
                0,
                element.0,
                &mut subscript,
                1,
            ))
        }
    }

    /// `const volatile T`, as the loader writes to it and the program must not assume a value.
    pub fn const_volatile(&self, ty: Node) -> Node {
        // SAFETY: plain nodes of this builder.
        unsafe {
            let volatile = LLVMDIBuilderCreateQualifiedType(self.builder, TAG_VOLATILE, ty.0);
            Node(LLVMDIBuilderCreateQualifiedType(
                self.builder,
                TAG_CONST,
                volatile,
            ))
        }
    }

    pub fn typedef(&self, name: &str, ty: Node) -> Node {
        let (ptr, len) = (name.as_ptr().cast(), name.len());
        // SAFETY: a name with its length, nodes of this builder.
        Node(unsafe {
            LLVMDIBuilderCreateTypedef(self.builder, ty.0, ptr, len, self.file, 0, self.unit, 0)
        })
    }

    /// An enum type without a name, which a relocation takes for any enum of its size.
    /// An enum with some of its constants; BTF wants one at least.
    pub fn enumeration(&self, name: &str, bytes: u32, constants: &[(&str, i64)]) -> Node {
        let mut nodes: Vec<LLVMMetadataRef> = constants
            .iter()
            .map(|(name, value)| {
                let (ptr, len) = (name.as_ptr().cast(), name.len());
                // SAFETY: the name is given with its length.
                unsafe { LLVMDIBuilderCreateEnumerator(self.builder, ptr, len, *value, 0) }
            })
            .collect();
        // SAFETY: the nodes outlive the call, which copies them.
        Node(unsafe {
            LLVMDIBuilderCreateEnumerationType(
                self.builder,
                self.unit,
                name.as_ptr().cast(),
                name.len(),
                self.file,
                0,
                u64::from(bytes) * 8,
                0,
                nodes.as_mut_ptr(),
                nodes.len() as u32,
                std::ptr::null_mut(),
            )
        })
    }

    pub fn record(&self, name: &str, is_union: bool, bits: u64, members: &[Member]) -> Node {
        let mut nodes: Vec<LLVMMetadataRef> = members.iter().map(|m| self.member(m)).collect();
        let (builder, unit, file, count) = (self.builder, self.unit, self.file, nodes.len() as u32);
        let (ptr, len) = (name.as_ptr().cast(), name.len());
        let elements = nodes.as_mut_ptr();
        // SAFETY: names with their lengths, elements with their count; null means "none" for bases and vtables.
        Node(unsafe {
            if is_union {
                LLVMDIBuilderCreateUnionType(
                    builder,
                    unit,
                    ptr,
                    len,
                    file,
                    0,
                    bits,
                    0,
                    LLVMDIFlagZero,
                    elements,
                    count,
                    0,
                    c"".as_ptr(),
                    0,
                )
            } else {
                let none = std::ptr::null_mut();
                LLVMDIBuilderCreateStructType(
                    builder,
                    unit,
                    ptr,
                    len,
                    file,
                    0,
                    bits,
                    0,
                    LLVMDIFlagZero,
                    none,
                    elements,
                    count,
                    0,
                    none,
                    c"".as_ptr(),
                    0,
                )
            }
        })
    }

    fn member(&self, m: &Member) -> LLVMMetadataRef {
        let (name, len) = (m.name.as_ptr().cast(), m.name.len());
        // SAFETY: names with their lengths, nodes of this builder.
        unsafe {
            match m.storage {
                Some(storage) => LLVMDIBuilderCreateBitFieldMemberType(
                    self.builder,
                    self.unit,
                    name,
                    len,
                    self.file,
                    0,
                    m.size,
                    m.offset,
                    storage,
                    LLVMDIFlagZero,
                    m.ty.0,
                ),
                None => LLVMDIBuilderCreateMemberType(
                    self.builder,
                    self.unit,
                    name,
                    len,
                    self.file,
                    0,
                    m.size,
                    0,
                    m.offset,
                    LLVMDIFlagZero,
                    m.ty.0,
                ),
            }
        }
    }

    /// Gives a function its subprogram: return type, then named parameters. Returns the scope for its lines.
    pub fn function(
        &self,
        function: FunctionValue,
        name: &str,
        line: u32,
        ret: Node,
        params: &[(&str, Node)],
        local: bool,
    ) -> Node {
        let scope = self.subprogram(name, line, Some(ret), params, local, true);
        // BTF takes the parameters' names from these; they need not be used.
        for (index, (name, ty)) in params.iter().enumerate() {
            // SAFETY: the name is given with its length, nodes of this builder.
            unsafe {
                LLVMDIBuilderCreateParameterVariable(
                    self.builder,
                    scope.0,
                    name.as_ptr().cast(),
                    name.len(),
                    index as u32 + 1,
                    self.file,
                    line,
                    ty.0,
                    1,
                    LLVMDIFlagZero,
                );
            }
        }
        // SAFETY: the function belongs to the module of this builder.
        unsafe { LLVMSetSubprogram(function.as_value_ref(), scope.0) };
        scope
    }

    /// Gives a function that is defined elsewhere its prototype: the result (none: `void`), then the parameters, whose names BTF
    /// does not keep.
    pub fn declaration(
        &self,
        function: FunctionValue,
        name: &str,
        result: Option<Node>,
        params: &[(&str, Node)],
    ) {
        let scope = self.subprogram(name, 0, result, params, false, false);
        // SAFETY: the function belongs to the module of this builder.
        unsafe { LLVMSetSubprogram(function.as_value_ref(), scope.0) };
    }

    fn subprogram(
        &self,
        name: &str,
        line: u32,
        result: Option<Node>,
        params: &[(&str, Node)],
        local: bool,
        defined: bool,
    ) -> Node {
        let result = result.map_or(std::ptr::null_mut(), |n| n.0);
        let mut types: Vec<LLVMMetadataRef> = std::iter::once(result)
            .chain(params.iter().map(|p| p.1.0))
            .collect();
        // SAFETY: names and arrays with their lengths; a null result is `void`.
        Node(unsafe {
            let ty = LLVMDIBuilderCreateSubroutineType(
                self.builder,
                self.file,
                types.as_mut_ptr(),
                types.len() as u32,
                LLVMDIFlagPrototyped,
            );
            LLVMDIBuilderCreateFunction(
                self.builder,
                self.file,
                name.as_ptr().cast(),
                name.len(),
                c"".as_ptr(),
                0,
                self.file,
                line,
                ty,
                i32::from(local),
                i32::from(defined),
                line,
                LLVMDIFlagPrototyped,
                1,
            )
        })
    }

    /// A struct or union that is declared, not defined.
    pub fn forward(&self, name: &str, is_union: bool) -> Node {
        let tag = match is_union {
            true => TAG_UNION,
            false => TAG_STRUCT,
        };
        // SAFETY: names with their lengths, nodes of this builder.
        Node(unsafe {
            LLVMDIBuilderCreateForwardDecl(
                self.builder,
                tag,
                name.as_ptr().cast(),
                name.len(),
                self.unit,
                self.file,
                0,
                0,
                0,
                0,
                c"".as_ptr(),
                0,
            )
        })
    }

    /// The type of a global variable, which is how maps and sections reach BTF.
    pub fn global(&self, global: GlobalValue, name: &str, ty: Node) {
        // SAFETY: the name is given with its length; an empty expression is what a plain variable has.
        unsafe {
            let expression = LLVMDIBuilderCreateExpression(self.builder, std::ptr::null_mut(), 0);
            let node = LLVMDIBuilderCreateGlobalVariableExpression(
                self.builder,
                self.unit,
                name.as_ptr().cast(),
                name.len(),
                c"".as_ptr(),
                0,
                self.file,
                0,
                ty.0,
                0,
                expression,
                std::ptr::null_mut(),
                0,
            );
            inkwell::llvm_sys::core::LLVMGlobalSetMetadata(
                global.as_value_ref(),
                self.dbg_kind,
                node,
            );
        }
    }

    /// Sets the line and column of what the builder makes from here on.
    pub fn locate(&self, builder: &inkwell::builder::Builder, scope: Node, line: u32, column: u32) {
        // SAFETY: the scope is a subprogram of this context.
        unsafe {
            let location = LLVMDIBuilderCreateDebugLocation(
                self.context,
                line,
                column,
                scope.0,
                std::ptr::null_mut(),
            );
            LLVMSetCurrentDebugLocation2(builder.as_mut_ptr(), location);
        }
    }

    /// The node as a value, for the metadata of an instruction.
    pub fn as_value(&self, node: Node) -> LLVMValueRef {
        // SAFETY: the node belongs to the context.
        unsafe { LLVMMetadataAsValue(self.context, node.0) }
    }

    /// Must be called once, before the module is verified or run through passes.
    pub fn finish(&self) {
        // SAFETY: the builder is alive.
        unsafe { LLVMDIBuilderFinalize(self.builder) }
    }
}

impl Drop for Di {
    fn drop(&mut self) {
        // SAFETY: made by LLVMCreateDIBuilder, disposed once.
        unsafe { LLVMDisposeDIBuilder(self.builder) }
    }
}

/// A DIFile that carries its text. Without it the back end reads the file of that name from wherever the compiler runs, and the
/// object would depend on that. The C API cannot make one, but LLVM's textual form can.
fn file_with_source(cx: &Context, name: &str, source: &str) -> LLVMMetadataRef {
    let ir = format!(
        "!btc.file = !{{!0}}\n!0 = !DIFile(filename: \"{}\", directory: \".\", source: \"{}\")\n",
        escape(name),
        escape(source)
    );
    let buffer = MemoryBuffer::create_from_memory_range_copy(ir.as_bytes(), "file");
    let module = cx
        .create_module_from_ir(buffer)
        .expect("every byte is escaped");
    let name = c"btc.file".as_ptr();
    // SAFETY: the named node has exactly the one operand that was written above; metadata belongs to the context and outlives
    // the module.
    unsafe {
        assert_eq!(
            LLVMGetNamedMetadataNumOperands(module.as_mut_ptr(), name),
            1
        );
        let mut operand = std::ptr::null_mut();
        LLVMGetNamedMetadataOperands(module.as_mut_ptr(), name, &mut operand);
        LLVMValueAsMetadata(operand)
    }
}

/// A string as LLVM's assembler reads it.
fn escape(text: &str) -> String {
    let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && b != b'"' && b != b'\\';
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("\\{b:02X}")
            }
        })
        .collect()
}
