//! The small BTF, from a recorded object, recorded formats, and a kernel's BTF made by hand.

use std::os::unix::fs::FileExt;

use bt_abi::manifest::Span;

use super::reader::{Btf, kind};
use super::relocations::{KernelAccess, Shape, Step, TracepointAccess, Wanted};
use super::tracepoint::Event;
use super::writer::NewMember;
use super::*;

const BTF: &[u8] = include_bytes!("../../tests/data/rec.btf");
const EXT: &[u8] = include_bytes!("../../tests/data/rec.btf.ext");

const SWITCH: &str = "name: sched_switch\nID: 300\nformat:\n\
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
    \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\
    \tfield:unsigned char common_preempt_lazy_count;\toffset:8;\tsize:1;\tsigned:0;\n\n\
    \tfield:char prev_comm[16];\toffset:12;\tsize:16;\tsigned:0;\n\
    \tfield:long prev_state;\toffset:40;\tsize:8;\tsigned:1;\n\
    \tfield:char next_comm[16];\toffset:48;\tsize:16;\tsigned:0;\n";

fn event(category: &str, event: &str, text: &str) -> Event {
    Event {
        struct_name: bt_abi::names::tracepoint_struct(category, event),
        owner: FieldOwner::Tracepoint {
            category: category.into(),
            event: event.into(),
        },
        actual: format!("tracepoint `{category}:{event}`"),
        span: Span {
            start: 0,
            end: 0,
            line: 1,
            column: 1,
        },
        fields: format::parse(text),
    }
}

/// Name, offset in bits and size of a bit-field of each member of a struct.
fn members(btf: &mut Btf, name: &str) -> Vec<(String, u32, u32)> {
    let mut id = 1;
    while let Ok(Some(header)) = btf.get(id) {
        if header.is_composite() && btf.string(header.name).expect("a name") == name {
            let members = btf.members(&header).expect("members");
            return members
                .iter()
                .map(|m| {
                    (
                        btf.string(m.name).expect("a name"),
                        m.bit_offset,
                        m.bit_size,
                    )
                })
                .collect();
        }
        id += 1;
    }
    panic!("no struct {name}");
}

/// The enumerators of the only enum.
fn enumerators(btf: &mut Btf) -> Vec<(String, u64)> {
    let mut id = 1;
    while let Ok(Some(header)) = btf.get(id) {
        if header.kind == kind::ENUM {
            let all = btf.enumerators(&header).expect("enumerators");
            let name = |(n, v): (u32, u64)| (btf.string(n).expect("a name"), v);
            return all.into_iter().map(name).collect();
        }
        id += 1;
    }
    Vec::new()
}

fn member(name: &str, bit_offset: u32, bit_size: u32) -> (String, u32, u32) {
    (name.to_string(), bit_offset, bit_size)
}

#[test]
fn relocations_of_a_recorded_object() {
    let wanted = relocations::read(BTF, EXT).expect("good sections");
    assert!(!wanted.full);
    let flags = (
        "flags".to_string(),
        Shape::Int {
            size: 8,
            signed: false,
        },
    );
    let fields = |name: &str| {
        let of = wanted.tracepoints.iter().find(|t| t.name == name);
        of.map(|t| t.fields.clone()).unwrap_or_default()
    };
    assert_eq!(
        fields("btc_tp__syscalls__sys_enter_openat"),
        [flags, ("filename".into(), Shape::Pointer)]
    );
    let comm = Shape::Array {
        element: 1,
        signed: true,
    };
    let switch = fields("btc_tp__sched__sched_switch");
    assert!(switch.contains(&("next_comm".into(), comm)), "{switch:?}");
    let tgid = KernelAccess {
        name: "task_struct".into(),
        kind: kind::STRUCT,
        path: vec![Step::Member("tgid".into())],
    };
    assert!(wanted.kernel.contains(&tgid), "{:?}", wanted.kernel);
}

#[test]
fn damaged_sections_are_refused_without_a_panic() {
    for at in 0..EXT.len() {
        let mut ext = EXT.to_vec();
        ext[at] ^= 0xff;
        let _ = relocations::read(BTF, &ext);
        let _ = relocations::read(BTF, &EXT[..at]);
    }
    for at in 0..BTF.len() {
        let mut btf = BTF.to_vec();
        btf[at] ^= 0xff;
        let _ = relocations::read(&btf, EXT);
        let _ = relocations::read(&BTF[..at], EXT);
    }
}

