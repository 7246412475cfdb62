//! Network addresses as text.

use std::net::{Ipv4Addr, Ipv6Addr};

const AF_INET: u64 = libc::AF_INET as u64;
const AF_INET6: u64 = libc::AF_INET6 as u64;

/// As inet_ntop(3) writes it; nothing for another family.
pub fn inet(family: u64, bytes: &[u8]) -> Vec<u8> {
    let text = match (family, bytes.first_chunk::<4>(), bytes.first_chunk::<16>()) {
        (AF_INET, Some(v4), _) => Ipv4Addr::from(*v4).to_string(),
        (AF_INET6, _, Some(v6)) => Ipv6Addr::from(*v6).to_string(),
        _ => String::new(),
    };
    text.into_bytes()
}

/// `18:C0:4D:08:2E:BB`
pub fn mac(bytes: &[u8]) -> Vec<u8> {
    let pairs: Vec<String> = bytes.iter().map(|b| format!("{b:02X}")).collect();
    pairs.join(":").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let mut v6 = [0; 16];
        assert_eq!(inet(2, &[127, 0, 0, 1]), b"127.0.0.1");
        assert_eq!(inet(10, &v6), b"::");
        v6[0] = 0xfe;
        v6[1] = 0x80;
        v6[15] = 1;
        assert_eq!(inet(10, &v6), b"fe80::1");
        assert_eq!(inet(10, &[1, 2, 3, 4]), b"");
        assert_eq!(inet(0, &v6), b"");
        assert_eq!(mac(&[0x18, 0xc0, 0, 8, 0x2e, 0xbb]), b"18:C0:00:08:2E:BB");
    }
}
