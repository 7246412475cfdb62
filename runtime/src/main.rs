//! The command `btrun`: arguments in, exit status out. The rest is the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(btrun::main(std::env::args_os()))
}
