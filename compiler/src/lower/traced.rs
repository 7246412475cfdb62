//! Pointers whose kernel type the verifier follows: read by loads of the program itself, not by helpers, from the context of a tracing
//! program on.

use super::Lower;
use crate::llvm::PointerValue;
use crate::llvm::helper::GET_CURRENT_TASK_BTF;
use crate::typed::{Expr, ExprKind, Place};
use crate::types::{Space, Ty};

/// The other helper for it gives a number.
const CURTASK: &str = "curtask";

impl<'c> Lower<'c, '_> {
    /// The pointer, or the address of a struct that lies in what is pointed to.
    pub fn traced_pointer(&mut self, expr: &Expr) -> PointerValue<'c> {
        match &expr.kind {
            ExprKind::AddressOf(place) => self.traced_address(place),
            ExprKind::Read(place) => {
                if self.is_object(place) && matches!(expr.ty, Ty::Ptr(..)) {
                    return self.object(place);
                }
                let at = self.traced_address(place);
                match expr.ty {
                    Ty::Ptr(..) => self.b.load_ptr(at),
                    _ => at,
                }
            }
            ExprKind::Builtin(builtin) if builtin.names()[0] == CURTASK => {
                self.helper_ptr(GET_CURRENT_TASK_BTF, &[])
            }
            ExprKind::Cast(operand) if matches!(operand.ty, Ty::Ptr(..)) => {
                self.traced_pointer(operand)
            }
            _ => {
                let address = self.scalar(expr);
                self.b.to_ptr(address)
            }
        }
    }

    fn traced_address(&mut self, place: &Place) -> PointerValue<'c> {
        if matches!(place.base.ty, Ty::Ptr(_, Space::Context)) {
            return self.address(place);
        }
        let base = self.traced_pointer(&place.base);
        self.walk_from(base, place, place.steps.len())
    }
}
