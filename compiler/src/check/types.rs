//! Types as scripts write them.

use bt_abi::parameters::number;
use bt_grammar::ast::{Expr, ExprKind, TypeBase, TypeExpr, TypeModifier};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use crate::types::{Space, Ty};

/// Builtin type names and the C words that mean the same (LP64).
pub fn builtin_type(name: &str) -> Option<Ty> {
    let (bytes, signed) = match name {
        "bool" | "_Bool" => return Some(Ty::Bool),
        "void" => return Some(Ty::Void),
        "int8" | "int8_t" | "s8" | "__s8" | "char" | "signed char" => (1, true),
        "uint8" | "uint8_t" | "u8" | "__u8" | "unsigned char" => (1, false),
        "int16" | "int16_t" | "s16" | "__s16" | "short" | "short int" => (2, true),
        "uint16" | "uint16_t" | "u16" | "__u16" | "unsigned short" | "unsigned short int" => {
            (2, false)
        }
        "int32" | "int32_t" | "s32" | "__s32" | "int" | "signed" | "signed int" | "pid_t" => {
            (4, true)
        }
        "uint32" | "uint32_t" | "u32" | "__u32" | "unsigned" | "unsigned int" | "uid_t"
        | "gid_t" => (4, false),
        "int64" | "int64_t" | "s64" | "__s64" | "long" | "long int" | "long long"
        | "long long int" | "ssize_t" | "loff_t" => (8, true),
        "uint64"
        | "uint64_t"
        | "u64"
        | "__u64"
        | "unsigned long"
        | "unsigned long int"
        | "unsigned long long"
        | "unsigned long long int"
        | "size_t"
        | "uintptr_t" => (8, false),
        _ => return None,
    };
    Some(Ty::int(bytes, signed))
}

impl Checker<'_> {
    /// The type, or `None` after a report.
    pub fn type_expr(&mut self, ty: &TypeExpr) -> Option<Ty> {
        let mut result = match &ty.base {
            TypeBase::Named(name) => self.named_type(name, ty.span)?,
            TypeBase::Struct(name) => self.record_type(name, false, ty.span)?,
            TypeBase::Union(name) => self.record_type(name, true, ty.span)?,
            TypeBase::Enum(name) => self.enum_type(name, ty.span)?,
            TypeBase::Typeof(arg) => self.type_of(arg)?,
            TypeBase::Tuple(items) => {
                let items = items.iter().map(|item| self.type_expr(item));
                Ty::Tuple(items.collect::<Option<_>>()?)
            }
        };
        for modifier in &ty.modifiers {
            result = match modifier {
                TypeModifier::Pointer => Ty::Ptr(Box::new(result), Space::Any),
                TypeModifier::Array(Some(size)) => match (self.constant(size), result) {
                    (Some(size @ 1..=65536), Ty::Str(_)) => Ty::Str(size as u32),
                    (Some(size @ 1..=65536), element)
                        if u64::from(element.size().max(1)) * size as u64 <= 1 << 20 =>
                    {
                        Ty::Array(Box::new(element), size as u32)
                    }
                    _ => {
                        let error = Diagnostic::error("E0205", size.span, "bad array size");
                        self.report(error.here("expected a literal from 1 to 65536"));
                        return None;
                    }
                },
                TypeModifier::Array(None) => {
                    self.unsupported(ty.span, "array types without a size");
                    return None;
                }
            };
        }
        Some(result)
    }

    /// An integer that is known now.
    pub fn constant(&self, expr: &Expr) -> Option<i64> {
        match &expr.kind {
            ExprKind::Int(value) => i64::try_from(*value).ok(),
            ExprKind::Param(index) => number(self.params.get(index)?)?.try_into().ok(),
            ExprKind::Ident(name) => match self.constants.get(name) {
                Some((value, _)) => Some(*value),
                None => i64::try_from(self.records.facts().enumerator(name)?.value).ok(),
            },
            ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.constant(left)?, self.constant(right)?);
                let value = super::fold::fold(*op, left.into(), right.into()).ok()??;
                i64::try_from(value).ok()
            }
            ExprKind::Unary {
                op: bt_grammar::ast::UnaryOp::Neg,
                expr,
            } => self.constant(expr)?.checked_neg(),
            _ => None,
        }
    }

    fn named_type(&mut self, name: &str, span: Span) -> Option<Ty> {
        if name == "string" {
            return Some(Ty::Str(self.config.max_strlen));
        }
        if let Some(ty) = builtin_type(name) {
            return Some(ty);
        }
        if let Some(ty) = self.script_typedef(name) {
            return Some(ty);
        }
        if let Some(raw) = self.records.facts().typedef(name) {
            return Some(self.records.ty(&raw));
        }
        let error = Diagnostic::error("E0205", span, format!("unknown type `{name}`"));
        let names = [
            "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string",
            "bool",
        ];
        let help = match (
            crate::suggest::closest(name, names),
            self.records.named(name, false),
        ) {
            (_, Some(_)) => format!("write `struct {name}`"),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => "integer types are int8 to int64 and uint8 to uint64".into(),
        };
        self.report(
            error
                .here("no builtin type, no typedef of the kernel")
                .help(help),
        );
        None
    }

    fn enum_type(&mut self, name: &str, span: Span) -> Option<Ty> {
        if let Some(found) = self.known_enum(name) {
            return Some(found);
        }
        let error = Diagnostic::error("E0205", span, format!("unknown type `enum {name}`"));
        let error = match self.records.facts().types_missing() {
            Some(reason) => error.here("not defined in the script").help(format!(
                "the kernel's types are not available: {reason}; give a BTF file with --btf"
            )),
            None => error
                .here("neither the script nor the kernel's BTF defines it")
                .help("define it at the top of the script"),
        };
        self.report(error);
        None
    }

    /// An enum of the script, else of the kernel.
    pub(super) fn known_enum(&self, name: &str) -> Option<Ty> {
        if let Some(own) = self.script_enum(name) {
            return Some(own);
        }
        let raw = self.records.facts().enumeration(name)?;
        let int = crate::types::IntTy::new(raw.bytes, raw.signed);
        Some(Ty::Enum(int, self.records.kernel_enum(name)))
    }

    fn record_type(&mut self, name: &str, is_union: bool, span: Span) -> Option<Ty> {
        if let Some(id) = self.records.named(name, is_union) {
            return Some(Ty::Record(id));
        }
        if let Some(found) = self.user_record(name, is_union) {
            return Some(found);
        }
        let keyword = if is_union { "union" } else { "struct" };
        let error = match self.records.facts().types_missing() {
            Some(reason) => Diagnostic::error(
                "E0701",
                span,
                format!("the kernel's types are not available: {reason}"),
            )
            .here(format!("`{keyword} {name}` is looked up in BTF"))
            .help(
                "compile on a kernel with /sys/kernel/btf/vmlinux, or give a BTF file with --btf",
            ),
            None => Diagnostic::error("E0205", span, format!("unknown type `{keyword} {name}`"))
                .here("neither the script nor the kernel's BTF defines it")
                .help("define it at the top of the script"),
        };
        self.report(error);
        None
    }
}
