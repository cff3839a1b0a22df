//! The order in which the addresses of a name are tried (RFC 8305 section 4).
//!
//! Invariant: the resolver's first address stays the first, and within a family its order stays.

use alloc::vec::Vec;
use core::net::SocketAddr;

/// The most addresses of one name that are tried. Only a hostile or broken name server has more.
pub(super) const ADDRESSES_MAX: usize = 32;

/// The addresses, each once, with the families by turns and that of the first address first.
///
/// # Differences from Twisted
///
/// Twisted keeps the resolver's order, so that three dead IPv6 addresses are three delays before the
/// first IPv4 address, and tries an address twice that the resolver has twice.
pub(super) fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let of_family = |is_ipv6| addresses.iter().filter(move |it| it.is_ipv6() == is_ipv6);
    let mut families = [of_family(first_is_ipv6), of_family(!first_is_ipv6)];
    let mut order = Vec::with_capacity(addresses.len().min(ADDRESSES_MAX));
    loop {
        let before = order.len();
        for family in &mut families {
            if order.len() == ADDRESSES_MAX {
                return order;
            }
            let next = family.find(|address| !order.contains(address));
            order.extend(next);
        }
        if order.len() == before {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString as _};

    /// The last digits of the addresses, in order.
    fn ordered(addresses: &str) -> String {
        let address = |text: &str| match text.split_at(1) {
            ("4", digit) => SocketAddr::new([10, 0, 0, digit.parse().unwrap()].into(), 80),
            (_, digit) => SocketAddr::new([0, 0, 0, 0, 0, 0, 0, digit.parse().unwrap()].into(), 80),
        };
        let shown = |address: &SocketAddr| match address {
            SocketAddr::V4(it) => alloc::format!("4{}", it.ip().octets()[3]),
            SocketAddr::V6(it) => alloc::format!("6{}", it.ip().segments()[7]),
        };
        let addresses: Vec<_> = addresses.split(' ').map(address).collect();
        interleaved(&addresses).iter().map(shown).collect::<Vec<_>>().join(" ").to_string()
    }

    #[test]
    fn the_families_take_turns_and_the_resolvers_first_address_is_the_first() {
        for (given, expected) in [
            ("61 62 63 41 42", "61 41 62 42 63"),
            ("41 42 61", "41 61 42"),
            ("41 61", "41 61"),
            ("61 41", "61 41"),
            ("61 62 63", "61 62 63"),
            ("43 41 42", "43 41 42"),
            ("61", "61"),
        ] {
            assert_eq!(ordered(given), expected, "{given}");
        }
        assert!(interleaved(&[]).is_empty());
    }

    #[test]
    fn an_address_that_the_resolver_has_twice_is_tried_once() {
        assert_eq!(ordered("61 61 41 61 41 62"), "61 41 62");
    }

    #[test]
    fn of_a_thousand_addresses_some_of_each_family_are_tried() {
        let one = |n: u16| match n % 10 {
            0 => SocketAddr::new([10, 0, 0, (n / 10) as u8].into(), 80),
            _ => SocketAddr::new([0, 0, 0, 0, 0, 0, 0, n].into(), 80),
        };
        let all: Vec<_> = (1..=1000).map(one).collect();
        let order = interleaved(&all);
        assert_eq!(order.len(), ADDRESSES_MAX);
        assert_eq!(order.iter().filter(|address| address.is_ipv4()).count(), ADDRESSES_MAX / 2);
    }
}
