//! Link flags of the release binary.

fn main() {
    println!("cargo:rerun-if-changed=discard.ld");
    // a release aborts at a panic, so nobody reads the tables for unwinding: a tenth of the binary
    if std::env::var("PROFILE").is_ok_and(|p| p == "release") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/discard.ld");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{script}");
    }
}
