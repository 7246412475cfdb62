//! `container_of()`: from a pointer to a member to the struct around it.

use bt_grammar::ast::{self, Arg, BinaryOp, TypeBase, TypeExpr, TypeModifier};
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Ident;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::Expr;

pub struct ContainerOf;

impl Function for ContainerOf {
    fn name(&self) -> &'static str {
        "container_of"
    }

    fn signature(&self) -> &'static str {
        "T *container_of(M *pointer, typeof(T), member)"
    }

    fn about(&self) -> &'static str {
        "the struct whose member a pointer points to"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"struct pair { int first; int second; };
uprobe:/bin/bash:readline {
  $pair = container_of((int *)arg0, typeof(struct pair), second);
  print($pair.first);
}"#,
            )]
        }
    }

    /// `(T *)((void *)pointer - offsetof(T, member))`
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 3, 3) {
            return Expr::poison(site.span);
        }
        let span = site.span;
        let Some(pointer) = cx.arg(site, 0) else {
            return Expr::poison(span);
        };
        let base = match &site.args[1] {
            Arg::Expr(ast::Expr {
                kind: ast::ExprKind::Typeof(of),
                ..
            }) => (**of).clone(),
            arg => arg.clone(),
        };
        let Some(path) = cx.arg(site, 2).and_then(member_path) else {
            let error = Diagnostic::error("E0402", site.args[2].span(), "expected a member's name");
            cx.report(
                error
                    .here("not a name")
                    .help(format!("its form is `{}`", self.signature())),
            );
            return Expr::poison(span);
        };
        let expr = |kind| ast::Expr { kind, span };
        let cast = |ty, operand| {
            expr(ast::ExprKind::Cast {
                ty,
                expr: Box::new(operand),
            })
        };
        let pointer_to = |base| TypeExpr {
            base,
            modifiers: vec![TypeModifier::Pointer],
            span: site.args[1].span(),
        };
        let container = pointer_to(TypeBase::Typeof(Box::new(base.clone())));
        let offset = expr(ast::ExprKind::Offsetof {
            base: Box::new(base),
            path,
        });
        let address = expr(ast::ExprKind::Binary {
            op: BinaryOp::Sub,
            left: Box::new(cast(
                pointer_to(TypeBase::Named("void".into())),
                pointer.clone(),
            )),
            right: Box::new(offset),
        });
        cx.expr(&cast(container, address))
    }
}

/// `a.b` as names.
fn member_path(expr: &ast::Expr) -> Option<Vec<Ident>> {
    match &expr.kind {
        ast::ExprKind::Ident(name) => Some(vec![Ident {
            node: name.clone(),
            span: expr.span,
        }]),
        ast::ExprKind::Field { base, name, .. } => {
            let mut path = member_path(base)?;
            path.push(name.clone());
            Some(path)
        }
        _ => None,
    }
}
