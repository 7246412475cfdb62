//! A visitor that may change the tree. It knows where the nodes are; what to do with them, its users say.

use bt_grammar::ast::{
    Arg, Block, CEnum, CField, CItem, CRecord, CType, Expr, ExprKind, Item, Probe, Script, Stmt,
    StmtKind, TypeBase, TypeExpr, TypeModifier,
};
use bt_grammar::span::{Ident, Span};

/// Every method that is not overridden goes on to the node's children; an override calls the function of this module that
/// has the method's name where it wants the same.
pub trait VisitMut {
    /// Every place in the tree, also those of names.
    fn span(&mut self, _span: &mut Span) {}

    fn expr(&mut self, e: &mut Expr) {
        expr(self, e);
    }

    fn stmt(&mut self, s: &mut Stmt) {
        stmt(self, s);
    }

    /// A block whose value, if it has one, counts.
    fn block(&mut self, b: &mut Block) {
        block(self, b);
    }

    /// A block of statements: the body of a probe, a branch or a loop.
    fn body(&mut self, b: &mut Block) {
        self.block(b);
    }

    /// An argument of a call.
    fn arg(&mut self, a: &mut Arg) {
        arg(self, a);
    }

    /// What `sizeof` and its like look at: a bare name in it is a type.
    fn type_arg(&mut self, a: &mut Arg) {
        arg(self, a);
    }

    fn type_expr(&mut self, t: &mut TypeExpr) {
        type_expr(self, t);
    }

    fn c_type(&mut self, t: &mut CType) {
        c_type(self, t);
    }

    /// The name of a variable where a statement declares it.
    fn declared(&mut self, name: &mut Ident) {
        self.ident(name);
    }

    /// The name of a constant where an enum defines it.
    fn variant(&mut self, name: &mut Ident) {
        self.ident(name);
    }

    fn ident(&mut self, name: &mut Ident) {
        self.span(&mut name.span);
    }
}

pub fn script<V: VisitMut + ?Sized>(v: &mut V, script: &mut Script) {
    for item in &mut script.definitions {
        c_item(v, item);
    }
    for it in &mut script.items {
        item(v, it);
    }
}

pub fn item<V: VisitMut + ?Sized>(v: &mut V, item: &mut Item) {
    match item {
        Item::Config(config) => {
            v.span(&mut config.span);
            for entry in &mut config.entries {
                v.ident(&mut entry.name);
                v.span(&mut entry.value.span);
            }
        }
        Item::Import(import) => {
            v.span(&mut import.path.span);
            v.span(&mut import.span);
        }
        Item::MapDecl(decl) => {
            v.span(&mut decl.span);
            v.ident(&mut decl.map);
            v.ident(&mut decl.kind);
            if let Some(max) = &mut decl.max_entries {
                v.expr(max);
            }
        }
        Item::Macro(def) => {
            v.span(&mut def.span);
            v.ident(&mut def.name);
            for param in &mut def.params {
                v.ident(&mut param.name);
            }
            v.block(&mut def.body);
        }
        Item::Probe(p) => probe(v, p),
    }
}

pub fn probe<V: VisitMut + ?Sized>(v: &mut V, probe: &mut Probe) {
    v.span(&mut probe.span);
    if let Some(name) = &mut probe.name {
        v.ident(name);
    }
    for point in &mut probe.attach_points {
        v.span(&mut point.span);
        v.ident(&mut point.provider);
        for part in &mut point.parts {
            v.span(&mut part.span);
        }
    }
    if let Some(predicate) = &mut probe.predicate {
        v.expr(predicate);
    }
    v.body(&mut probe.body);
}

pub fn block<V: VisitMut + ?Sized>(v: &mut V, block: &mut Block) {
    v.span(&mut block.span);
    for s in &mut block.stmts {
        v.stmt(s);
    }
    if let Some(tail) = &mut block.tail {
        v.expr(tail);
    }
}

/// Values before what they are assigned to, as they are evaluated.
pub fn stmt<V: VisitMut + ?Sized>(v: &mut V, stmt: &mut Stmt) {
    v.span(&mut stmt.span);
    match &mut stmt.kind {
        StmtKind::Expr(e) | StmtKind::Discard(e) | StmtKind::Return(Some(e)) => v.expr(e),
        StmtKind::Assign { target, value, .. } => {
            v.expr(value);
            v.expr(target);
        }
        StmtKind::Let { var, ty, value } => {
            if let Some(ty) = ty {
                v.type_expr(ty);
            }
            if let Some(value) = value {
                v.expr(value);
            }
            v.declared(var);
        }
        StmtKind::If {
            cond,
            then,
            otherwise,
        } => {
            v.expr(cond);
            v.body(then);
            if let Some(otherwise) = otherwise {
                v.body(otherwise);
            }
        }
        StmtKind::ForMap { var, map, body } => {
            v.expr(map);
            v.declared(var);
            v.body(body);
        }
        StmtKind::ForRange {
            var,
            start,
            end,
            body,
        } => {
            v.expr(start);
            v.expr(end);
            v.declared(var);
            v.body(body);
        }
        StmtKind::While { cond, body } => {
            v.expr(cond);
            v.body(body);
        }
        StmtKind::Unroll { count, body } => {
            v.expr(count);
            v.body(body);
        }
        StmtKind::Block(body) => v.body(body),
        StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => {}
    }
}

