//! C definitions as forms.

use super::expr::expr;
use super::{Form, quoted};
use crate::ast::*;

pub(super) fn definition(definition: &CItem) -> Form {
    match definition {
        CItem::Include { path, system, .. } => {
            let path = if *system {
                Form::word(format!("<{}>", path.node))
            } else {
                quoted(path.node.as_bytes())
            };
            Form::list("#include", [path])
        }
        CItem::Define {
            name, params, body, ..
        } => {
            let mut forms = vec![Form::word(&name.node)];
            forms.extend(
                params
                    .as_ref()
                    .map(|p| Form::list("params", p.iter().map(Form::word))),
            );
            if !body.node.is_empty() {
                forms.push(quoted(body.node.as_bytes()));
            }
            Form::list("#define", forms)
        }
        CItem::Record(r) => record(r),
        CItem::Enum(e) => enumeration(e),
        CItem::Typedef { name, ty, .. } => {
            Form::list("typedef", [Form::word(&name.node), c_type(ty)])
        }
    }
}

fn record(record: &CRecord) -> Form {
    let mut forms = Vec::new();
    forms.extend(record.name.as_ref().map(|n| Form::word(&n.node)));
    if !record.attributes.is_empty() {
        forms.push(Form::list(
            "attributes",
            record.attributes.iter().map(Form::word),
        ));
    }
    forms.extend(record.fields.iter().map(field));
    Form::list(if record.is_union { "union" } else { "struct" }, forms)
}

fn field(field: &CField) -> Form {
    let mut forms = vec![
        Form::word(field.name.as_ref().map_or("_", |n| n.node.as_str())),
        c_type(&field.ty),
    ];
    forms.extend(
        field
            .bits
            .map(|bits| Form::list("bits", [Form::word(bits.to_string())])),
    );
    Form::list("field", forms)
}

fn enumeration(e: &CEnum) -> Form {
    let name = e.name.as_ref().map(|n| Form::word(&n.node));
    let variants = e
        .variants
        .iter()
        .map(|(name, value)| Form::list(&name.node, value.as_ref().map(expr)));
    Form::list("enum", name.into_iter().chain(variants))
}

fn c_type(ty: &CType) -> Form {
    match ty {
        CType::Named(name) => Form::word(format!("[{name}]")),
        CType::Struct(name) => Form::word(format!("[struct {name}]")),
        CType::Union(name) => Form::word(format!("[union {name}]")),
        CType::Enum(name) => Form::word(format!("[enum {name}]")),
        CType::Record(r) => record(r),
        CType::InlineEnum(e) => enumeration(e),
        CType::Pointer(inner) => Form::list("pointer", [c_type(inner)]),
        CType::Array(inner, None) => Form::list("array", [c_type(inner)]),
        CType::Array(inner, Some(n)) => Form::list("array", [c_type(inner), expr(n)]),
        CType::Function => Form::list("function", []),
    }
}
