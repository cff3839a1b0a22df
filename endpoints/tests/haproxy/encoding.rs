//! Headers as they are sent.

use interfaces::{Address, UnixAddress};
use ropewalk_endpoints::haproxy::{Checksum, HeaderTooLong, ProxyHeader, ProxyTransport, Tlvs};

use crate::scene::{LOCAL, V1, V2, address, header};

fn stream(source: &str, destination: &str) -> ProxyHeader {
    ProxyHeader::stream(address(source), address(destination))
}

fn unix(path: &[u8]) -> Address {
    UnixAddress::Path(path.into()).into()
}

fn v1(header: &ProxyHeader) -> String {
    String::from_utf8(header.encode_v1()).unwrap()
}

#[test]
fn two_addresses_of_one_family_are_a_line() {
    assert_eq!(stream("192.0.2.1:56324", "192.0.2.22:8443").encode_v1(), V1);
    let line = v1(&stream("[2001:db8::1]:1", "[::1]:65535"));
    assert_eq!(line, "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n");
    let longest = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    assert!(v1(&stream(longest, longest)).len() <= 107);
}

#[test]
fn two_addresses_of_one_family_are_a_block() {
    let block = stream("1.2.3.4:5", "6.7.8.9:10").encode_v2(Checksum::Absent).unwrap();
    assert_eq!(block, V2);
}

#[test]
fn what_a_header_cannot_carry_is_unknown_and_a_local_one_says_so() {
    let other = || Address::Other("a line".into());
    let (path, long) = (unix(b"/a"), unix(&[b'x'; 109]));
    let mut datagram = stream("1.2.3.4:5", "6.7.8.9:10");
    datagram.addresses.as_mut().unwrap().transport = ProxyTransport::Datagram;
    assert_eq!(v1(&datagram), "PROXY UNKNOWN\r\n");
    for header in [
        ProxyHeader::unknown(),
        ProxyHeader::stream(other(), other()),
        ProxyHeader::stream(address("1.2.3.4:5"), other()),
        ProxyHeader::stream(path.clone(), address("1.2.3.4:5")),
        ProxyHeader::stream(long.clone(), path.clone()),
    ] {
        assert_eq!(v1(&header), "PROXY UNKNOWN\r\n");
        let block = header.encode_v2(Checksum::Crc32c).unwrap();
        assert_eq!(block[12..], [0x21, 0, 0, 0]);
    }
    assert_eq!(v1(&ProxyHeader::local()), "PROXY UNKNOWN\r\n");
    assert_eq!(ProxyHeader::local().encode_v2(Checksum::Crc32c).unwrap(), LOCAL);
}

#[test]
fn an_ipv4_client_of_a_port_for_both_families_is_told_as_ipv4() {
    let mapped = stream("[::ffff:1.2.3.4]:5", "[::ffff:6.7.8.9]:10");
    assert_eq!(mapped.encode_v2(Checksum::Absent).unwrap(), V2);
    let mixed = v1(&stream("1.2.3.4:5", "[2001:db8::1]:10"));
    assert_eq!(mixed, "PROXY TCP6 ::ffff:1.2.3.4 2001:db8::1 5 10\r\n");
}

#[test]
fn unix_addresses_fill_their_fields_and_are_read_back() {
    let name = || Address::Unix(UnixAddress::Abstract(b"a\0b"[..].into()));
    let unnamed = || Address::Unix(UnixAddress::Unnamed);
    for (source, destination) in
        [(unix(b"/a"), name()), (unnamed(), unix(&[b'p'; 108])), (name(), unnamed())]
    {
        let sent = ProxyHeader::stream(source, destination);
        let block = sent.encode_v2(Checksum::Absent).unwrap();
        assert_eq!(block.len(), 16 + 216);
        assert_eq!(header(&block), sent);
        assert_eq!(v1(&sent), "PROXY UNKNOWN\r\n");
    }
}

#[test]
fn a_header_with_more_bytes_than_its_length_can_say_is_an_error() {
    let tlvs = Tlvs::new().with(0xe0, &[0; 65535]).unwrap();
    let length = 12 + 3 + 65535;
    let header = stream("1.2.3.4:5", "6.7.8.9:10").with_tlvs(tlvs);
    assert_eq!(header.encode_v2(Checksum::Absent), Err(HeaderTooLong { length }));
    assert_eq!(Tlvs::new().with(0xe0, &[0; 65536]), Err(HeaderTooLong { length: 65536 }));
    assert!(header.encode_v2(Checksum::Absent).unwrap_err().to_string().contains("65535"));
}
