//! `cgroupid()` and `cgroup_path()`: control groups by path and by number.

use bt_abi::manifest::{Named, SlotValue};

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::PointerValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Printed, Ty, UINT64};

pub struct CgroupId;
pub struct CgroupPath;

impl Function for CgroupId {
    fn name(&self) -> &'static str {
        "cgroupid"
    }

    fn signature(&self) -> &'static str {
        "uint64 cgroupid(const string path)"
    }

    fn about(&self) -> &'static str {
        "the id of the cgroup (version 2) at a path, on the machine that the script is run on"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"tracepoint:syscalls:sys_enter_openat /cgroup == cgroupid("/sys/fs/cgroup")/ { @ = count(); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    /// The call is a late-bound slot and nothing else.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        match cx.literal_str(site, 0, "the path of a cgroup") {
            Some(name) => cx.slot(SlotValue::CgroupId(Named { name }), UINT64, site.span),
            None => Expr::poison(site.span),
        }
    }
}

impl Function for CgroupPath {
    fn name(&self) -> &'static str {
        "cgroup_path"
    }

    fn signature(&self) -> &'static str {
        "cgroup_path_t cgroup_path(int cgroupid[, const string filter])"
    }

    fn about(&self) -> &'static str {
        "the paths of a cgroup when it is printed, in hierarchies whose name the filter matches (`unified` for version 2)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"tracepoint:syscalls:sys_enter_execve { print(cgroup_path(cgroup)); print(cgroup_path(cgroup, "unified")); }"#,
            )]
        }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let id = cx.scalar(arg, "the id of a cgroup");
        let filter = match site.args.len() {
            1 => Some(String::new()),
            _ => cx.literal_str(site, 1, "the filter"),
        };
        match filter {
            Some(filter) if !id.ty.is_unknown() => {
                let ty = Ty::Printed(Printed::CgroupPath { filter });
                cx.made(site, self, ty, vec![id], CallData::None)
            }
            _ => Expr::poison(site.span),
        }
    }

    fn lower_into<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call, to: PointerValue<'c>, _: u32) {
        if let Some(id) = call.args.first() {
            let id = lower.scalar(id);
            lower.b.store(to, id, 8);
        }
    }
}
