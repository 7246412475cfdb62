//! Link flags of the release binary.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=discard.ld");
    println!("cargo:rustc-check-cfg=cfg(no_unwind)");
    // cargo calls a profile that inherits from release by that name, too: the folder tells
    let out = env::var("OUT_DIR").unwrap_or_default();
    let release = Path::new(&out)
        .components()
        .any(|c| c.as_os_str() == "release");
    // a release aborts at a panic, so nobody reads the tables for unwinding: a tenth of the binary
    if release {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/discard.ld");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{script}");
        println!("cargo:rustc-cfg=no_unwind");
    }
}
