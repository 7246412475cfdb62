//! Process ids as btrun's pid namespace counts them.

use bt_abi::manifest::{NamespacePart, SlotValue};
use inkwell::IntPredicate;

use super::Lower;
use crate::llvm::IntValue;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{GET_CURRENT_PID_TGID, GET_NS_CURRENT_PID_TGID};

impl<'c> Lower<'c, '_> {
    /// Process id above, thread id below, as the namespace of btrun has them; 0 for a task that it does not see. In the root namespace,
    /// for which the slots are 0, the verifier drops all but the plain helper.
    pub fn process_and_thread(&mut self) -> IntValue<'c> {
        let slot = |lower: &mut Self, wanted| {
            lower.own_slot(|v, _| matches!(v, SlotValue::PidNamespace { part } if *part == wanted))
        };
        let inode = slot(self, NamespacePart::Inode);
        let ids = self.b.alloca(8);
        let [plain, nested, done] = ["plain", "nested", "done"].map(|name| self.b.block(name));
        let is_root = self.b.compare(IntPredicate::EQ, inode, self.int(0));
        self.b.branch(is_root, plain, nested);

        self.b.at_end(plain);
        let both = self.helper(GET_CURRENT_PID_TGID, &[]);
        self.b.jump(done);

        self.b.at_end(nested);
        let device = slot(self, NamespacePart::Device);
        let size = self.int(8);
        // `struct bpf_pidns_info`: the thread's id first.
        self.helper(
            GET_NS_CURRENT_PID_TGID,
            &[device.into(), inode.into(), Arg::Ptr(ids), size.into()],
        );
        let seen = self.b.load(ids, 8, false);
        self.b.jump(done);

        self.b.at_end(done);
        self.b.phi(&[(both, plain), (seen, nested)])
    }

    /// The process id alone.
    pub fn process_id(&mut self) -> IntValue<'c> {
        let both = self.process_and_thread();
        self.b.shr(both, self.int(32), false)
    }
}
