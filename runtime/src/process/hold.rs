//! Holds a command between execve(2) and its first instruction, by ptrace(2).

use std::io;

/// Asks for a stop when the child has become a program. False where that is not permitted.
pub fn seize(pid: u32) -> bool {
    request(libc::PTRACE_SEIZE, pid, libc::PTRACE_O_TRACEEXEC as usize).is_ok()
}

/// Comes back when it is stopped; or with its status, when it has ended instead.
pub fn until_exec(pid: u32) -> io::Result<Option<libc::c_int>> {
    loop {
        let mut status = 0;
        // SAFETY: the status lives through the call.
        let done = unsafe { libc::waitpid(pid as libc::pid_t, &mut status, libc::__WALL) };
        if done < 0 {
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => continue,
                _ => return Err(error),
            }
        }
        if !libc::WIFSTOPPED(status) {
            return Ok(Some(status));
        }
        if status >> 16 == libc::PTRACE_EVENT_EXEC {
            return Ok(None);
        }
        // A signal that came in between is its own.
        let signal = match status >> 16 {
            0 => libc::WSTOPSIG(status),
            _ => 0,
        };
        request(libc::PTRACE_CONT, pid, signal as usize)?;
    }
}

/// Lets it run, without us.
pub fn release(pid: u32) -> io::Result<()> {
    request(libc::PTRACE_DETACH, pid, 0)
}

fn request(what: libc::c_uint, pid: u32, data: usize) -> io::Result<()> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: none of these requests has the kernel write to our memory.
    let result = unsafe { libc::ptrace(what, pid as libc::pid_t, none, data) };
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
