//! Programs of iterators: their objects, which may not be there, and how btrun is told of each.

use super::Lower;
use crate::llvm::builder::Arg;
use crate::llvm::helper::SEQ_WRITE;
use crate::llvm::{BasicBlock, PointerValue};
use crate::probes::ProbeKind;
use crate::typed::{Expr, ExprKind, Place, Step};
use crate::types::{FieldRef, Space, Ty};

impl<'c> Lower<'c, '_> {
    /// A pointer there is one in the context of an iterator's program.
    pub(super) fn is_object(&self, place: &Place) -> bool {
        self.kind() == ProbeKind::Iter && matches!(place.base.ty, Ty::Ptr(_, Space::Context))
    }

    /// Loads the objects, or ends the program. The verifier takes those for objects that it has seen to be there.
    pub(super) fn load_objects(&mut self, objects: &[Expr], exit: BasicBlock<'c>) {
        for object in objects {
            let ExprKind::Read(place) = &object.kind else {
                continue;
            };
            let at = self.address(place);
            let loaded = self.b.load_ptr(at);
            let there = self.b.block("there");
            self.b.branch_null(loaded, exit, there);
            self.b.at_end(there);
            self.program.objects.push((path(place), loaded));
        }
    }

    /// The object at a place of the context. In a callback, which has the context alone, one that is not there is at an address that
    /// cannot be read: the verifier must see that it was asked.
    pub(super) fn object(&mut self, place: &Place) -> PointerValue<'c> {
        let path = path(place);
        let mut loaded = self.program.objects.iter();
        if let Some((_, known)) = loaded.find(|(p, _)| *p == path) {
            return *known;
        }
        let at = self.address(place);
        let loaded = self.b.load(at, 8, false);
        let is_there = self
            .b
            .compare(inkwell::IntPredicate::NE, loaded, self.int(0));
        let object = self.b.select(is_there, loaded, self.int(1));
        self.b.to_ptr(object)
    }

    /// Where the script sends records, a byte goes to the reader of the iterator for each object: it reads a byte at a time, and so
    /// gets the records of one object before the next one is looked at, and none is lost.
    pub(super) fn tell_reader(&mut self) {
        if self.kind() != ProbeKind::Iter || self.is_pinned() || self.plan.events.is_empty() {
            return;
        }
        let seq = self.seq_file();
        let byte = self.b.alloca(8);
        self.b.store(byte, self.int(0), 8);
        let one = self.int(1);
        self.helper(SEQ_WRITE, &[Arg::Ptr(seq), Arg::Ptr(byte), one.into()]);
    }
}

/// Objects have no index.
fn path(place: &Place) -> Vec<FieldRef> {
    let field = |step: &Step| match step {
        Step::Field(field) => Some(*field),
        Step::Index { .. } => None,
    };
    place.steps.iter().filter_map(field).collect()
}