#[test]
fn tracepoint_structs_have_the_offsets_of_this_machine() {
    let wanted = relocations::read(BTF, EXT).expect("good sections");
    let openat = "\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n\
        \tfield:int flags;\toffset:32;\tsize:8;\tsigned:0;\n";
    let events = [
        event("syscalls", "sys_enter_openat", openat),
        event("sched", "sched_switch", SWITCH),
    ];
    let mut out = Writer::new();
    tracepoint::add(&mut out, &wanted, &events).expect("all there");
    let mut btf = Btf::in_memory(out.finish()).expect("good BTF");
    let openat = members(&mut btf, "btc_tp__syscalls__sys_enter_openat");
    assert_eq!(
        openat,
        [member("flags", 256, 0), member("filename", 192, 0)]
    );
    let mut switch = members(&mut btf, "btc_tp__sched__sched_switch");
    switch.sort();
    assert_eq!(
        switch,
        [member("next_comm", 384, 0), member("prev_state", 320, 0)]
    );
}

/// One field read in one shape, against one line of a format.
fn fit(shape: Shape, line: &str) -> Result<(), String> {
    let wanted = Wanted {
        tracepoints: vec![TracepointAccess {
            name: "btc_tp__a__b".into(),
            fields: vec![("x".into(), shape)],
        }],
        ..Wanted::default()
    };
    let mut out = Writer::new();
    tracepoint::add(&mut out, &wanted, &[event("a", "b", line)]).map_err(|f| f.message.clone())
}

#[test]
fn widths_that_cannot_be_adjusted_are_refused() {
    let int = |size, signed| Shape::Int { size, signed };
    let here =
        |size, signed: u8| format!("field:int x;\toffset:8;\tsize:{size};\tsigned:{signed};");
    // the same width always fits, whatever the sign
    assert!(fit(int(8, true), &here(8, 0)).is_ok());
    // unsigned loads are adjusted by libbpf; a longer field is cut
    assert!(fit(int(8, false), &here(4, 0)).is_ok());
    assert!(fit(int(4, false), &here(8, 1)).is_ok());
    assert!(fit(int(4, true), &here(8, 1)).is_ok());
    // a shorter one cannot be extended with its sign
    let message =
        "field `x` of tracepoint `a:b` has 4 bytes on this kernel, and the object reads 8";
    assert_eq!(fit(int(8, true), &here(4, 1)), Err(message.into()));
    assert_eq!(fit(int(8, false), &here(4, 1)), Err(message.into()));
    let array = |element| Shape::Array {
        element,
        signed: false,
    };
    let words = "field:u32 x[4];\toffset:8;\tsize:16;\tsigned:0;";
    assert!(fit(array(4), words).is_ok());
    assert!(fit(array(1), words).is_err_and(|m| m.contains("elements of 4 bytes")));
    assert!(fit(array(1), "field:u8 x[N];\toffset:8;\tsize:16;\tsigned:0;").is_ok());
    assert!(fit(Shape::Pointer, words).is_err_and(|m| m.contains("another kind")));
    // a program that asks whether a field exists gets "no"
    assert!(fit(int(4, false), "field:int y;\toffset:8;\tsize:4;\tsigned:1;").is_ok());
}

/// struct inner { int deep; }; struct task_struct { int pid; union { u64 word; struct inner in; }; unsigned bits:3; struct
/// task_struct *parent; struct inner many[4]; }; enum color { RED = 1, BLUE = -1 }
fn kernel_btf() -> Vec<u8> {
    let mut out = Writer::new();
    let int = out.int(4, true);
    let word = out.int(8, false);
    let plain = |name, ty, bit_offset| NewMember {
        name,
        ty,
        bit_offset,
        bit_size: 0,
    };
    let inner = out.composite(kind::STRUCT, "inner", 4, &[plain("deep", int, 0)]);
    let union = [plain("word", word, 0), plain("in", inner, 0)];
    let union = out.composite(kind::UNION, "", 8, &union);
    let parent = out.pointer();
    let many = out.array(inner, 4);
    let renamed = out.simple(kind::TYPEDEF, "pid_t", false, int);
    let bits = NewMember {
        name: "bits",
        ty: int,
        bit_offset: 128,
        bit_size: 3,
    };
    let task = [
        plain("pid", renamed, 0),
        plain("", union, 64),
        bits,
        plain("parent", parent, 192),
        plain("many", many, 256),
    ];
    out.composite(kind::STRUCT, "task_struct", 48, &task);
    let colors = [("RED".to_string(), 1), ("BLUE".to_string(), -1i64 as u64)];
    out.enumeration(kind::ENUM, "color", 4, true, &colors);
    // another type of the same name, which a relocation of this kind does not mean
    out.simple(kind::FWD, "task_struct", false, 0);
    out.finish()
}

