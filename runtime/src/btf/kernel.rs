//! The kernel's types: found by name in one pass over its BTF, and copied with only the members that are read. Those that it does
//! not have are looked for in the BTF of the modules that are loaded.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use bt_abi::types::Type;

use super::describe;
use super::reader::{Btf, Header, kind};
use super::relocations::{KernelAccess, Step};
use super::writer::{NewMember, Writer};

/// The kernel's BTF, and the types whose names were asked for.
pub struct Kernel {
    btf: Btf,
    names: Vec<String>,
    /// Where they are in the strings of the kernel's own BTF; 0: nowhere.
    strings: Vec<u32>,
    /// (index in `names`, kind, id)
    found: Vec<(usize, u8, u32)>,
    /// Members to copy, by the id of their struct.
    used: Vec<(u32, Vec<usize>)>,
    /// Ids in the new BTF, by the kernel's.
    copied: Vec<(u32, u32)>,
}

impl Kernel {
    /// Finds all types of these names in the kernel's own BTF.
    pub fn read(file: File, names: Vec<String>) -> io::Result<Kernel> {
        Kernel::search(Btf::of_file(file)?, names)
    }

    pub fn search(mut btf: Btf, names: Vec<String>) -> io::Result<Kernel> {
        let strings = btf.find_strings(&names)?;
        let mut kernel = Kernel {
            btf,
            names,
            strings,
            found: Vec::new(),
            used: Vec::new(),
            copied: Vec::new(),
        };
        kernel.find(&kernel.strings.clone(), &[])?;
        Ok(kernel)
    }

    /// Looks for the types that the kernel's own BTF does not have in that of its modules, which are the files of a folder.
    pub fn search_modules(&mut self, folder: &Path) -> io::Result<()> {
        let is_type = |k: &u8| !matches!(*k, kind::FUNC | kind::VAR);
        let has = |i: &usize| self.found.iter().any(|(n, k, _)| n == i && is_type(k));
        let known: Vec<usize> = (0..self.names.len()).filter(has).collect();
        if known.len() == self.names.len() {
            return Ok(());
        }
        let Ok(files) = fs::read_dir(folder) else {
            return Ok(());
        };
        let mut files: Vec<_> = files.flatten().map(|f| f.path()).collect();
        files.sort();
        for path in files.iter().filter(|p| !p.ends_with("vmlinux")) {
            // a module that has gone meanwhile is no error
            if let Ok(module) = File::open(path).and_then(Btf::of_file) {
                self.btf.add(module);
                let own = self.btf.find_strings(&self.names)?;
                let nowhere = own.iter().chain(&self.strings).all(|at| *at == 0);
                if nowhere || !self.find(&own, &known)? {
                    self.btf.remove();
                }
            }
        }
        Ok(())
    }

    /// Notes the types of the newest part whose names were asked for, except those that are `known`. Are there any?
    fn find(&mut self, own: &[u32], known: &[usize]) -> io::Result<bool> {
        let before = self.found.len();
        let (strings, found) = (&self.strings, &mut self.found);
        self.btf.scan(|id, header| {
            // a module's names may also be strings of the kernel
            let same = |i: &usize| {
                header.name != 0 && (strings[*i] == header.name || own[*i] == header.name)
            };
            let name = (0..own.len()).find(same);
            if let Some(name) = name
                && header.kind != kind::FWD
                && !known.contains(&name)
            {
                found.push((name, header.kind, id));
            }
        })?;
        Ok(found.len() > before)
    }

    /// The kernel's types of this name that libbpf would take for a local type of this kind.
    fn candidates(&self, name: &str, wanted: u8) -> Vec<u32> {
        let same = |k: u8| {
            k == wanted
                || matches!(
                    (k, wanted),
                    (kind::ENUM64, kind::ENUM) | (kind::ENUM, kind::ENUM64)
                )
        };
        self.found
            .iter()
            .filter(|(i, k, _)| self.names[*i] == name && same(*k))
            .map(|(_, _, id)| *id)
            .collect()
    }

    /// Marks what an access needs. Types and members that this kernel lacks are left out: libbpf answers for them.
    pub fn mark(&mut self, access: &KernelAccess) -> io::Result<Vec<u32>> {
        let roots = self.candidates(&access.name, access.kind);
        for root in &roots {
            self.walk(*root, &access.path, true)?;
        }
        Ok(roots)
    }

