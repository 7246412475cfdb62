//! What is refused, and with which words.

use super::*;

const SHEADER: usize = 64;

/// A BPF ELF with these sections, laid out by hand.
fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut body = vec![0; 64];
    let mut headers = vec![0; SHEADER];
    let mut push = |name: &str, kind: u32, data: &[u8], names: &mut Vec<u8>| {
        let mut h = [0u8; SHEADER];
        h[0..4].copy_from_slice(&(names.len() as u32).to_le_bytes());
        h[4..8].copy_from_slice(&kind.to_le_bytes());
        names.extend(name.as_bytes());
        names.push(0);
        let data = if kind == 3 {
            names.clone()
        } else {
            data.to_vec()
        };
        h[24..32].copy_from_slice(&(body.len() as u64).to_le_bytes());
        h[32..40].copy_from_slice(&(data.len() as u64).to_le_bytes());
        body.extend(data);
        headers.extend(h);
    };
    for (name, data) in sections {
        push(name, 1, data, &mut names);
    }
    push(".strtab", 3, &[], &mut names);
    let count = sections.len() as u16 + 2;
    let table = body.len() as u64;
    body[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
    body[16..18].copy_from_slice(&1u16.to_le_bytes());
    body[18..20].copy_from_slice(&247u16.to_le_bytes());
    body[20..24].copy_from_slice(&1u32.to_le_bytes());
    body[40..48].copy_from_slice(&table.to_le_bytes());
    body[52..54].copy_from_slice(&64u16.to_le_bytes());
    body[58..60].copy_from_slice(&(SHEADER as u16).to_le_bytes());
    body[60..62].copy_from_slice(&count.to_le_bytes());
    body[62..64].copy_from_slice(&(count - 1).to_le_bytes());
    body.extend(headers);
    body
}

const EMPTY: &str = r#"{"version":{"major":1,"minor":0},"must_understand":[],"compiler":"btc 0.1.0","arch":"x86_64",
    "source":{"name":"a.bt","text":""},"programs":[],"maps":[],"events":[],"slots":[],"fields":[],"needs":[],
    "config":{"print_maps_on_exit":true,"max_map_keys":4096,"str_trunc_trailer":".."}}"#;

fn with_manifest(json: &str) -> Vec<u8> {
    elf(&[(MANIFEST_SECTION, json.as_bytes())])
}

fn refusal(bytes: Vec<u8>) -> String {
    match ObjectFile::parse("a.o".into(), bytes) {
        Ok(_) => String::new(),
        Err(failure) => {
            assert_eq!(failure.kind, crate::error::Kind::Unusable);
            failure.message.clone()
        }
    }
}

#[test]
fn takes_a_good_object() {
    assert_eq!(refusal(with_manifest(EMPTY)), "");
}

#[test]
fn each_bad_file_has_its_own_message() {
    assert_eq!(refusal(vec![]), "`a.o` is empty");
    let not_elf = refusal(b"#!/bin/sh\n".to_vec());
    assert_eq!(not_elf, "`a.o` is not a BPF object (not an ELF file)");
    let mut native = with_manifest(EMPTY);
    native[18] = 62;
    assert_eq!(
        refusal(native),
        "`a.o` is not a BPF object, but a program or library of x86-64"
    );
    let mut big = with_manifest(EMPTY);
    big[5] = 2;
    assert_eq!(refusal(big), "`a.o` was compiled for a big-endian machine");
    assert_eq!(
        refusal(elf(&[("kprobe", &[0; 8])])),
        "`a.o` is a BPF object, but has no manifest"
    );
    let other = EMPTY.replace("x86_64", "aarch64");
    assert_eq!(
        refusal(with_manifest(&other)),
        "`a.o` was compiled for aarch64, this machine is x86_64"
    );
    let newer = EMPTY.replace(r#""major":1"#, r#""major":2"#);
    assert_eq!(
        refusal(with_manifest(&newer)),
        "`a.o` cannot be used: the manifest has version 2.0, this program reads up to 1.x"
    );
    let flags = EMPTY.replace("[],\"compiler", "[\"warp\"],\"compiler");
    assert_eq!(
        refusal(with_manifest(&flags)),
        "`a.o` cannot be used: the manifest requires features unknown here: warp"
    );
    assert!(
        refusal(with_manifest("{nonsense"))
            .starts_with("`a.o` cannot be used: the manifest cannot be read")
    );
}

#[test]
fn every_truncation_is_refused_without_a_panic() {
    let whole = with_manifest(EMPTY);
    for length in 1..whole.len() {
        let message = refusal(whole[..length].to_vec());
        assert!(
            message.contains("truncated"),
            "{length} bytes of {}: {message:?}",
            whole.len()
        );
    }
}

#[test]
fn no_flipped_byte_panics() {
    let whole = with_manifest(EMPTY);
    for at in 0..whole.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            let _ = ObjectFile::parse("a.o".into(), bytes);
        }
    }
}

#[test]
fn a_manifest_must_agree_with_itself() {
    let event = r#"[{"kind":"print","value":{"offset":8,"type":"int","size":8,"signed":false},"size":12,
        "span":{"start":0,"end":0,"line":1,"column":1}}]"#;
    let json = EMPTY.replace(r#""events":[]"#, &format!(r#""events":{event}"#));
    assert_eq!(
        refusal(with_manifest(&json)),
        "`a.o` is damaged: its manifest does not agree with itself: event 0: an argument lies outside of the record"
    );
    let map = r#"[{"name":"@","symbol":"m","key":null,"value":{"type":"int","size":3,"signed":false},"value_size":8,
        "set_offset":null,"span":{"start":0,"end":0,"line":1,"column":1}}]"#;
    let json = EMPTY.replace(r#""maps":[]"#, &format!(r#""maps":{map}"#));
    assert!(refusal(with_manifest(&json)).contains("map 0: an integer of 3 bytes"));
    let sessions = r#""programs":[],"sessions":[{"name":"s","entry":0,"exit":1}]"#;
    let json = EMPTY.replace(r#""programs":[]"#, sessions);
    assert!(refusal(with_manifest(&json)).ends_with("session 0 is no kprobe with its kretprobe"));
}
