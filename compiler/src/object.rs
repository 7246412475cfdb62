//! The finished object: what LLVM emits, less its DWARF, plus the manifest.

use bt_abi::Manifest;
use bt_abi::names::MANIFEST_SECTION;
use object::build::elf::{Builder, SectionData};
use object::elf;

/// Strips the debug sections, which BTF has made superfluous, and adds the manifest.
pub fn finish(emitted: &[u8], manifest: &Manifest) -> Result<Vec<u8>, object::build::Error> {
    let mut builder = Builder::read(emitted)?;
    for section in builder.sections.iter_mut() {
        let name = section.name.as_slice();
        let debug = name.starts_with(b".debug")
            || name.starts_with(b".rel.debug")
            || name == b".llvm_addrsig";
        section.delete = debug || name.starts_with(b".rela.debug");
    }
    builder.delete_orphans();
    builder.delete_orphan_symbols();
    builder.delete_orphan_relocations();
    let section = builder.sections.add();
    section.name = MANIFEST_SECTION.into();
    section.sh_type = elf::SHT_PROGBITS;
    section.sh_addralign = 1;
    section.data = SectionData::Data(manifest.to_json().into_bytes().into());
    // LLVM keeps section names in the symbols' string table; the writer wants a table of their own.
    let names = builder.sections.add();
    names.name = ".shstrtab".into();
    names.sh_type = elf::SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut bytes = Vec::new();
    builder.write(&mut bytes)?;
    Ok(bytes)
}
