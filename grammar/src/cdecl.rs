//! Turns C's declarations inside out: `*(*x)[4]` says of `x` what `CType` says from the outside in.

use crate::actions::Context;
use crate::ast::{CField, CItem, CType, Expr};
use crate::diag::Diagnostic;
use crate::span::{Ident, Span};

/// What stands around a declared name, the outermost first as the grammar finds it.
pub enum Declarator {
    Name(Ident),
    /// Padding bits.
    Nameless,
    Pointer(Box<Declarator>),
    Array(Box<Declarator>, Option<Box<Expr>>),
    Function(Box<Declarator>),
}

/// A declarator of a field, with the width of a bit-field.
pub struct FieldName {
    pub declarator: Declarator,
    pub bits: Option<u32>,
    pub attributes: Vec<String>,
    pub span: Span,
}

impl Declarator {
    /// The declared name, and its type if the declaration starts with `base`.
    fn apply(self, base: CType) -> (Option<Ident>, CType) {
        let (mut declarator, mut ty) = (self, base);
        loop {
            (declarator, ty) = match declarator {
                Declarator::Name(name) => return (Some(name), ty),
                Declarator::Nameless => return (None, ty),
                Declarator::Pointer(inner) => (*inner, CType::Pointer(Box::new(ty))),
                Declarator::Array(inner, size) => (*inner, CType::Array(Box::new(ty), size)),
                Declarator::Function(inner) => (*inner, CType::Function),
            };
        }
    }
}

pub fn fields(base: CType, names: Vec<FieldName>) -> Vec<CField> {
    let field = |FieldName {
                     declarator,
                     bits,
                     attributes,
                     span,
                 }| {
        let (name, ty) = declarator.apply(base.clone());
        CField {
            name,
            ty,
            bits,
            attributes,
            span,
        }
    };
    names.into_iter().map(field).collect()
}

/// `struct { ... };` in a record.
pub fn nameless_field(start: usize, ty: CType, end: usize) -> CField {
    CField {
        name: None,
        ty,
        bits: None,
        attributes: Vec::new(),
        span: Span::new(start, end),
    }
}

pub fn typedefs(start: usize, base: CType, names: Vec<Declarator>, end: usize) -> Vec<CItem> {
    let span = Span::new(start, end);
    let one = |declarator: Declarator| match declarator.apply(base.clone()) {
        (Some(name), ty) => Some(CItem::Typedef { name, ty, span }),
        (None, _) => None,
    };
    names.into_iter().filter_map(one).collect()
}

/// The width of a bit-field.
pub fn width(cx: &mut Context<'_>, (start, bits, end): (usize, u64, usize)) -> u32 {
    match u32::try_from(bits) {
        Ok(bits) if bits <= 64 => bits,
        _ => {
            cx.diagnostics.push(
                Diagnostic::error("E0107", Span::new(start, end), "bit-field is too wide")
                    .here("more than 64 bits")
                    .help("a bit-field is at most as wide as its type"),
            );
            64
        }
    }
}