fn kernels() -> Vec<Kernel> {
    let names = || vec!["task_struct".to_string(), "color".into(), "nothing".into()];
    let target = Target::new(&kernel_btf()).expect("a file");
    let length = target.file.metadata().expect("its size").len() as usize;
    let pieces =
        Btf::in_pieces(target.file.try_clone().expect("a copy"), length).expect("good BTF");
    vec![
        Kernel::read(target.file, names()).expect("good BTF"),
        Kernel::search(pieces, names()).expect("good BTF"),
    ]
}

fn access(name: &str, kind: u8, path: &[&str]) -> KernelAccess {
    let step = |s: &&str| match *s {
        "[]" => Step::Element,
        name => Step::Member(name.into()),
    };
    KernelAccess {
        name: name.into(),
        kind,
        path: path.iter().map(step).collect(),
    }
}

#[test]
fn only_what_is_read_is_copied() {
    for mut kernel in kernels() {
        let wanted = [
            access("task_struct", kind::STRUCT, &["in", "deep"]),
            access("task_struct", kind::STRUCT, &["many", "[]", "deep"]),
            access("task_struct", kind::STRUCT, &["bits"]),
            access("task_struct", kind::STRUCT, &["gone"]),
            access("color", kind::ENUM, &["BLUE"]),
            access("nothing", kind::STRUCT, &[]),
        ];
        let roots: Vec<u32> = wanted
            .iter()
            .flat_map(|a| kernel.mark(a).expect("readable"))
            .collect();
        let mut out = Writer::new();
        for root in roots {
            kernel.copy(&mut out, root).expect("readable");
        }
        let mut small = Btf::in_memory(out.finish()).expect("good BTF");
        let mut task = members(&mut small, "task_struct");
        task.sort();
        let expected = [
            member("", 64, 0),
            member("bits", 128, 3),
            member("many", 256, 0),
        ];
        assert_eq!(task, expected);
        assert_eq!(members(&mut small, "inner"), [member("deep", 0, 0)]);
        assert_eq!(
            enumerators(&mut small),
            [("BLUE".to_string(), -1i64 as u64)]
        );
    }
}

/// The id of a type of the kernel by hand.
fn id_of(kernel: &mut Btf, name: &str, wanted: u8) -> u32 {
    let mut ids = 1..;
    let found = ids.find(|id| {
        let header = kernel.get(*id).expect("a type").expect("not void");
        header.kind == wanted && kernel.string(header.name).expect("a name") == name
    });
    found.expect("a type of this name")
}

/// A folder as /sys/kernel/btf, with two modules that know nothing of each other:
/// one has struct first { int deep; struct task_struct task; }, and enum task_kind { ONE = 7 };
/// two has struct pid { u64 x; struct inner in; } (the name is a string of the kernel), struct second
/// { struct pid own; }, and a task_struct of its own.
fn modules(folder: &std::path::Path) {
    let base = kernel_btf();
    let strings = reader::read_u32(&base, 20).expect("a header");
    let mut kernel = Btf::in_memory(base.clone()).expect("good BTF");
    let (inner, task) = (
        id_of(&mut kernel, "inner", kind::STRUCT),
        id_of(&mut kernel, "task_struct", kind::STRUCT),
    );
    let int = id_of(&mut kernel, "s32", kind::INT);
    let types = (1..).take_while(|id| kernel.get(*id).is_ok()).count() as u32;
    let plain = |name, ty, bit_offset| NewMember {
        name,
        ty,
        bit_offset,
        bit_size: 0,
    };
    let mut one = Writer::split(types, strings);
    let members = [plain("deep", int, 0), plain("task", task, 64)];
    one.composite(kind::STRUCT, "first", 56, &members);
    one.enumeration(kind::ENUM, "task_kind", 4, false, &[("ONE".into(), 7)]);
    let mut two = Writer::split(types, strings);
    let word = two.int(8, false);
    let members = [plain("x", word, 0), plain("in", inner, 64)];
    let pid = two.composite(kind::STRUCT, "pid", 16, &members);
    two.composite(kind::STRUCT, "second", 16, &[plain("own", pid, 0)]);
    two.composite(kind::STRUCT, "task_struct", 8, &[plain("wrong", word, 0)]);
    for (name, bytes) in [
        ("vmlinux", base),
        ("one", one.finish()),
        ("two", two.finish()),
        ("three", Writer::split(types, strings).finish()),
    ] {
        std::fs::write(folder.join(name), bytes).expect("written");
    }
}

