//! `percpu_kaddr()`: where a variable of the kernel lies that each CPU has one of.

use bt_abi::manifest::{Named, SlotValue};
use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_SMP_PROCESSOR_ID;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Space, Ty, UINT32, UINT64};

pub struct PercpuKaddr;

/// The kernel's array of what is added to an address for each CPU.
const OFFSETS: &str = "__per_cpu_offset";

impl Function for PercpuKaddr {
    fn name(&self) -> &'static str {
        "percpu_kaddr"
    }

    fn signature(&self) -> &'static str {
        "uint64 *percpu_kaddr(const string name[, int cpu])"
    }

    fn about(&self) -> &'static str {
        "the address of a variable of the kernel that each CPU has one of: of this CPU, or of another; 0 if there is no such CPU"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                r#"interval:1s {
  $queue = (struct rq *)percpu_kaddr("runqueues", 0);
  if ($queue != 0) { print($queue.nr_running); }
}"#,
            )]
        }
    }

    /// Arguments: the symbol, the offsets, the number of CPUs, and the CPU if it is not this one. The address is computed as the kernel's
    /// `per_cpu_ptr` does, on every kernel.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(name) = cx.literal_str(site, 0, "the name of a kernel symbol") else {
            return Expr::poison(site.span);
        };
        let cpu = match site.args.len() {
            1 => None,
            _ => match cx.arg(site, 1) {
                Some(cpu) => Some(cx.scalar(cpu, "the number of a CPU")),
                None => return Expr::poison(site.span),
            },
        };
        if cpu.as_ref().is_some_and(|cpu| cpu.ty.is_unknown()) {
            return Expr::poison(site.span);
        }
        let mut args = vec![
            cx.slot(SlotValue::KernelAddress(Named { name }), UINT64, site.span),
            cx.slot(
                SlotValue::KernelAddress(Named {
                    name: OFFSETS.into(),
                }),
                UINT64,
                site.span,
            ),
            cx.slot(SlotValue::Cpus, UINT64, site.span),
        ];
        args.extend(cpu.map(|cpu| cx.convert_silently(cpu, &UINT32)));
        let ty = Ty::Ptr(Box::new(UINT64), Space::Kernel);
        cx.made(site, self, ty, args, CallData::None)
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let [symbol, offsets, cpus, cpu @ ..] = call.args.as_slice() else {
            return None;
        };
        let cpu = match cpu.first() {
            Some(cpu) => lower.scalar(cpu),
            None => lower.helper(GET_SMP_PROCESSOR_ID, &[]),
        };
        let [symbol, offsets, cpus] = [symbol, offsets, cpus].map(|slot| lower.scalar(slot));
        let at = lower.b.add(offsets, lower.b.shl(cpu, lower.int(3)));
        let offset = lower.temp(8);
        let size = lower.int(8);
        lower.read_at(Space::Kernel, offset, size, at);
        let address = lower.b.add(symbol, lower.b.load(offset, 8, false));
        let exists = lower.b.compare(IntPredicate::ULT, cpu, cpus);
        Some(lower.b.select(exists, address, lower.int(0)))
    }
}
