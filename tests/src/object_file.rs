//! Objects as files: what lies in them, and damaged copies of them.

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

use crate::fixture::ObjectKind;

/// Names of the sections.
pub fn sections(object: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(object).context("not an ELF file")?;
    Ok(file
        .sections()
        .filter_map(|s| s.name().ok().map(str::to_string))
        .collect())
}

/// The content of the embedded manifest.
pub fn manifest(object: &[u8]) -> Result<Vec<u8>> {
    section(object, bt_abi::names::MANIFEST_SECTION)
}

/// The content of a section of an ELF file.
pub fn section(object: &[u8], name: &str) -> Result<Vec<u8>> {
    let file = object::File::parse(object).context("not an ELF file")?;
    let section = file
        .section_by_name(name)
        .with_context(|| format!("the file has no section {name}"))?;
    Ok(section.data()?.to_vec())
}

/// An object of `kind` made from a good one; `None` if there shall be no file.
pub fn damage(kind: ObjectKind, good: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut bytes = good.to_vec();
    match kind {
        ObjectKind::Compiled | ObjectKind::Golden => {}
        ObjectKind::Missing => return Ok(None),
        ObjectKind::Empty => bytes.clear(),
        ObjectKind::Truncated => bytes.truncate(good.len() / 2),
        ObjectKind::Foreign => bytes = std::fs::read("/proc/self/exe")?,
        ObjectKind::Corrupted => scramble(&mut bytes),
        ObjectKind::Newer => replace(&mut bytes, "\"major\":1", "\"major\":9")?,
        ObjectKind::UnknownFlag => {
            let compiler = format!("btc {}", env!("CARGO_PKG_VERSION"));
            let from = format!("\"must_understand\":[],\"compiler\":\"{compiler}\"");
            // JSON may hold blanks, so the length, and with it the ELF file, stays.
            let to = "\"must_understand\":[\"warp\"],\"compiler\":\"b\"";
            let to = format!("{to:<width$}", width = from.len());
            replace(&mut bytes, &from, &to)?;
        }
    }
    Ok(Some(bytes))
}

/// Noise after the ELF header, the same each time.
fn scramble(bytes: &mut [u8]) {
    let mut state: u32 = 0x2545_f491;
    for byte in bytes.iter_mut().skip(64) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *byte ^= state as u8;
    }
}

fn replace(bytes: &mut [u8], from: &str, to: &str) -> Result<()> {
    if from.len() != to.len() {
        bail!("`{to}` does not fit in the place of `{from}`");
    }
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
    let at = at.with_context(|| format!("the object does not hold `{from}`"))?;
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    Ok(())
}
