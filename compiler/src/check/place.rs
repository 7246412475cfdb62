//! Members, elements and what pointers point to.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::{Ident, Span};

use super::Checker;
use crate::probes::tracepoint;
use crate::suggest;
use crate::typed::{Expr, ExprKind, Place, Step};
use crate::types::{ArgumentPlace, FieldRef, Origin, RecordId, Space, Ty, UINT64};

impl Checker<'_> {
    pub(super) fn field(&mut self, base: &ast::Expr, name: &Ident, span: Span) -> Expr {
        let base = self.expr(base);
        let (record, place) = match base.ty.clone() {
            Ty::Unknown => return Expr::poison(span),
            Ty::Ptr(to, _) => match *to {
                Ty::Record(record) => (
                    record,
                    Place {
                        base: Box::new(base),
                        steps: Vec::new(),
                    },
                ),
                _ => return self.no_fields(&base, name, span),
            },
            Ty::Record(record) => match base.kind {
                ExprKind::Read(place) => (record, place),
                _ => {
                    self.unsupported(span, "fields of structs that are chosen as a whole");
                    return Expr::poison(span);
                }
            },
            Ty::Value(record, _) => match base.kind {
                ExprKind::Read(place) => (record, place),
                kind => (record, own_memory(Expr { kind, ..base })),
            },
            Ty::Named(fields) => return self.named_field(base, &fields, name, span),
            _ => return self.no_fields(&base, name, span),
        };
        match self.records.find(record, &name.node) {
            Some(path) => self.member(place, &path, span),
            None => self.unknown_field(record, name, span),
        }
    }

    /// A field of a record.
    fn named_field(
        &mut self,
        base: Expr,
        fields: &[(String, Ty)],
        name: &Ident,
        span: Span,
    ) -> Expr {
        if let Some(index) = fields.iter().position(|(known, _)| *known == name.node) {
            let (ty, index) = (fields[index].1.clone(), index as u32);
            return Expr {
                kind: ExprKind::TupleField {
                    base: Box::new(base),
                    index,
                },
                ty,
                span,
            };
        }
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!("no field `{}` in this record", name.node);
        let error = Diagnostic::error("E0206", name.span, message).here("unknown field");
        self.report(error.help(format!("it has {}", names.join(", "))));
        Expr::poison(span)
    }

    /// The member at the end of a path from a place.
    fn member(&mut self, mut place: Place, path: &[FieldRef], span: Span) -> Expr {
        let Some(last) = path.last() else {
            return Expr::poison(span);
        };
        let root = path.first().map(|f| self.records.get(f.record));
        if place.steps.is_empty() && root.is_some_and(|root| root.is_nameless()) {
            return self.nameless(span);
        }
        let def = self.records.field(*last);
        let mut path = path;
        if let [first, rest @ ..] = path
            && place.steps.is_empty()
            && let Some(found) = self.records.argument_place(*first)
            && found != ArgumentPlace::Register
        {
            place = match self.argument(place, *first, found, span) {
                Some(place) => place,
                None => return Expr::poison(span),
            };
            path = rest;
        }
        place.steps.extend(path.iter().map(|f| Step::Field(*f)));
        let ty = self.pointer_in(def.ty, self.space_of(&place));
        self.read(place, ty, span)
    }

    /// The struct of the kernel that values of a type consist of, and how many of it.
    pub(super) fn kernel_stride(&self, ty: &Ty) -> Option<(RecordId, u32)> {
        match ty {
            Ty::Record(id) => match self.records.get(*id).origin.is_fixed() {
                true => None,
                false => Some((*id, 1)),
            },
            Ty::Array(element, count) => {
                let (id, times) = self.kernel_stride(element)?;
                Some((id, times.saturating_mul(*count)))
            }
            _ => None,
        }
    }

    /// A pointer to a type that the kernel has no name for, so that the target could not be asked about it.
    pub(super) fn nameless(&mut self, span: Span) -> Expr {
        let message = "the kernel has no name for the type that this points to";
        let error = Diagnostic::error("E0323", span, message);
        self.report(
            error
                .here("where its members lie on another kernel could not be found out")
                .help("go on from the struct that it lies in: `$struct.member.field`"),
        );
        Expr::poison(span)
    }

    /// A pointer that was found in memory of some space points into the same, unless its member says otherwise.
    fn pointer_in(&self, ty: Ty, space: Space) -> Ty {
        match (ty, space) {
            (Ty::Ptr(to, Space::Any | Space::Kernel), Space::User) => Ty::Ptr(to, Space::User),
            (Ty::Ptr(to, Space::Any), Space::Kernel) => Ty::Ptr(to, Space::Kernel),
            (Ty::Ptr(to, Space::Kernel), Space::Any) => Ty::Ptr(to, Space::Kernel),
            (ty, _) => ty,
        }
    }

    /// The context as a record of all its fields: `print(args)`.
    pub(super) fn all_fields(&mut self, args: Expr, record: RecordId) -> Expr {
        let ExprKind::Builtin(builtin) = args.kind else {
            self.unsupported(args.span, "arguments as a whole in this place");
            return Expr::poison(args.span);
        };
        let mut types = Vec::new();
        let mut items = Vec::new();
        for (index, def) in self.records.get(record).fields.iter().enumerate() {
            let base = Expr {
                kind: ExprKind::Builtin(builtin),
                ty: args.ty.clone(),
                span: args.span,
            };
            let place = Place {
                base: Box::new(base),
                steps: Vec::new(),
            };
            let index = index as u32;
            if !self.is_readable(FieldRef { record, index }) {
                continue;
            }
            let field = self.member(place, &[FieldRef { record, index }], args.span);
            let value = match def.data_loc {
                true => crate::functions::string_at(self, field),
                false => self.as_value(field),
            };
            if value.ty.to_abi().is_some() {
                types.push((def.name.clone(), value.ty.clone()));
                items.push(value);
            }
        }
        Expr {
            kind: ExprKind::Tuple(items),
            ty: Ty::Named(types),
            span: args.span,
        }
    }

    fn no_fields(&mut self, base: &Expr, name: &Ident, span: Span) -> Expr {
        if let (Ty::Ptr(to, Space::Kernel), Some(reason)) =
            (&base.ty, self.records.facts().types_missing())
            && **to == Ty::Void
        {
            let message = format!("the kernel's types are not available: {reason}");
            let error = Diagnostic::error("E0701", span, message).here("a field of a kernel type");
            let help =
                "compile on a kernel with /sys/kernel/btf/vmlinux, or give a BTF file with --btf";
            self.report(error.help(help));
            return Expr::poison(span);
        }
        let ty = self.show(&base.ty);
        let mut error = Diagnostic::error(
            "E0305",
            span,
            format!("`{ty}` has no field `{}`", name.node),
        )
        .here("only structs and pointers to them have fields")
        .also(base.span, format!("this is `{ty}`"));
        if base.ty.is_scalar() {
            error = error.help("cast it first: `((struct name *)...)`");
        }
        self.report(error);
        Expr::poison(span)
    }

    /// The event or function because of which a field of others is none of all that match.
    fn event_without(&self, origin: &Origin, field: &str) -> Option<String> {
        match origin {
            Origin::Tracepoint { category, event } => {
                tracepoint::odd_one_out(self.records.facts(), category, event, field)
            }
            origin => self.records.odd_function(origin, field),
        }
    }

    pub(super) fn unknown_field(&mut self, record: RecordId, name: &Ident, span: Span) -> Expr {
        let def = self.records.get(record);
        let names = self.records.field_names(record);
        let error = Diagnostic::error(
            "E0206",
            name.span,
            format!("no field `{}` in {}", name.node, def.display()),
        );
        let help = match suggest::closest(&name.node, names.iter().map(String::as_str)) {
            _ if let Some(event) = self.event_without(&def.origin, &name.node) => {
                format!("all that match must have it, of one type: `{event}` differs")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => {
                "it has no fields here: its definition is not known".to_string()
            }
            None if names.len() <= 12 => format!("it has {}", names.join(", ")),
            None => format!(
                "it has {} fields, among them {}",
                names.len(),
                names[..8].join(", ")
            ),
        };
        self.report(error.here("unknown field").help(help));
        Expr::poison(span)
    }

    pub(super) fn deref(&mut self, operand: &ast::Expr, span: Span) -> Expr {
        let read = self.deref_whole(operand, span);
        match crate::functions::uaddr_mask(self, operand) {
            Some(mask) if !read.ty.is_unknown() => Expr {
                ty: UINT64,
                kind: ExprKind::Arith {
                    op: ast::BinaryOp::BitAnd,
                    left: Box::new(read),
                    right: Box::new(mask),
                },
                span,
            },
            _ => read,
        }
    }

    fn deref_whole(&mut self, operand: &ast::Expr, span: Span) -> Expr {
        let base = self.value(operand);
        match base.ty.clone() {
            Ty::Ptr(to, _) if *to != Ty::Void => {
                let place = Place {
                    base: Box::new(base),
                    steps: Vec::new(),
                };
                let ty = self.pointer_in(*to, self.space_of(&place));
                self.read(place, ty, span)
            }
            // An address of nothing in particular: what is there is taken for a word, as in bpftrace.
            Ty::Int(_) => {
                let space = self.spec().kind.argument_space();
                let pointer = Expr {
                    span: base.span,
                    kind: ExprKind::Cast(Box::new(base)),
                    ty: Ty::Ptr(Box::new(UINT64), space),
                };
                let place = Place {
                    base: Box::new(pointer),
                    steps: Vec::new(),
                };
                self.read(place, UINT64, span)
            }
            Ty::Unknown => Expr::poison(span),
            ty => {
                let message = format!("cannot read through `{}`", self.show(&ty));
                let error =
                    Diagnostic::error("E0305", span, message).here("not a pointer to a known type");
                self.report(error.help("cast it first: `*(uint64 *)...`"));
                Expr::poison(span)
            }
        }
    }

    pub(super) fn index(&mut self, base: &ast::Expr, indices: &[ast::Expr], span: Span) -> Expr {
        let base = self.expr(base);
        let [index] = indices else {
            let error = Diagnostic::error("E0303", span, "only maps have several keys");
            self.report(error.here("several indices"));
            return Expr::poison(span);
        };
        let index = self.scalar(index, "an index");
        let constant = index.flexible_int();
        let (place, element, count) = match (base.kind, base.ty.clone()) {
            (_, Ty::Unknown) => return Expr::poison(span),
            (ExprKind::Read(place), Ty::Array(element, count)) => (place, *element, Some(count)),
            (ExprKind::Read(place), Ty::Str(count)) => (place, Ty::int(1, true), Some(count)),
            (kind, ty @ Ty::Array(..)) => {
                let Ty::Array(element, count) = ty.clone() else {
                    return Expr::poison(span);
                };
                (
                    own_memory(Expr {
                        kind,
                        ty,
                        span: base.span,
                    }),
                    *element,
                    Some(count),
                )
            }
            (kind, ty @ Ty::Str(count)) => (
                own_memory(Expr {
                    kind,
                    ty,
                    span: base.span,
                }),
                Ty::int(1, true),
                Some(count),
            ),
            (kind, Ty::Ptr(to, space)) if *to != Ty::Void => {
                let pointer = Expr {
                    kind,
                    ty: Ty::Ptr(to.clone(), space),
                    span: base.span,
                };
                (
                    Place {
                        base: Box::new(pointer),
                        steps: Vec::new(),
                    },
                    *to,
                    None,
                )
            }
            (kind, Ty::Tuple(items)) if constant.is_some() => {
                let tuple = Expr {
                    kind,
                    ty: Ty::Tuple(items),
                    span: base.span,
                };
                return self.tuple_element(tuple, constant.unwrap_or(0), span);
            }
            (_, ty) => {
                let message = format!("`{}` cannot be indexed", self.show(&ty));
                let error = Diagnostic::error("E0305", span, message);
                self.report(
                    error
                        .here("only maps, arrays and pointers can")
                        .also(base.span, "this is none"),
                );
                return Expr::poison(span);
            }
        };
        // A flexible array has as many elements as it has.
        let count = count.filter(|count| *count > 0);
        if let (Some(at), Some(count)) = (constant, count)
            && (at < 0 || at >= i64::from(count))
        {
            let error =
                Diagnostic::error("E0206", index.span, format!("index {at} is out of bounds"));
            self.report(error.here(format!("the array has {count} elements")));
            return Expr::poison(span);
        }
        if self.space_of(&place) == Space::Context && constant.is_none() {
            self.unsupported(
                index.span,
                "indexes of tracepoint arguments that are no literals",
            );
            return Expr::poison(span);
        }
        let stride = self.kernel_stride(&element);
        let within = matches!(place.steps.last(), Some(Step::Field(_)));
        if stride.is_some_and(|(id, _)| self.records.get(id).is_nameless()) && !within {
            return self.nameless(span);
        }
        let mut place = place;
        let size = self.pointee_size(&element);
        let ty = self.pointer_in(element, self.space_of(&place));
        place.steps.push(Step::Index {
            index: Box::new(index),
            element: size,
            stride,
            count,
        });
        self.read(place, ty, span)
    }
}

/// The place of a value that the program itself holds.
fn own_memory(value: Expr) -> Place {
    let (ty, span) = (Ty::Ptr(Box::new(value.ty.clone()), Space::Own), value.span);
    let base = Expr {
        kind: ExprKind::InMemory(Box::new(value)),
        ty,
        span,
    };
    Place {
        base: Box::new(base),
        steps: Vec::new(),
    }
}
