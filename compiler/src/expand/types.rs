//! Parameters and `#define`s where a type is written.

use bt_grammar::ast::{Arg, CType, Expr, ExprKind, TypeBase, TypeExpr, TypeModifier};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::expander::Expander;
use super::walk;

impl Expander<'_> {
    /// `sizeof(t)`: a bare name is a parameter, a `#define` or a type, never a macro.
    pub(super) fn replace_type_arg(&mut self, arg: &mut Arg) {
        let Arg::Type(ty) = arg else {
            return walk::arg(self, arg);
        };
        let TypeBase::Named(name) = &ty.base else {
            return walk::arg(self, arg);
        };
        let (name, span) = (name.clone(), ty.span);
        let replacement = match self.replacement(&name, span) {
            // With modifiers only a type fits.
            Some(given) if ty.modifiers.is_empty() => given,
            _ => return walk::arg(self, arg),
        };
        *arg = match replacement {
            // A bare name in the place of a type is a type.
            Arg::Expr(given) if bare_name(&given).is_some() => Arg::Type(TypeExpr {
                base: TypeBase::Named(bare_name(&given).unwrap_or_default()),
                modifiers: Vec::new(),
                span: given.span,
            }),
            other => other,
        };
    }

    pub(super) fn replace_type(&mut self, ty: &mut TypeExpr) {
        let span = ty.span;
        // First its own parts: what is put in was expanded where it comes from.
        walk::type_expr(self, ty);
        match &mut ty.base {
            TypeBase::Named(name) => {
                let name = name.clone();
                match self.replacement(&name, span) {
                    Some(Arg::Type(given)) => {
                        ty.base = given.base;
                        ty.modifiers.splice(0..0, given.modifiers);
                    }
                    Some(Arg::Expr(given)) => match bare_name(&given) {
                        Some(other) => ty.base = TypeBase::Named(other),
                        None => self.no_type(&name, span, &given),
                    },
                    None => {}
                }
            }
            TypeBase::Struct(name) | TypeBase::Union(name) | TypeBase::Enum(name) => {
                let given = self.bound(name).map(|b| b.arg.clone());
                match given {
                    None => {}
                    Some(Arg::Type(TypeExpr {
                        base: TypeBase::Named(other),
                        modifiers,
                        ..
                    })) if modifiers.is_empty() => *name = other,
                    Some(Arg::Expr(given)) if bare_name(&given).is_some() => {
                        *name = bare_name(&given).unwrap_or_default();
                    }
                    Some(given) => {
                        let name = name.clone();
                        self.report(
                            Diagnostic::error(
                                "E0210",
                                span,
                                format!("`{name}` must be a bare name here"),
                            )
                            .here("the name of a struct, union or enum")
                            .also(given.span(), "this was given"),
                        );
                    }
                }
            }
            TypeBase::Typeof(_) | TypeBase::Tuple(_) => {}
        }
    }

    /// What a name stands for where a type is wanted.
    fn replacement(&mut self, name: &str, span: Span) -> Option<Arg> {
        if let Some(bound) = self.bound(name) {
            let (arg, size) = (bound.arg.clone(), bound.size);
            if !self.afford(size, span) {
                return None;
            }
            return Some(match arg {
                // `typeof(x)` of an expression has that expression's type.
                Arg::Expr(Expr {
                    kind: ExprKind::Typeof(inner),
                    ..
                }) => Arg::Type(TypeExpr {
                    base: TypeBase::Typeof(inner),
                    modifiers: Vec::new(),
                    span,
                }),
                other => other,
            });
        }
        if self.from_define || !self.defines.is_value(name) {
            return None;
        }
        let mut given = self.define_type(name, span)?;
        let outer = std::mem::replace(&mut self.from_define, true);
        walk::arg(self, &mut given);
        self.from_define = outer;
        Some(given)
    }

    fn no_type(&mut self, name: &str, span: Span, given: &Expr) {
        self.report(
            Diagnostic::error("E0210", span, format!("`{name}` must be a type here"))
                .here("used as a type")
                .also(given.span, "this is an expression")
                .help(
                    "pass a type as `typeof(type)`; a name in parentheses before `*`, `-` or `&` is a cast: leave the parentheses out",
                ),
        );
    }

    /// `offsetof(t, f)`, where `f` is a parameter that was given a path of names.
    pub(super) fn offsetof_path(&mut self, path: &mut Vec<Ident>) {
        let [only] = path.as_slice() else { return };
        let Some(bound) = self.bound(&only.node) else {
            return;
        };
        let span = only.span;
        let Arg::Expr(given) = bound.arg.clone() else {
            return;
        };
        match names(&given) {
            Some(names) => *path = names,
            None => self.report(
                Diagnostic::error("E0210", given.span, "expected the name of a field")
                    .here("this is none")
                    .also(span, "used as a field here"),
            ),
        }
    }

    /// The type of a member in C: only `#define`s are replaced there.
    pub(super) fn replace_c_type(&mut self, ty: &mut CType) {
        if let CType::Named(name) = ty
            && self.defines.is_value(name)
            && let Some(span) = self.defines.span(name)
        {
            let name = name.clone();
            if let Some(Arg::Type(given)) = self.replacement(&name, span) {
                *ty = c_type(given);
            }
            return;
        }
        walk::c_type(self, ty);
    }
}

fn bare_name(e: &Expr) -> Option<String> {
    match &e.kind {
        ExprKind::Ident(name) => Some(name.clone()),
        _ => None,
    }
}

/// `a.b.c` as names.
fn names(e: &Expr) -> Option<Vec<Ident>> {
    match &e.kind {
        ExprKind::Ident(name) => Some(vec![Ident {
            node: name.clone(),
            span: e.span,
        }]),
        ExprKind::Field { base, name, .. } => {
            let mut path = names(base)?;
            path.push(name.clone());
            Some(path)
        }
        _ => None,
    }
}

fn c_type(ty: TypeExpr) -> CType {
    let base = match ty.base {
        TypeBase::Named(name) => CType::Named(name),
        TypeBase::Struct(name) => CType::Struct(name),
        TypeBase::Union(name) => CType::Union(name),
        TypeBase::Enum(name) => CType::Enum(name),
        TypeBase::Typeof(_) | TypeBase::Tuple(_) => CType::Named("typeof".into()),
    };
    ty.modifiers.into_iter().fold(base, |ty, m| match m {
        TypeModifier::Pointer => CType::Pointer(Box::new(ty)),
        TypeModifier::Array(size) => CType::Array(Box::new(ty), size),
    })
}
