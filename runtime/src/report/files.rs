//! What `cat()` and `system()` print: files, and commands of the shell.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

/// The first bytes of a file.
pub fn cat(name: &[u8], most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(OsStr::from_bytes(name))?
        .take(most)
        .read_to_end(&mut content)?;
    Ok(content)
}

/// Runs a command to its end, and gives what it wrote to standard output and standard error. Through popen(3): the standard
/// library's processes would be a twentieth of btrun.
pub fn system(command: &[u8]) -> io::Result<Vec<u8>> {
    let shell = [b"exec 2>&1 </dev/null\n", command].concat();
    let shell = CString::new(shell)?;
    // SAFETY: both are C strings.
    let pipe = unsafe { libc::popen(shell.as_ptr(), c"re".as_ptr()) };
    if pipe.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut output = Vec::new();
    let mut part = [0u8; 4096];
    loop {
        // SAFETY: the stream is open, and writes at most the length of `part`.
        let read = unsafe { libc::fread(part.as_mut_ptr().cast(), 1, part.len(), pipe) };
        output.extend_from_slice(&part[..read.min(part.len())]);
        if read == 0 {
            break;
        }
    }
    // SAFETY: the stream is open, and not used after this.
    unsafe { libc::pclose(pipe) };
    Ok(output)
}