    /// Does `path` (members joined by dots) exist in a struct or union of this name? The first member that does not, otherwise.
    pub fn has(&mut self, name: &str, path: &str) -> io::Result<Result<(), Missing>> {
        let mut roots = self.candidates(name, kind::STRUCT);
        roots.extend(self.candidates(name, kind::UNION));
        if roots.is_empty() {
            return Ok(Err(Missing::Type));
        }
        let member = |m: &str| Step::Member(m.split('[').next().unwrap_or(m).to_string());
        let steps: Vec<Step> = path.split('.').map(member).collect();
        let mut missing = Missing::Type;
        for root in roots {
            match self.walk(root, &steps, false)? {
                None => return Ok(Ok(())),
                Some((owner, member)) => missing = Missing::Member { owner, member },
            }
        }
        Ok(Err(missing))
    }

    /// Does an enum of this name have the constant?
    pub fn has_constant(&mut self, name: &str, constant: &str) -> io::Result<Result<(), Missing>> {
        let mut known = Vec::new();
        let enums = self.candidates(name, kind::ENUM);
        for id in &enums {
            let Some(header) = self.btf.get(*id)? else {
                continue;
            };
            for (at, _) in self.btf.enumerators(&header)? {
                known.push(self.btf.string(at)?);
            }
        }
        Ok(match enums.is_empty() {
            _ if known.iter().any(|k| k == constant) => Ok(()),
            true => Err(Missing::Type),
            false => Err(Missing::Constant { known }),
        })
    }

    /// A struct, union or enum of this name, as values of it are printed.
    pub fn describe(&mut self, name: &str, kind: u8) -> Option<Type> {
        let ids = self.candidates(name, kind);
        ids.into_iter()
            .find_map(|id| describe::printed(&mut self.btf, id, 0).ok().flatten())
    }

    /// Follows a path. If a member is missing: the id of the struct that lacks it, and its name.
    fn walk(&mut self, root: u32, path: &[Step], mark: bool) -> io::Result<Option<(u32, String)>> {
        let mut current = self.btf.resolve(root)?;
        for step in path {
            let Some((id, header)) = current else { break };
            match step {
                Step::Member(name) if header.is_composite() => {
                    match self.member(id, &header, name, mark, 0)? {
                        Some(ty) => current = self.btf.resolve(ty)?,
                        None => return Ok(Some((id, name.clone()))),
                    }
                }
                Step::Member(name) if matches!(header.kind, kind::ENUM | kind::ENUM64) => {
                    for (i, (at, _)) in self.btf.enumerators(&header)?.iter().enumerate() {
                        if mark && self.btf.string(*at)? == *name {
                            self.mark_member(id, i);
                        }
                    }
                    break;
                }
                // an array of structs, entered without an index in the manifest's spelling
                Step::Member(name) if header.kind == kind::ARRAY => {
                    let array = self.btf.array(&header)?;
                    let Some((id, header)) = self.btf.resolve(array.element)? else {
                        break;
                    };
                    match self.member(id, &header, name, mark, 0)? {
                        Some(ty) => current = self.btf.resolve(ty)?,
                        None => return Ok(Some((id, name.clone()))),
                    }
                }
                Step::Element if header.kind == kind::ARRAY => {
                    let array = self.btf.array(&header)?;
                    current = self.btf.resolve(array.element)?;
                }
                // the manifest may go on through a pointer, whose target the relocations name by themselves
                Step::Member(name) if header.kind == kind::PTR && !mark => {
                    let Some((id, header)) = self.btf.resolve(header.size_or_type)? else {
                        break;
                    };
                    match self.member(id, &header, name, mark, 0)? {
                        Some(ty) => current = self.btf.resolve(ty)?,
                        None => return Ok(Some((id, name.clone()))),
                    }
                }
                _ => break,
            }
        }
        Ok(None)
    }

