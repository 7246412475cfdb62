//! `write_user()`: bytes into the memory of the current process.

use bt_grammar::diag::Diagnostic;
use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::builder::Arg;
use crate::llvm::helper::PROBE_WRITE_USER;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{Space, Ty, UINT64};

pub struct WriteUser;

impl Function for WriteUser {
    fn name(&self) -> &'static str {
        "write_user"
    }

    fn signature(&self) -> &'static str {
        "bool write_user(void *to, from, uint32 length)"
    }

    fn about(&self) -> &'static str {
        "writes bytes of a value of the script to an address of the current process, and says whether that worked (unsafe)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"tracepoint:syscalls:sys_enter_openat /comm == "myapp"/ {
  $path = "/tmp/other";
  if (write_user(args.filename, $path, 11)) { print("redirected"); }
}"#,
            )]
        }
    }

    fn is_unsafe(&self) -> bool {
        true
    }

    /// Arguments: the address, the value or a pointer to a variable, the length.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 3, 3) {
            return Expr::poison(site.span);
        }
        let (Some(to), Some(from), Some(length)) =
            (cx.arg(site, 0), cx.arg(site, 1), cx.arg(site, 2))
        else {
            return Expr::poison(site.span);
        };
        let to = cx.value(to);
        let from = cx.value_as_string(from);
        let length = cx.scalar(length, "the length");
        if [&to, &from, &length].iter().any(|e| e.ty.is_unknown()) {
            return Expr::poison(site.span);
        }
        if !matches!(to.ty, Ty::Int(_) | Ty::Ptr(_, Space::User | Space::Any)) {
            return cx.wrong_arg(site, &to, "an address of the process");
        }
        // `&$x` is the variable.
        let from = match from.kind {
            ExprKind::InMemory(value) => *value,
            kind => Expr { kind, ..from },
        };
        let most = match &from.ty {
            Ty::Ptr(..) => {
                return cx.wrong_arg(
                    site,
                    &from,
                    "a value of the script, or the address of a variable",
                );
            }
            ty => ty.size(),
        };
        if let Some(n) = length.flexible_int()
            && !(1..=i64::from(most)).contains(&n)
        {
            let error = Diagnostic::error("E0402", length.span, "the length is out of range");
            cx.report(
                error
                    .here(format!("expected 1 to {most}"))
                    .also(from.span, format!("this has {most} bytes")),
            );
            return Expr::poison(site.span);
        }
        let length = cx.convert_silently(length, &UINT64);
        let data = CallData::Size(most);
        cx.made(site, self, Ty::Bool, vec![to, from, length], data)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let (CallData::Size(most), [to, from, length]) = (&call.data, call.args.as_slice()) else {
            return None;
        };
        let to = lower.scalar(to);
        let memory = super::memcmp::in_memory(lower, from);
        let length = lower.scalar(length);
        let most = lower.int(i64::from(*most));
        let fits = lower.b.compare(IntPredicate::ULT, length, most);
        let length = lower.b.select(fits, length, most);
        let args = [Arg::Int(to), Arg::Ptr(memory), Arg::Int(length)];
        let status = lower.helper(PROBE_WRITE_USER, &args);
        Some(lower.b.compare(IntPredicate::EQ, status, lower.int(0)))
    }
}
