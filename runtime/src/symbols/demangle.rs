//! Names of C++ written out.

use bt_abi::attach::matches;
use cpp_demangle::{DemangleOptions, Symbol};

/// Does a symbol have the name that a pattern stands for, or match it as it is? Parameters count where the pattern has some; what a
/// template's instance returns may be in front.
pub fn answers(pattern: &str, symbol: &str) -> bool {
    if matches(pattern, symbol) {
        return true;
    }
    // what is no name of C++ would be read as a type's
    if !symbol.starts_with("_Z") && !symbol.starts_with("__Z") {
        return false;
    }
    let options = || DemangleOptions::new();
    let forms = match pattern.contains('(') {
        true => vec![options(), options().no_return_type()],
        false => vec![options().no_params().no_return_type()],
    };
    let Ok(symbol) = Symbol::new(symbol) else {
        return false;
    };
    let mut names = forms
        .iter()
        .filter_map(|form| symbol.demangle_with_options(form).ok());
    names.any(|name| matches(pattern, &name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cpp() {
        let symbol = "_ZN5MyApp6Server14handle_requestEi";
        for pattern in [
            "MyApp::Server::handle_request",
            "MyApp::Server::*",
            "*::handle_request(int)",
            "_ZN5MyApp*",
        ] {
            assert!(answers(pattern, symbol), "{pattern}");
        }
        for pattern in ["handle_request", "MyApp::Server", "*(long)"] {
            assert!(!answers(pattern, symbol), "{pattern}");
        }
        assert!(!answers("int", "i"));
    }
}