    /// The type of a member, also of one inside anonymous structs and unions, which are marked with it.
    fn member(
        &mut self,
        id: u32,
        header: &Header,
        name: &str,
        mark: bool,
        depth: u32,
    ) -> io::Result<Option<u32>> {
        if !header.is_composite() || depth > 16 {
            return Ok(None);
        }
        let members = self.btf.members(header)?;
        for (i, member) in members.iter().enumerate() {
            let found = match member.name {
                0 => match self.btf.resolve(member.ty)? {
                    Some((inner, header)) => self.member(inner, &header, name, mark, depth + 1)?,
                    None => None,
                },
                at => (self.btf.string(at)? == name).then_some(member.ty),
            };
            if found.is_some() {
                if mark {
                    self.mark_member(id, i);
                }
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The members (or enumerators) that are marked.
    fn used(&self, id: u32) -> Vec<usize> {
        let used = self.used.iter().find(|(of, _)| *of == id);
        used.map(|(_, members)| members.clone()).unwrap_or_default()
    }

    fn mark_member(&mut self, id: u32, index: usize) {
        match self.used.iter_mut().find(|(of, _)| *of == id) {
            Some((_, members)) if members.contains(&index) => {}
            Some((_, members)) => members.push(index),
            None => self.used.push((id, vec![index])),
        }
    }

    /// The names of the members of a struct, for "did you mean".
    pub fn member_names(&mut self, id: u32) -> io::Result<Vec<String>> {
        let Some((_, header)) = self.btf.resolve(id)? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for member in self.btf.members(&header)? {
            match member.name {
                0 => names.extend(self.member_names(member.ty)?),
                at => names.push(self.btf.string(at)?),
            }
        }
        Ok(names)
    }

    pub fn type_name(&mut self, id: u32) -> io::Result<String> {
        match self.btf.get(id)? {
            Some(header) => self.btf.string(header.name),
            None => Ok(String::new()),
        }
    }

    /// Adds a type with the members that are marked, and gives its new id.
    pub fn copy(&mut self, out: &mut Writer, id: u32) -> io::Result<u32> {
        let root = match self.btf.get(id)? {
            // asked for by its own name
            Some(h) if h.kind == kind::TYPEDEF => Some((id, h)),
            _ => self.btf.resolve(id)?,
        };
        let Some((id, header)) = root else {
            return Ok(0);
        };
        if let Some((_, new)) = self.copied.iter().find(|(old, _)| *old == id) {
            return Ok(*new);
        }
        let name = self.btf.string(header.name)?;
        let size = header.size_or_type;
        let new = match header.kind {
            kind::INT => {
                let signed = self.btf.int_encoding(&header)? & 1 == 1;
                out.int(size, signed)
            }
            kind::PTR => out.pointer(),
            kind::ARRAY => {
                let array = self.btf.array(&header)?;
                let element = self.copy(out, array.element)?;
                out.array(element, array.count)
            }
            kind::ENUM | kind::ENUM64 => {
                let all = self.btf.enumerators(&header)?;
                let mut values = Vec::new();
                for i in self.used(id) {
                    values.push((self.btf.string(all[i].0)?, all[i].1));
                }
                out.enumeration(header.kind, &name, size, header.kflag, &values)
            }
            kind::STRUCT | kind::UNION => return self.copy_composite(out, id, &header, &name),
            kind::TYPEDEF => {
                let of = self.copy(out, size)?;
                out.simple(kind::TYPEDEF, &name, false, of)
            }
            kind::FWD => out.simple(kind::FWD, &name, header.kflag, 0),
            kind::FLOAT => out.simple(kind::FLOAT, &name, false, size),
            kind::FUNC_PROTO => out.simple(kind::FUNC_PROTO, "", false, 0),
            _ => 0,
        };
        self.copied.push((id, new));
        Ok(new)
    }

    fn copy_composite(
        &mut self,
        out: &mut Writer,
        id: u32,
        header: &Header,
        name: &str,
    ) -> io::Result<u32> {
        let all = self.btf.members(header)?;
        let mut chosen = Vec::new();
        for i in self.used(id) {
            let member = all[i];
            let ty = self.copy(out, member.ty)?;
            chosen.push((self.btf.string(member.name)?, ty, member));
        }
        let members: Vec<NewMember> = chosen
            .iter()
            .map(|(name, ty, member)| NewMember {
                name,
                ty: *ty,
                bit_offset: member.bit_offset,
                bit_size: member.bit_size,
            })
            .collect();
        let new = out.composite(header.kind, name, header.size_or_type, &members);
        self.copied.push((id, new));
        Ok(new)
    }
}

/// What a path lacks.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    Type,
    /// The id of the struct that has no such member.
    Member {
        owner: u32,
        member: String,
    },
    /// An enum has only these.
    Constant {
        known: Vec<String>,
    },
}
