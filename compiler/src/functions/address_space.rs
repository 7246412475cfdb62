//! `kptr()` and `uptr()`: where a pointer points.

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::typed::{Expr, ExprKind};
use crate::types::{Space, Ty};

pub struct Kptr;
pub struct Uptr;

impl Function for Kptr {
    fn name(&self) -> &'static str {
        "kptr"
    }

    fn signature(&self) -> &'static str {
        "T *kptr(T *pointer)"
    }

    fn about(&self) -> &'static str {
        "the pointer, as one into the memory of the kernel"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kprobe:vfs_read { printf("%d\n", kptr((uint64 *)arg1) == 0); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        into_space(self, cx, site, Space::Kernel)
    }
}

impl Function for Uptr {
    fn name(&self) -> &'static str {
        "uptr"
    }

    fn signature(&self) -> &'static str {
        "T *uptr(T *pointer)"
    }

    fn about(&self) -> &'static str {
        "the pointer, as one into the memory of the current process"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"kprobe:do_sys_openat2 { printf("%s\n", str(uptr((int8 *)arg1))); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        into_space(self, cx, site, Space::User)
    }
}

fn into_space(
    function: &'static dyn Function,
    cx: &mut Checker,
    site: &CallSite,
    space: Space,
) -> Expr {
    if !cx.arity(site, function, 1, 1) {
        return Expr::poison(site.span);
    }
    let Some(arg) = cx.arg(site, 0) else {
        return Expr::poison(site.span);
    };
    let pointer = cx.value(arg);
    let to = match &pointer.ty {
        Ty::Unknown => return Expr::poison(site.span),
        Ty::Ptr(to, _) => to.clone(),
        Ty::Int(_) => Box::new(Ty::Void),
        _ => return cx.wrong_arg(site, &pointer, "a pointer"),
    };
    Expr {
        kind: ExprKind::Cast(Box::new(pointer)),
        ty: Ty::Ptr(to, space),
        span: site.span,
    }
}
