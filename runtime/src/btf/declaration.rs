//! Types as C declares them, spelled as libbpf (and so bpftrace) spells them: `struct sock *`, `void (*)(int a)`.

use std::io;

use super::reader::{Btf, Header, kind};

/// Deeper types than this are not C.
const MAX_DEPTH: u32 = 32;

/// The declaration of `name`, which may be empty.
pub fn declare(btf: &mut Btf, ty: u32, name: &str) -> io::Result<String> {
    let mut out = String::new();
    write(btf, ty, name, 0, &mut out)?;
    Ok(out)
}

fn write(btf: &mut Btf, ty: u32, name: &str, depth: u32, out: &mut String) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    // from what is declared to the type that it is made of
    let mut chain = Vec::new();
    let mut at = ty;
    let base = loop {
        let Some(header) = btf.get(at)? else {
            break "void".to_string();
        };
        at = match header.kind {
            kind::PTR | kind::CONST | kind::VOLATILE | kind::RESTRICT | kind::FUNC_PROTO => {
                header.size_or_type
            }
            kind::TYPE_TAG => {
                at = header.size_or_type;
                continue;
            }
            kind::ARRAY => btf.array(&header)?.element,
            _ => break base_name(btf, &header)?,
        };
        chain.push(header);
        if chain.len() > MAX_DEPTH as usize {
            return Ok(());
        }
    };
    // qualifiers of that type stand before it
    while let Some(word) = chain.last().and_then(qualifier) {
        out.push_str(word);
        out.push(' ');
        chain.pop();
    }
    out.push_str(&base);
    around(btf, chain, name, false, depth, out)
}

/// What stands around the name. `chain`: outermost first.
fn around(
    btf: &mut Btf,
    mut chain: Vec<Header>,
    name: &str,
    mut after_pointer: bool,
    depth: u32,
    out: &mut String,
) -> io::Result<()> {
    while let Some(header) = chain.pop() {
        match header.kind {
            kind::PTR => {
                out.push_str(if after_pointer { "*" } else { " *" });
                after_pointer = true;
            }
            kind::FUNC_PROTO => {
                if chain.is_empty() {
                    write_name(name, after_pointer, out);
                } else {
                    out.push_str(" (");
                    around(btf, std::mem::take(&mut chain), name, true, depth, out)?;
                    out.push(')');
                }
                return parameters(btf, &header, depth, out);
            }
            kind::ARRAY => {
                let count = btf.array(&header)?.count;
                if chain.is_empty() || chain.iter().all(|h| h.kind == kind::ARRAY) {
                    write_name(name, after_pointer, out);
                    for outer in &chain {
                        let count = btf.array(outer)?.count;
                        out.push_str(&format!("[{count}]"));
                    }
                    chain.clear();
                } else {
                    if !name.is_empty() && !after_pointer {
                        out.push(' ');
                    }
                    out.push('(');
                    around(btf, std::mem::take(&mut chain), name, true, depth, out)?;
                    out.push(')');
                }
                out.push_str(&format!("[{count}]"));
                return Ok(());
            }
            _ => {
                if let Some(word) = qualifier(&header) {
                    out.push(' ');
                    out.push_str(word);
                    after_pointer = false;
                }
            }
        }
    }
    write_name(name, after_pointer, out);
    Ok(())
}

fn parameters(btf: &mut Btf, of: &Header, depth: u32, out: &mut String) -> io::Result<()> {
    let params = btf.params(of)?;
    out.push('(');
    match params.as_slice() {
        [] | [(_, 0)] => out.push_str("void"),
        _ => {
            for (i, (name, ty)) in params.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                if *ty == 0 {
                    out.push_str("...");
                } else {
                    let name = btf.string(*name)?;
                    write(btf, *ty, &name, depth + 1, out)?;
                }
            }
        }
    }
    out.push(')');
    Ok(())
}

fn write_name(name: &str, after_pointer: bool, out: &mut String) {
    if !name.is_empty() && !after_pointer {
        out.push(' ');
    }
    out.push_str(name);
}

fn qualifier(of: &Header) -> Option<&'static str> {
    match of.kind {
        kind::CONST => Some("const"),
        kind::VOLATILE => Some("volatile"),
        kind::RESTRICT => Some("restrict"),
        _ => None,
    }
}

fn base_name(btf: &mut Btf, of: &Header) -> io::Result<String> {
    let keyword = match of.kind {
        kind::STRUCT => "struct ",
        kind::UNION => "union ",
        kind::ENUM | kind::ENUM64 => "enum ",
        kind::FWD if of.kflag => "union ",
        kind::FWD => "struct ",
        _ => "",
    };
    Ok(format!("{keyword}{}", btf.string(of.name)?))
}