#[test]
fn types_of_modules() {
    let folder = tempfile::tempdir().expect("a folder");
    modules(folder.path());
    let vmlinux = || File::open(folder.path().join("vmlinux")).expect("there");
    let names = [
        "task_struct",
        "pid",
        "second",
        "first",
        "task_kind",
        "nothing",
    ];
    let names: Vec<String> = names.map(String::from).to_vec();
    let length = kernel_btf().len();
    let pieces = Btf::in_pieces(vmlinux(), length).expect("good BTF");
    for mut kernel in [
        Kernel::read(vmlinux(), names.clone()).expect("good BTF"),
        Kernel::search(pieces, names.clone()).expect("good BTF"),
    ] {
        kernel.search_modules(folder.path()).expect("good BTF");
        for (name, path, there) in [
            ("first", "deep", true),
            ("first", "task.in.deep", true),
            ("first", "task.wrong", false),
            ("task_struct", "pid", true),
            ("task_struct", "wrong", false),
            ("pid", "in.deep", true),
            ("second", "own.in.deep", true),
            ("second", "own.deep", false),
            ("nothing", "deep", false),
        ] {
            let has = kernel.has(name, path).expect("readable");
            assert_eq!(has.is_ok(), there, "{name} {path}: {has:?}");
        }
        assert_eq!(
            kernel.has_constant("task_kind", "ONE").expect("readable"),
            Ok(())
        );
        let mut out = Writer::new();
        for access in [
            access("first", kind::STRUCT, &["task", "pid"]),
            access("second", kind::STRUCT, &["own", "in", "deep"]),
            access("task_kind", kind::ENUM, &["ONE"]),
        ] {
            for root in kernel.mark(&access).expect("readable") {
                kernel.copy(&mut out, root).expect("readable");
            }
        }
        let mut small = Btf::in_memory(out.finish()).expect("good BTF");
        assert_eq!(members(&mut small, "first"), [member("task", 64, 0)]);
        assert_eq!(members(&mut small, "second"), [member("own", 0, 0)]);
        assert_eq!(members(&mut small, "pid"), [member("in", 64, 0)]);
        assert_eq!(members(&mut small, "task_struct"), [member("pid", 0, 0)]);
        assert_eq!(enumerators(&mut small), [("ONE".to_string(), 7)]);
        let Some(bt_abi::types::Type::Struct { fields, .. }) =
            kernel.describe("second", kind::STRUCT)
        else {
            panic!("no description");
        };
        assert_eq!(fields[0].name, "own");
    }
}

#[test]
fn missing_fields_are_known_before_the_load() {
    for mut kernel in kernels() {
        for there in [
            "pid",
            "in.deep",
            "word",
            "many.deep",
            "many[2].deep",
            "parent",
        ] {
            assert_eq!(
                kernel.has("task_struct", there).expect("readable"),
                Ok(()),
                "{there}"
            );
        }
        let missing = kernel.has("task_struct", "in.depp").expect("readable");
        let Err(Missing::Member { owner, member }) = missing else {
            panic!("{missing:?}");
        };
        assert_eq!(
            (
                kernel.type_name(owner).expect("readable").as_str(),
                member.as_str()
            ),
            ("inner", "depp")
        );
        let Ok(Err(Missing::Member { owner, .. })) = kernel.has("task_struct", "wrd") else {
            panic!();
        };
        let names = kernel.member_names(owner).expect("readable");
        assert_eq!(names, ["pid", "word", "in", "bits", "parent", "many"]);
        assert_eq!(
            kernel.has("nothing", "x").expect("readable"),
            Err(Missing::Type)
        );
    }
}

#[test]
fn a_target_can_be_read_through_its_path() {
    let target = Target::new(b"BTF").expect("a file");
    assert_eq!(std::fs::read(target.path()).expect("readable"), b"BTF");
    let mut first = [0];
    target.file.read_exact_at(&mut first, 0).expect("readable");
    assert_eq!(&first, b"B");
}
