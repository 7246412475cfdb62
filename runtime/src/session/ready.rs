//! Tells systemd that all probes are attached: sd_notify(3), for services of `Type=notify`.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends READY=1 to the socket in NOTIFY_SOCKET, if there is one. Who started us has to cope if it cannot be told.
pub fn tell_service_manager() {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let (Some(address), Ok(socket)) = (address(&name), UnixDatagram::unbound()) else {
        return;
    };
    let _ = socket.send_to_addr(b"READY=1\n", &address);
}

/// A path, or behind `@` a name that is no file.
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(name).ok(),
    }
}
