//! Which addresses messages may be sent to: those of the Internet at large, and nothing that only
//! can be reached from where we run.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is refused, for a person to read.
pub type Refusal = &'static str;

/// Address blocks that are not the Internet at large, with what they are: the special-purpose
/// registries of IANA (RFC 6890), the metadata service of clouds among the link-local ones.
const BLOCKS_V4: [(Ipv4Addr, u32, Refusal); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "of a protocol"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "of a protocol"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "of a relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The unicast addresses of the Internet; every other IPv6 address is something else.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Blocks within [`GLOBAL_V6`] that are not the Internet at large, or that lead to IPv4 addresses.
const BLOCKS_V6: [(Ipv6Addr, u32, Refusal); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "of a protocol"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "of a relay"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// What an address is instead of one of the Internet at large; `None` where messages may be sent
/// to it.
#[must_use]
pub fn refused(address: IpAddr) -> Option<Refusal> {
    match address {
        IpAddr::V4(address) => refused_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(v4) => refused_v4(v4),
            None => refused_v6(address),
        },
    }
}

/// The IPv4 address that a host reaches by this one: mapped (`::ffff:0:0/96`), or translated by
/// NAT64 (`64:ff9b::/96`).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    address.to_ipv4_mapped().or_else(|| match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
            let [.., a, b, c, d] = address.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    })
}

fn refused_v4(address: Ipv4Addr) -> Option<Refusal> {
    let within = |block: &Ipv4Addr, bits: u32| {
        (address.to_bits() ^ block.to_bits()).checked_shr(32 - bits) == Some(0)
    };
    BLOCKS_V4.iter().find(|(block, bits, _)| within(block, *bits)).map(|(_, _, what)| *what)
}

fn refused_v6(address: Ipv6Addr) -> Option<Refusal> {
    let within = |block: &Ipv6Addr, bits: u32| {
        (address.to_bits() ^ block.to_bits()).checked_shr(128 - bits) == Some(0)
    };
    if !within(&GLOBAL_V6.0, GLOBAL_V6.1) {
        return Some(match address {
            Ipv6Addr::LOCALHOST => "loopback",
            Ipv6Addr::UNSPECIFIED => "unspecified",
            _ if address.is_unique_local() => "private",
            _ if address.is_unicast_link_local() => "link-local",
            _ if address.is_multicast() => "multicast",
            _ => "not of the Internet",
        });
    }
    BLOCKS_V6.iter().find(|(block, bits, _)| within(block, *bits)).map(|(_, _, what)| *what)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn addresses_of_the_internet_are_taken() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::200e",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert_eq!(refused(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn every_other_address_is_refused_with_what_it_is() {
        for (text, what) in [
            ("0.0.0.0", "this network"),
            ("10.0.0.1", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.0", "shared by a carrier"),
            ("100.127.255.255", "shared by a carrier"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("198.19.255.255", "for benchmarks"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "not of the Internet"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "link-local"),
            ("64:ff9b::a00:1", "private"),
            ("64:ff9b:1::a00:1", "not of the Internet"),
            ("fc00::1", "private"),
            ("fd00:ec2::254", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "not of the Internet"),
            ("ff02::1", "multicast"),
            ("100::1", "not of the Internet"),
            ("2001::1", "of a protocol"),
            ("2001:db8::1", "for documentation"),
            ("2002:a00:1::1", "of a relay"),
        ] {
            assert_eq!(refused(text.parse().unwrap()), Some(what), "{text}");
        }
    }
}