pub fn expr<V: VisitMut + ?Sized>(v: &mut V, expr: &mut Expr) {
    v.span(&mut expr.span);
    match &mut expr.kind {
        ExprKind::Int(_)
        | ExprKind::Str(_)
        | ExprKind::Bool(_)
        | ExprKind::Ident(_)
        | ExprKind::Var(_)
        | ExprKind::Map(_)
        | ExprKind::Param(_)
        | ExprKind::ParamCount
        | ExprKind::Error => {}
        ExprKind::Unary { expr, .. } => v.expr(expr),
        ExprKind::IncDec { target, .. } => v.expr(target),
        ExprKind::Binary { left, right, .. } => {
            v.expr(left);
            v.expr(right);
        }
        ExprKind::Ternary {
            cond,
            then,
            otherwise,
        } => {
            v.expr(cond);
            if let Some(then) = then {
                v.expr(then);
            }
            v.expr(otherwise);
        }
        ExprKind::Field { base, name, .. } => {
            v.expr(base);
            v.ident(name);
        }
        ExprKind::TupleField { base, index } => {
            v.expr(base);
            v.span(&mut index.span);
        }
        ExprKind::Index { base, indices } => {
            v.expr(base);
            indices.iter_mut().for_each(|i| v.expr(i));
        }
        ExprKind::Call { name, args } => {
            v.ident(name);
            args.iter_mut().for_each(|a| v.arg(a));
        }
        ExprKind::Cast { ty, expr } => {
            v.type_expr(ty);
            v.expr(expr);
        }
        ExprKind::Sizeof(a) | ExprKind::Typeof(a) | ExprKind::Typeinfo(a) => v.type_arg(a),
        ExprKind::Offsetof { base, path } => {
            v.type_arg(base);
            path.iter_mut().for_each(|name| v.ident(name));
        }
        ExprKind::Tuple(items) => items.iter_mut().for_each(|i| v.expr(i)),
        ExprKind::Record(fields) => {
            for (name, value) in fields {
                v.ident(name);
                v.expr(value);
            }
        }
        ExprKind::Block(b) => v.block(b),
    }
}

pub fn arg<V: VisitMut + ?Sized>(v: &mut V, arg: &mut Arg) {
    match arg {
        Arg::Expr(e) => v.expr(e),
        Arg::Type(t) => v.type_expr(t),
    }
}

pub fn type_expr<V: VisitMut + ?Sized>(v: &mut V, ty: &mut TypeExpr) {
    v.span(&mut ty.span);
    match &mut ty.base {
        TypeBase::Typeof(a) => v.type_arg(a),
        TypeBase::Tuple(items) => items.iter_mut().for_each(|t| v.type_expr(t)),
        TypeBase::Named(_) | TypeBase::Struct(_) | TypeBase::Union(_) | TypeBase::Enum(_) => {}
    }
    for modifier in &mut ty.modifiers {
        if let TypeModifier::Array(Some(size)) = modifier {
            v.expr(size);
        }
    }
}

pub fn c_item<V: VisitMut + ?Sized>(v: &mut V, item: &mut CItem) {
    match item {
        CItem::Include { path, span, .. } => {
            v.span(&mut path.span);
            v.span(span);
        }
        CItem::Define {
            name, body, span, ..
        } => {
            v.ident(name);
            v.span(&mut body.span);
            v.span(span);
        }
        CItem::Record(record) => c_record(v, record),
        CItem::Enum(def) => c_enum(v, def),
        CItem::Typedef { name, ty, span } => {
            v.ident(name);
            v.c_type(ty);
            v.span(span);
        }
    }
}

fn c_record<V: VisitMut + ?Sized>(v: &mut V, record: &mut CRecord) {
    v.span(&mut record.span);
    if let Some(name) = &mut record.name {
        v.ident(name);
    }
    for CField { name, ty, span, .. } in &mut record.fields {
        if let Some(name) = name {
            v.ident(name);
        }
        v.c_type(ty);
        v.span(span);
    }
}

fn c_enum<V: VisitMut + ?Sized>(v: &mut V, def: &mut CEnum) {
    v.span(&mut def.span);
    if let Some(name) = &mut def.name {
        v.ident(name);
    }
    for (name, value) in &mut def.variants {
        v.variant(name);
        if let Some(value) = value {
            v.expr(value);
        }
    }
}

pub fn c_type<V: VisitMut + ?Sized>(v: &mut V, ty: &mut CType) {
    match ty {
        CType::Record(record) => c_record(v, record),
        CType::InlineEnum(def) => c_enum(v, def),
        CType::Pointer(to) => v.c_type(to),
        CType::Array(element, size) => {
            v.c_type(element);
            if let Some(size) = size {
                v.expr(size);
            }
        }
        CType::Named(_) | CType::Struct(_) | CType::Union(_) | CType::Enum(_) | CType::Function => {
        }
    }
}

/// Moves every place by a distance, which wraps around: places are 32 bits.
pub struct Shift(pub u32);

impl Shift {
    /// What lies at `from` comes to lie at `to`.
    pub fn between(from: u32, to: u32) -> Shift {
        Shift(to.wrapping_sub(from))
    }
}

impl VisitMut for Shift {
    fn span(&mut self, span: &mut Span) {
        span.start = span.start.wrapping_add(self.0);
        span.end = span.end.wrapping_add(self.0);
    }
}
