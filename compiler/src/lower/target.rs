//! `btrun -p PID`: programs of the kernel's events go on only for that process.
//!
//! Without `-p`, or in the root pid namespace, the verifier knows it from the slots, and drops what is not needed.

use bt_abi::manifest::{SlotValue, TargetPart};
use inkwell::IntPredicate;

use super::Lower;
use crate::llvm::BasicBlock;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{GET_CURRENT_PID_TGID, GET_NS_CURRENT_PID_TGID};

impl<'c> Lower<'c, '_> {
    /// Goes on in a new block for the process that is wanted, and to `exit` for others.
    pub(super) fn only_target(&mut self, exit: BasicBlock<'c>) {
        let probe = self.probe();
        if !probe.kind.is_of_kernel() {
            return;
        }
        let part = |lower: &mut Self, wanted| {
            lower.own_slot(|v, _| matches!(v, SlotValue::Target { part } if *part == wanted))
        };
        let names = ["filter", "plain", "nested", "go_on"];
        let [filter, plain, nested, go_on] = names.map(|name| self.b.block(name));
        let pid = part(self, TargetPart::Pid);
        let all = self.b.compare(IntPredicate::EQ, pid, self.int(0));
        self.b.branch(all, go_on, filter);

        self.b.at_end(filter);
        let inode = part(self, TargetPart::Inode);
        let root = self.b.compare(IntPredicate::EQ, inode, self.int(0));
        self.b.branch(root, plain, nested);

        self.b.at_end(plain);
        let both = self.b.helper(GET_CURRENT_PID_TGID, &[]);
        let current = self.b.shr(both, self.int(32), false);
        let same = self.b.compare(IntPredicate::EQ, current, pid);
        self.b.branch(same, go_on, exit);

        self.b.at_end(nested);
        let device = part(self, TargetPart::Device);
        // `struct bpf_pidns_info`: thread, process; a task of another namespace leaves zeroes
        let ids = self.b.alloca(8);
        let size = self.int(8);
        self.b.helper(
            GET_NS_CURRENT_PID_TGID,
            &[device.into(), inode.into(), Arg::Ptr(ids), size.into()],
        );
        let both = self.b.load(ids, 8, false);
        let current = self.b.shr(both, self.int(32), false);
        let same = self.b.compare(IntPredicate::EQ, current, pid);
        self.b.branch(same, go_on, exit);
        self.b.at_end(go_on);
    }
}
