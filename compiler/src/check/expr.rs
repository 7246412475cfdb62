//! Expressions.

use bt_grammar::ast::{self, ExprKind as A, UnaryOp};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::Checker;
use super::fold::{Overflow, fold_unary};
use super::merge::merge;
use crate::builtins;
use crate::suggest;
use crate::typed::{Expr, ExprKind, Place, VarId, literal_size};
use crate::types::{IntTy, Space, Ty, UINT64};

impl Checker<'_> {
    /// An expression whose value is used: not an aggregation, not a struct as a whole, not a call without result.
    pub fn value(&mut self, expr: &ast::Expr) -> Expr {
        let checked = self.expr(expr);
        self.as_value(checked)
    }

    /// Likewise, but an array of characters has the bytes that it has, and no room for a NUL behind them.
    pub fn bytes(&mut self, expr: &ast::Expr) -> Expr {
        let checked = self.expr(expr);
        match (&checked.ty, &checked.kind) {
            (Ty::Str(_), ExprKind::Read(_)) => checked,
            _ => self.as_value(checked),
        }
    }

    /// What was checked, used as a value.
    pub fn as_value(&mut self, checked: Expr) -> Expr {
        let span = checked.span;
        if let (Ty::Agg(agg), ExprKind::MapGet { map, .. }) = (&checked.ty, &checked.kind)
            && let Some(ty) = agg.read_as()
        {
            self.share(*map);
            return Expr { ty, ..checked };
        }
        // An array of characters may be full of them: a NUL needs room.
        if let (Ty::Str(size), ExprKind::Read(_)) = (&checked.ty, &checked.kind) {
            let ty = Ty::Str(size + 1);
            return Expr { ty, ..checked };
        }
        let what = match &checked.ty {
            Ty::Agg(_) => "an aggregation",
            Ty::Unit => "nothing",
            Ty::Record(_) | Ty::Array(..) => match self.records.copied(&checked.ty) {
                Some(ty) => return Expr { ty, ..checked },
                None if matches!(checked.ty, Ty::Record(_)) => "a whole struct without a name",
                None => "an array of structs of the kernel",
            },
            Ty::Ptr(to, Space::Context) => {
                if let Ty::Record(record) = **to {
                    return self.all_fields(checked, record);
                }
                return checked;
            }
            _ => return checked,
        };
        let help = match checked.ty {
            Ty::Agg(_) => "assign it to a map, or print the map as a whole with `print(@map)`",
            Ty::Unit => "write the call as a statement of its own",
            _ => "use one of its fields",
        };
        let message = format!("{what} cannot be used as a value here");
        let ty = self.show(&checked.ty);
        self.report(
            Diagnostic::error("E0307", span, message)
                .here(format!("this is `{ty}`"))
                .help(help),
        );
        Expr::poison(span)
    }

    /// Something that is true or false.
    pub fn condition(&mut self, expr: &ast::Expr) -> Expr {
        let checked = self.value(expr);
        match &checked.ty {
            ty if ty.is_scalar() || ty.is_unknown() => checked,
            ty => {
                let message = format!("a condition must be an integer, not `{}`", self.show(ty));
                self.report(
                    Diagnostic::error("E0306", expr.span, message)
                        .here("this is neither true nor false")
                        .help("compare it with something: `... == ...`"),
                );
                Expr::poison(expr.span)
            }
        }
    }

    /// An integer, a bool or a pointer.
    pub fn scalar(&mut self, expr: &ast::Expr, what: &str) -> Expr {
        let checked = self.value(expr);
        if checked.ty.is_scalar() || checked.ty.is_unknown() {
            return checked;
        }
        let message = format!(
            "{what} must be an integer, not `{}`",
            self.show(&checked.ty)
        );
        self.report(Diagnostic::error("E0402", expr.span, message).here("this is no integer"));
        Expr::poison(expr.span)
    }

    pub fn expr(&mut self, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        match &expr.kind {
            A::Int(value) => Expr::literal(i128::from(*value), span),
            A::Bool(value) => Expr::int(i64::from(*value), Ty::Bool, span),
            A::Str(bytes) => self.string_literal(bytes, span),
            A::Ident(name) => self.ident(name, span),
            A::Var(name) => self.variable(name, span),
            A::Map(_) => self.map_get(expr),
            A::Index { base, .. } if matches!(base.kind, A::Map(_)) => self.map_get(expr),
            A::Index { base, indices } => self.index(base, indices, span),
            A::Param(index) => self.int_param(*index, span),
            A::ParamCount => self.slot(bt_abi::manifest::SlotValue::ParamCount, UINT64, span),
            A::Unary { op, expr: operand } => self.unary(*op, operand, span),
            A::IncDec { op, prefix, target } => self.inc_dec(*op, *prefix, target, span),
            A::Binary { op, left, right } => self.binary(*op, left, right, span),
            A::Ternary {
                cond,
                then,
                otherwise,
            } => self.ternary(cond, then.as_deref(), otherwise, span),
            A::Field { base, name, .. } => self.field(base, name, span),
            A::TupleField { base, index } => self.tuple_field(base, index.node, span),
            A::Call { name, args } => self.call(name, args, span),
            A::Cast { ty, expr: operand } => self.cast(ty, operand, span),
            A::Tuple(items) => {
                items.iter().for_each(|i| self.warn_of_open_param(i));
                let items: Vec<Expr> = items.iter().map(|i| self.value(i)).collect();
                let unknown = items.iter().any(|i| i.ty.is_unknown());
                let ty = Ty::Tuple(items.iter().map(|i| i.ty.clone()).collect());
                Expr {
                    kind: ExprKind::Tuple(items),
                    ty: if unknown { Ty::Unknown } else { ty },
                    span,
                }
            }
            A::Sizeof(arg) => self.sizeof(arg, span),
            A::Block(block) => self.block_expr(block, span),
            A::Record(fields) => self.record(fields, span),
            A::Offsetof { base, path } => self.offset_of(base, path, span),
            A::Typeinfo(arg) => self.typeinfo(arg, span),
            A::Typeof(_) => {
                let error = Diagnostic::error("E0307", span, "a type cannot be used as a value");
                self.report(
                    error
                        .here("this is a type")
                        .help("`sizeof`, `typeinfo` and casts take types"),
                );
                Expr::poison(span)
            }
            A::Error => Expr::poison(span),
        }
    }

    pub(super) fn string_literal(&mut self, bytes: &[u8], span: Span) -> Expr {
        // A NUL ends a string in BPF and in C, so what follows it could never be seen.
        let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
        let limit = self.config.max_strlen as usize;
        let kept = if bytes.len() >= limit {
            let message = format!("string literal longer than max_strlen ({limit})");
            self.report(
                Diagnostic::warning("W0904", span, message)
                    .here(format!("{} bytes; the rest is cut", bytes.len()))
                    .help("raise `max_strlen` in the config block"),
            );
            &bytes[..limit - 1]
        } else {
            bytes
        };
        Expr {
            kind: ExprKind::Str(kept.to_vec()),
            ty: Ty::Str(literal_size(kept)),
            span,
        }
    }

    fn ident(&mut self, name: &str, span: Span) -> Expr {
        if let Some(builtin) = builtins::find(name) {
            return builtin.check(self, name, span);
        }
        if let Some((value, ty)) = self.constants.get(name) {
            return Expr::int(*value, ty.clone(), span);
        }
        if let Some(constant) = self.kernel_constant(name, span) {
            return constant;
        }
        let mut constants: Vec<String> = self.constants.keys().cloned().collect();
        constants.sort();
        let mut known: Vec<&str> = constants.iter().map(String::as_str).collect();
        builtins::names().for_each(|name| known.push(name));
        let help = match suggest::closest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if crate::functions::find(name).is_some() => {
                format!("it is a function: `{name}(...)`")
            }
            None => {
                "variables begin with `$`, maps with `@`, and strings stand in double quotes".into()
            }
        };
        let error = Diagnostic::error("E0203", span, format!("unknown name `{name}`"));
        self.report(error.here("no builtin, no constant").help(help));
        Expr::poison(span)
    }

    /// A constant of an enum of the kernel, which may have another value on the target.
    pub(super) fn kernel_constant(&self, name: &str, span: Span) -> Option<Expr> {
        let found = self.records.facts().enumerator(name)?;
        let of = self.records.kernel_enum(&found.of);
        let ty = IntTy::new(8, found.signed);
        let value = found.value as i64;
        Some(Expr {
            kind: match of.kernel {
                true => ExprKind::Enumerator {
                    name: name.to_string(),
                    value,
                },
                false => ExprKind::Int(value),
            },
            ty: Ty::Enum(ty, of),
            span,
        })
    }

    fn variable(&mut self, name: &str, span: Span) -> Expr {
        if let Some(var) = self.find_var(name) {
            self.warn_of_unassigned(var, span);
            return Expr {
                kind: ExprKind::Var(var),
                ty: self.var_type(var),
                span,
            };
        }
        let elsewhere = self.current.vars.iter().any(|v| v.name == name && !v.local);
        if elsewhere && self.hoisted[self.current.index].insert(name.to_string()) {
            return Expr::poison(span);
        }
        let mut known: Vec<String> = self
            .current
            .scopes
            .iter()
            .flat_map(|s| s.keys().cloned())
            .collect();
        // Maps have no order, and messages must have one.
        known.sort();
        let elsewhere = self
            .current
            .vars
            .iter()
            .find(|v| v.name == name)
            .map(|v| v.span);
        let mut error = Diagnostic::error("E0201", span, format!("undefined variable `{name}`"))
            .here("not assigned before this");
        error = match (
            elsewhere,
            suggest::closest(name, known.iter().map(String::as_str)),
        ) {
            (Some(other), _) => error
                .also(other, "assigned here, in a block that has ended")
                .help(format!("declare it before that block: `let {name};`")),
            (None, Some(near)) => error.help(format!("did you mean `{near}`?")),
            (None, None) => error.help(format!("assign to it first: `{name} = ...`")),
        };
        self.report(error);
        Expr::poison(span)
    }

    pub(super) fn find_var(&self, name: &str) -> Option<VarId> {
        self.current
            .scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(name).copied())
    }

    /// The variable's type as the last round left it, or as this one found it.
    pub(super) fn var_type(&self, var: VarId) -> Ty {
        let current = &self.current.vars[var.index()].ty;
        match self.var_types[self.current.index].get(var.index()) {
            Some(last) => merge(last, current).unwrap_or_else(|| current.clone()),
            None => current.clone(),
        }
    }

    fn map_get(&mut self, expr: &ast::Expr) -> Expr {
        let Some((map, key)) = self.map_use(expr) else {
            return Expr::poison(expr.span);
        };
        let ty = self.map(map).value.clone();
        Expr {
            kind: ExprKind::MapGet {
                map,
                key: key.map(Box::new),
            },
            ty,
            span: expr.span,
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: &ast::Expr, span: Span) -> Expr {
        match op {
            UnaryOp::Deref => return self.deref(operand, span),
            UnaryOp::AddressOf => return self.address_of(operand, span),
            UnaryOp::Plus => return self.scalar(operand, "the operand of `+`"),
            _ => {}
        }
        let checked = self.scalar(operand, "the operand");
        if let Some(value) = checked.as_literal() {
            match fold_unary(op, value) {
                Ok(Some(value)) => return Expr::literal(value, span),
                Ok(None) => {}
                Err(Overflow) => return self.overflow(span),
            }
        }
        let ty = match checked.ty.as_int() {
            Some(int) => Ty::int(8, int.signed),
            None => UINT64,
        };
        let operand = Box::new(checked);
        let (kind, ty) = match op {
            UnaryOp::Neg => (ExprKind::Neg(operand), ty),
            UnaryOp::BitNot => (ExprKind::BitNot(operand), ty),
            _ => (ExprKind::Not(operand), Ty::Bool),
        };
        Expr { kind, ty, span }
    }

    fn block_expr(&mut self, block: &ast::Block, span: Span) -> Expr {
        self.current.scopes.push(Default::default());
        let stmts = block.stmts.iter().filter_map(|s| self.stmt(s)).collect();
        let value = match &block.tail {
            Some(tail) => self.expr(tail),
            None => {
                let error = Diagnostic::error("E0307", span, "this block has no value");
                self.report(
                    error
                        .here("used as a value")
                        .help("end it with an expression without a semicolon"),
                );
                Expr::poison(span)
            }
        };
        self.current.scopes.pop();
        Expr {
            ty: value.ty.clone(),
            kind: ExprKind::Block {
                stmts,
                value: Box::new(value),
            },
            span,
        }
    }

    /// `(x = 1, y = 2)`
    fn record(&mut self, fields: &[(bt_grammar::span::Ident, ast::Expr)], span: Span) -> Expr {
        let mut items = Vec::new();
        let mut types: Vec<(String, Ty)> = Vec::new();
        for (name, value) in fields {
            if types.iter().any(|(known, _)| *known == name.node) {
                let message = format!("field `{}` is given twice", name.node);
                self.report(Diagnostic::error("E0208", name.span, message).here("given again"));
                return Expr::poison(span);
            }
            self.warn_of_open_param(value);
            let value = self.value(value);
            types.push((name.node.clone(), value.ty.clone()));
            items.push(value);
        }
        let unknown = types.iter().any(|(_, ty)| ty.is_unknown());
        let ty = if unknown {
            Ty::Unknown
        } else {
            Ty::Named(types)
        };
        Expr {
            kind: ExprKind::Tuple(items),
            ty,
            span,
        }
    }

    fn tuple_field(&mut self, base: &ast::Expr, index: u32, span: Span) -> Expr {
        let base = self.value(base);
        self.tuple_element(base, i64::from(index), span)
    }

    pub(super) fn tuple_element(&mut self, base: Expr, at: i64, span: Span) -> Expr {
        let index = u32::try_from(at).unwrap_or(u32::MAX);
        match &base.ty {
            Ty::Tuple(items) => match items.get(index as usize) {
                Some(ty) => Expr {
                    ty: ty.clone(),
                    kind: ExprKind::TupleField {
                        base: Box::new(base),
                        index,
                    },
                    span,
                },
                None => {
                    let message = format!("this tuple has {} fields, counted from 0", items.len());
                    self.report(
                        Diagnostic::error("E0206", span, message)
                            .here(format!("there is no field {at}")),
                    );
                    Expr::poison(span)
                }
            },
            Ty::Unknown => Expr::poison(span),
            ty => {
                let message = format!("`{}` has no numbered fields", self.show(ty));
                self.report(
                    Diagnostic::error("E0305", span, message).here("only tuples have them"),
                );
                Expr::poison(span)
            }
        }
    }

    /// Bytes from one element to the next behind a pointer, as the target has them.
    pub fn pointee_size_expr(&mut self, ty: &Ty, span: Span) -> Expr {
        let Some((id, times)) = self.kernel_stride(ty) else {
            return Expr::literal(i128::from(self.pointee_size(ty)), span);
        };
        if self.records.get(id).is_nameless() {
            return self.nameless(span);
        }
        let flexible = |kind| Expr {
            kind,
            ty: Ty::Int(IntTy::flexible()),
            span,
        };
        let size = flexible(ExprKind::TypeSize(id));
        match times {
            1 => size,
            _ => flexible(ExprKind::Arith {
                op: ast::BinaryOp::Mul,
                left: Box::new(size),
                right: Box::new(Expr::literal(i128::from(times), span)),
            }),
        }
    }

    /// Bytes from one element to the next behind a pointer, as far as they are known here.
    pub fn pointee_size(&self, ty: &Ty) -> u32 {
        match ty {
            Ty::Record(id) => self.records.get(*id).size.max(1),
            Ty::Array(element, count) => self.pointee_size(element).saturating_mul(*count).max(1),
            ty => ty.size().max(1),
        }
    }

    /// A pointer to a place, and what is there.
    pub fn read(&self, place: Place, ty: Ty, span: Span) -> Expr {
        Expr {
            kind: ExprKind::Read(place),
            ty,
            span,
        }
    }

    /// The space that a place lies in.
    pub fn space_of(&self, place: &Place) -> Space {
        match &place.base.ty {
            Ty::Ptr(_, space) => *space,
            _ => Space::Any,
        }
    }
}
