//! SIGINT and SIGTERM end the run in order; a second one ends it at once.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

static PENDING: AtomicBool = AtomicBool::new(false);
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Has a signal asked for the end?
pub fn pending() -> bool {
    PENDING.load(Ordering::Relaxed)
}

/// The handlers; gives a descriptor that becomes readable with the first signal.
pub fn install() -> io::Result<i32> {
    // SAFETY: the call has no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    WAKE.store(fd, Ordering::Relaxed);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: a zeroed sigaction is a valid one, and the handler below only does what handlers may do.
        let done = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            // with the default action again, a second signal ends the process even where it hangs in a write
            action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut())
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(fd)
}

extern "C" fn on_signal(_: libc::c_int) {
    PENDING.store(true, Ordering::Relaxed);
    let one = 1u64.to_ne_bytes();
    // SAFETY: write(2) may be called in a handler, and reads 8 bytes that are there. errno is restored by nobody who reads it: the
    // interrupted code is poll(2), which is called again.
    unsafe { libc::write(WAKE.load(Ordering::Relaxed), one.as_ptr().cast(), one.len()) };
}
