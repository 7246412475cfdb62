//! zlib's functions that libelf and libbpf would call for compressed sections and /proc/config.gz.
//!
//! Objects of `btc` have no compressed sections, and programs no kconfig externs, so these are never called; that they
//! exist here keeps 80 KB of zlib out of a binary that is counted in kilobytes. Each says that it failed.

use std::ffi::{c_char, c_int, c_void};

/// Z_STREAM_ERROR
const FAILED: c_int = -2;

macro_rules! failing {
    ($($name:ident($($ty:ty),*);)*) => {$(
        // SAFETY: no other object defines the symbol: libz.a is an archive, of which nothing is taken once it is here.
        #[unsafe(no_mangle)]
        extern "C" fn $name($(_: $ty),*) -> c_int {
            FAILED
        }
    )*};
}

failing! {
    deflateInit_(*mut c_void, c_int, *const c_char, c_int);
    deflate(*mut c_void, c_int);
    deflateEnd(*mut c_void);
    inflateInit_(*mut c_void, *const c_char, c_int);
    inflate(*mut c_void, c_int);
    inflateReset(*mut c_void);
    inflateEnd(*mut c_void);
    gzclose(*mut c_void);
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn gzopen64(_: *const c_char, _: *const c_char) -> *mut c_void {
    std::ptr::null_mut()
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn gzgets(_: *mut c_void, _: *mut c_char, _: c_int) -> *mut c_char {
    std::ptr::null_mut()
}
