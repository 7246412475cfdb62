//! The functions of libgcc's unwinder, for a binary that never unwinds.
//!
//! A release aborts at a panic, and has no unwinding tables (see build.rs), so a backtrace would be empty anyway. With these
//! definitions the optimiser sees that, and leaves out what the standard library would print it with: a DWARF reader, a
//! demangler, decompression, 250 KB.

use std::ffi::{c_int, c_void};

/// _URC_END_OF_STACK
const END_OF_STACK: c_int = 5;

// SAFETY (of all that follow): no other object defines the symbol: libgcc_eh.a is an archive, of which nothing is taken once they
// are here. The signatures are those of <unwind.h>.

// SAFETY: see above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_: *const c_void, _: *mut c_void) -> c_int {
    END_OF_STACK
}

macro_rules! no_frame {
    ($($name:ident)*) => {$(
        // SAFETY: see above. Only the callback of a backtrace calls it, and there is never a frame.
        #[unsafe(no_mangle)]
        extern "C" fn $name(_: *mut c_void) -> usize {
            0
        }
    )*};
}

no_frame! {
    _Unwind_FindEnclosingFunction
    _Unwind_GetCFA
    _Unwind_GetDataRelBase
    _Unwind_GetIP
    _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart
    _Unwind_GetTextRelBase
}

macro_rules! never_called {
    ($($name:ident)*) => {$(
        // SAFETY: see above. Nothing unwinds, so there is nothing to go on with.
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            std::process::abort()
        }
    )*};
}

never_called! {
    _Unwind_DeleteException
    _Unwind_GetIPInfo
    _Unwind_RaiseException
    _Unwind_Resume
    _Unwind_SetGR
    _Unwind_SetIP
}
