//! `path()`: the full path of a file.

use bt_grammar::diag::Diagnostic;
use inkwell::IntPredicate;

use super::{Function, traced};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::llvm::builder::Arg;
use crate::llvm::helper::D_PATH;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Space, Ty};

pub struct FilePath;

impl Function for FilePath {
    fn name(&self) -> &'static str {
        "path"
    }

    fn signature(&self) -> &'static str {
        "string path(struct path *path[, const int32 size])"
    }

    fn about(&self) -> &'static str {
        "the full path that a `struct path` stands for, its end if there are more than `size` bytes (default: max_strlen); only in iterators (since Linux 5.12), and in fentry and fexit of functions that the kernel allows it for"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "fentry:filp_close { print(path(args.filp.f_path)); }",
            )]
        }
    }

    fn wants_types(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(path) = traced::pointer(cx, site, 0, "path") else {
            return Expr::poison(site.span);
        };
        let most = cx.config.max_strlen;
        let size = match site.args.len() {
            1 => most,
            _ => match cx.literal_int(site, 1, "the size") {
                Some(size) if (1..=i64::from(most)).contains(&size) => size as u32,
                Some(_) => {
                    let error = Diagnostic::error(
                        "E0402",
                        site.args[1].span(),
                        "the size of a path is out of range",
                    );
                    cx.report(error.here(format!("expected 1 to {most} (max_strlen)")));
                    return Expr::poison(site.span);
                }
                None => return Expr::poison(site.span),
            },
        };
        cx.made(site, self, Ty::Str(size), vec![path], CallData::Size(most))
    }

    fn lower_into<'c>(
        &self,
        lower: &mut Lower<'c, '_>,
        call: &Call,
        to: PointerValue<'c>,
        size: u32,
    ) {
        let (CallData::Size(most), Some(path)) = (&call.data, call.args.first()) else {
            return;
        };
        let path = lower.traced_pointer(path);
        let whole = lower.scratch(*most + size);
        lower.b.store(whole, lower.int(0), 8);
        let room = lower.int(i64::from(*most));
        let args = [Arg::Ptr(path), Arg::Ptr(whole), room.into()];
        let length = lower.checked_helper(D_PATH, &args);
        // What is too long loses its beginning.
        let kept = lower.int(i64::from(size));
        let longer = lower.b.compare(IntPredicate::SGT, length, kept);
        let skipped = lower
            .b
            .select(longer, lower.b.sub(length, kept), lower.int(0));
        let inside = lower.b.compare(IntPredicate::ULT, skipped, room);
        let skipped = lower.b.select(inside, skipped, lower.int(0));
        let from = lower.b.offset_by(whole, skipped);
        lower.read_string_at(Space::Kernel, to, size, Arg::Ptr(from));
    }
}
