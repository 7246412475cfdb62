//! Flags of the kernel's page allocator by name, as its `%pGg` writes them.

/// Single flags: `include/linux/gfp_types.h`. Those above are where the configuration of a kernel puts them, and stay numbers.
const HIGHMEM: u64 = 1 << 1;
const MOVABLE: u64 = 1 << 3;
const HIGH: u64 = 1 << 5;
const IO: u64 = 1 << 6;
const FS: u64 = 1 << 7;
const DIRECT: u64 = 1 << 10;
const KSWAPD: u64 = 1 << 11;
const NOWARN: u64 = 1 << 13;
const COMP: u64 = 1 << 18;
const NOMEMALLOC: u64 = 1 << 19;
const HARDWALL: u64 = 1 << 20;
const ACCOUNT: u64 = 1 << 22;

const NOIO: u64 = DIRECT | KSWAPD;
const KERNEL: u64 = NOIO | IO | FS;
const USER: u64 = KERNEL | HARDWALL;
const HIGHUSER: u64 = USER | HIGHMEM;
const TRANSHUGE_LIGHT: u64 = (HIGHUSER | MOVABLE | COMP | NOMEMALLOC | NOWARN) & !NOIO;

/// Combinations before what they are made of.
const NAMES: &[(u64, &str)] = &[
    (TRANSHUGE_LIGHT | DIRECT, "GFP_TRANSHUGE"),
    (TRANSHUGE_LIGHT, "GFP_TRANSHUGE_LIGHT"),
    (HIGHUSER | MOVABLE, "GFP_HIGHUSER_MOVABLE"),
    (HIGHUSER, "GFP_HIGHUSER"),
    (USER, "GFP_USER"),
    (KERNEL | ACCOUNT, "GFP_KERNEL_ACCOUNT"),
    (KERNEL, "GFP_KERNEL"),
    (NOIO | IO, "GFP_NOFS"),
    (HIGH | KSWAPD, "GFP_ATOMIC"),
    (NOIO, "GFP_NOIO"),
    (KSWAPD | NOWARN, "GFP_NOWAIT"),
    (1, "GFP_DMA"),
    (HIGHMEM, "__GFP_HIGHMEM"),
    (1 << 2, "GFP_DMA32"),
    (HIGH, "__GFP_HIGH"),
    (1 << 9, "__GFP_ATOMIC"),
    (IO, "__GFP_IO"),
    (FS, "__GFP_FS"),
    (1 << 8, "__GFP_ZERO"),
    (DIRECT, "__GFP_DIRECT_RECLAIM"),
    (KSWAPD, "__GFP_KSWAPD_RECLAIM"),
    (1 << 12, "__GFP_WRITE"),
    (NOWARN, "__GFP_NOWARN"),
    (1 << 14, "__GFP_RETRY_MAYFAIL"),
    (1 << 15, "__GFP_NOFAIL"),
    (1 << 16, "__GFP_NORETRY"),
    (1 << 17, "__GFP_MEMALLOC"),
    (COMP, "__GFP_COMP"),
    (NOMEMALLOC, "__GFP_NOMEMALLOC"),
    (HARDWALL, "__GFP_HARDWALL"),
    (1 << 21, "__GFP_THISNODE"),
    (ACCOUNT, "__GFP_ACCOUNT"),
    (MOVABLE, "__GFP_MOVABLE"),
    (1 << 4, "__GFP_RECLAIMABLE"),
];

pub fn text(mut flags: u64) -> String {
    if flags == 0 {
        return "0".into();
    }
    let mut words = Vec::new();
    for (bits, name) in NAMES {
        if flags & bits == *bits {
            words.push(name.to_string());
            flags &= !bits;
        }
    }
    if flags != 0 {
        words.push(format!("{flags:#x}"));
    }
    words.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_first_and_the_rest_as_a_number() {
        assert_eq!(text(0xcc0), "GFP_KERNEL");
        assert_eq!(text(0x820 | 0x2), "GFP_ATOMIC|__GFP_HIGHMEM");
        assert_eq!(
            text(0x40 | 0x80 | 0x400),
            "__GFP_IO|__GFP_FS|__GFP_DIRECT_RECLAIM"
        );
        assert_eq!(text(0xcc0 | 0x2_0000_0000), "GFP_KERNEL|0x200000000");
        assert_eq!(text(0), "0");
    }
}
