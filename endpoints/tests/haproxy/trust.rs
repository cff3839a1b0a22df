//! Trusted proxies.

use std::rc::Rc;

use interfaces::{Address, UnixAddress};
use ropewalk_endpoints::haproxy::TrustedProxies;

use crate::scene::address;

fn trusts(list: &str, peer: &str) -> bool {
    let trust: TrustedProxies = list.parse().unwrap();
    trust.trusts(&address(peer))
}

#[test]
fn this_machine_is_trusted_unless_another_list_is_given() {
    let trust = TrustedProxies::default();
    assert_eq!(trust.to_string(), "loopback,unix");
    for peer in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(trust.trusts(&address(peer)), "{peer}");
    }
    for peer in ["10.0.0.1:1", "192.0.2.1:1", "[fe80::1]:1", "[::2]:1", "0.0.0.0:1", "128.0.0.1:1"]
    {
        assert!(!trust.trusts(&address(peer)), "{peer}");
    }
    for peer in [Address::Unix(UnixAddress::Unnamed), Address::Other(Rc::from("stdio"))] {
        assert!(trust.trusts(&peer));
        assert!(!TrustedProxies::none().with_loopback().trusts(&peer));
    }
}

#[test]
fn a_prefix_that_a_program_adds_is_printed_and_read_as_itself() {
    for (address, bits, printed) in [
        ("10.1.2.3", 8, "10.0.0.0/8"),
        ("10.1.2.3", 32, "10.1.2.3/32"),
        ("10.1.2.3", 200, "10.1.2.3/32"),
        ("fd00::1", 7, "fc00::/7"),
        ("::", 0, "::/0"),
    ] {
        let trust = TrustedProxies::none().with_prefix(address.parse().unwrap(), bits);
        assert_eq!(trust.to_string(), printed);
        assert_eq!(printed.parse(), Ok(trust));
    }
}

#[test]
fn a_prefix_is_its_addresses_and_no_others() {
    for (list, peer, is_trusted) in [
        ("10.0.0.0/8", "10.255.255.255:1", true),
        ("10.0.0.0/8", "11.0.0.0:1", false),
        ("10.0.0.0/8", "9.255.255.255:1", false),
        ("10.0.0.0/8", "127.0.0.1:1", false),
        ("192.0.2.128/25", "192.0.2.128:1", true),
        ("192.0.2.128/25", "192.0.2.127:1", false),
        ("192.0.2.7", "192.0.2.7:1", true),
        ("192.0.2.7", "192.0.2.6:1", false),
        ("0.0.0.0/0", "255.1.2.3:1", true),
        ("0.0.0.0/0", "[::1]:1", false),
        ("10.0.0.0/8", "[::ffff:10.1.1.1]:1", true),
        ("::/0", "10.1.1.1:1", false),
        ("::/0", "[2001:db8::1]:1", true),
        ("fd00::/8", "[fdff::1]:1", true),
        ("fd00::/8", "[fe00::1]:1", false),
        ("2001:db8::1", "[2001:db8::1]:1", true),
        ("2001:db8::1", "[2001:db8::2]:1", false),
        ("10.0.0.0/8,fd00::/8,loopback", "[::1]:1", true),
        ("10.0.0.0/8,fd00::/8,loopback", "[fd00::1]:1", true),
        ("unix", "127.0.0.1:1", false),
    ] {
        assert_eq!(trusts(list, peer), is_trusted, "{list} and {peer}");
    }
}

#[test]
fn a_list_prints_as_it_is_read() {
    for list in ["loopback,unix", "10.0.0.0/8", "192.0.2.7/32,fd00::/8,unix", "0.0.0.0/0,::/0"] {
        assert_eq!(list.parse::<TrustedProxies>().unwrap().to_string(), list);
    }
}

#[test]
fn an_entry_that_is_no_prefix_is_a_mistake_and_bits_beyond_one_are_named() {
    for list in
        ["", ",", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0/8", "::/129", "any", "a/8"]
    {
        let message = list.parse::<TrustedProxies>().unwrap_err().to_string();
        assert!(message.contains("is no address, no prefix"), "{message}");
    }
    let message = "10.1.2.3/8".parse::<TrustedProxies>().unwrap_err().to_string();
    assert_eq!(message, "`10.1.2.3/8` has bits beyond its length: it could be 10.0.0.0/8");
}
