//! SIGINT and SIGTERM end the run in order; a second one ends it at once. SIGUSR1 is the script's, if it asks for it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

static PENDING: AtomicBool = AtomicBool::new(false);
static USER: AtomicBool = AtomicBool::new(false);
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Has a signal asked for the end?
pub fn pending() -> bool {
    PENDING.load(Ordering::Relaxed)
}

/// Has SIGUSR1 come since the last time?
pub fn take_user() -> bool {
    let came = USER.swap(false, Ordering::Relaxed);
    if came && !pending() {
        let mut count = [0u8; 8];
        // SAFETY: read(2) writes 8 bytes, for which there is room. There being nothing to read is no failure.
        unsafe { libc::read(WAKE.load(Ordering::Relaxed), count.as_mut_ptr().cast(), 8) };
    }
    came
}

/// SIGUSR1 is noted from now on; [`install`] comes first.
pub fn install_user() -> io::Result<()> {
    handle(libc::SIGUSR1, on_user as *const () as usize, 0)
}

fn handle(signal: libc::c_int, handler: usize, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: a zeroed sigaction is a valid one, and the handlers below only do what handlers may do.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags | libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Rust ignores SIGPIPE, which another program that takes this one's place would inherit.
pub fn forget() {
    // SAFETY: the default action is no function of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
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
        // with the default action again, a second signal ends the process even where it hangs in a write
        handle(signal, on_signal as *const () as usize, libc::SA_RESETHAND)?;
    }
    Ok(fd)
}

extern "C" fn on_signal(_: libc::c_int) {
    PENDING.store(true, Ordering::Relaxed);
    wake();
}

extern "C" fn on_user(_: libc::c_int) {
    USER.store(true, Ordering::Relaxed);
    wake();
}

fn wake() {
    let one = 1u64.to_ne_bytes();
    // SAFETY: write(2) may be called in a handler, and reads 8 bytes that are there. errno is restored by nobody who reads it: the
    // interrupted code is poll(2), which is called again.
    unsafe { libc::write(WAKE.load(Ordering::Relaxed), one.as_ptr().cast(), one.len()) };
}
