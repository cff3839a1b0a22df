//! Lines of version 1.

use interfaces::Address;
use ropewalk_endpoints::haproxy::{
    InvalidProxyHeader, Progress, ProxyCommand, ProxyHeaderParser, ProxyTransport, ProxyVersion,
};

use crate::scene::{V1, ends, header, parse};

/// The error of a whole line.
#[track_caller]
fn error(line: &[u8]) -> InvalidProxyHeader {
    parse(&[line, b"\r\n"].concat()).unwrap_err()
}

#[test]
fn a_line_that_does_not_begin_with_the_word_is_invalid() {
    for line in ["HELLO TCP4 127.0.0.1 127.0.0.1 8080 8888", "PROXIES TCP4 ", " PROXY TCP4 ", "P "]
    {
        assert_eq!(error(line.as_bytes()), InvalidProxyHeader::NoHeader, "{line}");
    }
}

#[test]
fn the_word_has_capital_letters_and_a_space_behind_it() {
    for line in ["proxy UNKNOWN", "Proxy UNKNOWN", "PROXY", "PROXYTCP4 ", "PROXY\tUNKNOWN"] {
        assert_eq!(error(line.as_bytes()), InvalidProxyHeader::NoHeader, "{line}");
    }
}

#[test]
fn a_protocol_other_than_tcp4_tcp6_and_unknown_is_invalid() {
    for name in ["WUTPROTO", "TCP", "TCP5", "UDP4", "tcp4", "", "UNKNOWN2", "UNIX"] {
        let line = format!("PROXY {name} 127.0.0.1 127.0.0.1 8080 8888");
        assert_eq!(error(line.as_bytes()), InvalidProxyHeader::NetworkProtocol, "{line}");
    }
}

#[test]
fn a_protocol_with_nothing_behind_it_lacks_its_addresses() {
    assert_eq!(error(b"PROXY TCP4"), InvalidProxyHeader::MissingAddress);
    assert_eq!(error(b"PROXY TCP6"), InvalidProxyHeader::MissingAddress);
}

#[test]
fn fewer_than_four_fields_lack_an_address_or_a_port() {
    for line in
        ["PROXY TCP4 127.0.0.1", "PROXY TCP4 127.0.0.1 127.0.0.1", "PROXY TCP4 ::1 ::1 8080"]
    {
        assert_eq!(error(line.as_bytes()), InvalidProxyHeader::MissingAddress, "{line}");
    }
}

#[test]
fn the_fields_are_source_destination_and_their_ports() {
    let header = header(b"PROXY TCP4 127.0.0.1 127.0.0.2 8080 8888\r\n");
    assert_eq!((header.version, header.command), (ProxyVersion::V1, ProxyCommand::Proxy));
    assert_eq!(ends(&header), Some(("127.0.0.1:8080".into(), "127.0.0.2:8888".into())));
    assert_eq!(header.addresses.unwrap().transport, ProxyTransport::Stream);
}

#[test]
fn ipv6_addresses_are_addresses_and_not_text() {
    let header = header(b"PROXY TCP6 ::1 2001:DB8:0::0002 8080 8888\r\n");
    let addresses = header.addresses.unwrap();
    assert!(matches!(&addresses.source, Address::Ipv6(v6) if v6.ip().is_loopback()));
    assert_eq!(addresses.source.port(), Some(8080));
    assert_eq!(addresses.destination.to_string(), "[2001:db8::2]:8888");
}

#[test]
fn an_unknown_protocol_has_no_addresses_whatever_is_behind_it() {
    for line in ["PROXY UNKNOWN ", "PROXY UNKNOWN ff::1 x 65536 -1 and more"] {
        let header = header(format!("{line}\r\n").as_bytes());
        assert_eq!((header.command, header.addresses), (ProxyCommand::Proxy, None), "{line}");
    }
}

#[test]
fn an_unknown_protocol_needs_nothing_behind_it() {
    assert_eq!(header(b"PROXY UNKNOWN\r\n").addresses, None);
}

#[test]
fn fields_behind_the_second_port_are_a_mistake() {
    for more in [" 1", " ", " x y"] {
        let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 8080 8888{more}");
        assert_eq!(error(line.as_bytes()), InvalidProxyHeader::Surplus, "{line:?}");
    }
}

#[test]
fn an_address_that_is_not_one_of_its_family_is_a_mistake() {
    for (family, address) in [
        ("TCP4", "999.0.0.1"),
        ("TCP4", "127.0.0.01"),
        ("TCP4", "127.1"),
        ("TCP4", "::1"),
        ("TCP4", "localhost"),
        ("TCP4", "127.0.0.1\t"),
        ("TCP6", "127.0.0.1"),
        ("TCP6", "[::1]"),
        ("TCP6", "fe80::1%eth0"),
        ("TCP6", "::g"),
    ] {
        let good = if family == "TCP4" { "127.0.0.1" } else { "::1" };
        for line in [
            format!("PROXY {family} {address} {good} 1 2"),
            format!("PROXY {family} {good} {address} 1 2"),
        ] {
            assert_eq!(error(line.as_bytes()), InvalidProxyHeader::Address, "{line}");
        }
    }
}

#[test]
fn a_port_that_is_no_number_up_to_65535_is_a_mistake() {
    for port in ["99999", "65536", "-2", "+2", "080", "00", "0x1", "http", "1_0", "１"] {
        for line in [
            format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} 1"),
            format!("PROXY TCP6 ::1 ::1 1 {port}"),
        ] {
            assert_eq!(error(line.as_bytes()), InvalidProxyHeader::Port, "{line}");
        }
    }
    let all = header(b"PROXY TCP4 127.0.0.1 127.0.0.1 0 65535\r\n");
    assert_eq!(ends(&all), Some(("127.0.0.1:0".into(), "127.0.0.1:65535".into())));
}

#[test]
fn an_empty_port_and_bytes_that_are_no_text_are_mistakes_as_any_other() {
    assert_eq!(error(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 "), InvalidProxyHeader::Port);
    assert_eq!(error(b"PROXY TCP4 127.0.0.1 127.0.0.1 \xff 1"), InvalidProxyHeader::Port);
    assert_eq!(error(b"PROXY TCP4 127.0.0.1 \xff\xfe 1 1"), InvalidProxyHeader::Address);
    assert_eq!(error(b"PROXY \xff 127.0.0.1 127.0.0.1 1 1"), InvalidProxyHeader::NetworkProtocol);
}

#[test]
fn one_space_separates_fields_and_no_tab_does() {
    for line in [
        "PROXY  TCP4 127.0.0.1 127.0.0.1 8080 8888",
        "PROXY TCP4  127.0.0.1 127.0.0.1 8080 8888",
        "PROXY TCP4 127.0.0.1 127.0.0.1  8080 8888",
        "PROXY TCP4 127.0.0.1 127.0.0.1 8080  8888",
        "PROXY TCP4\t127.0.0.1\t127.0.0.1\t8080\t8888",
        "PROXY TCP4 127.0.0.1 127.0.0.1 8080\t8888",
    ] {
        assert!(parse(format!("{line}\r\n").as_bytes()).is_err(), "{line:?}");
    }
}

#[test]
fn a_line_in_pieces_is_nothing_until_its_end() {
    for size in 1..V1.len() {
        let mut parser = ProxyHeaderParser::new();
        let mut pieces = V1.chunks(size).peekable();
        while let Some(piece) = pieces.next() {
            let progress = parser.push(piece).unwrap();
            if pieces.peek().is_some() {
                assert_eq!(progress, Progress::Incomplete);
            } else {
                assert_eq!(progress, Progress::Complete { header: header(V1), used: piece.len() });
            }
        }
    }
}

#[test]
fn a_line_ends_with_cr_and_lf_together_be_they_in_two_pieces() {
    let mut parser = ProxyHeaderParser::new();
    assert_eq!(parser.push(b"PROXY UNKNOWN \n lone\n").unwrap(), Progress::Incomplete);
    assert_eq!(parser.push(b"\r").unwrap(), Progress::Incomplete);
    assert!(matches!(parser.push(b"\nGET").unwrap(), Progress::Complete { used: 1, .. }));
    assert_eq!(parse(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\n").unwrap(), Progress::Incomplete);
}

#[test]
fn a_line_without_its_end_in_107_bytes_is_invalid_at_the_next_byte() {
    let line = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 93]].concat();
    assert_eq!(line.len(), 107);
    let mut parser = ProxyHeaderParser::new();
    assert_eq!(parser.push(&line).unwrap(), Progress::Incomplete);
    assert_eq!(parser.push(b"\n"), Err(InvalidProxyHeader::LineTooLong));
    for more in [b"x".as_slice(), b"\r\n", b"\r"] {
        let whole = [&line, more].concat();
        assert_eq!(parse(&whole), Err(InvalidProxyHeader::LineTooLong));
    }
    let longest = [&line[..105], b"\r\n"].concat();
    assert_eq!(header(&longest).addresses, None);
    // The CR is the last byte that there may be, so that the LF comes too late.
    let late = [&line[..106], b"\r"].concat();
    assert_eq!(parse(&late).unwrap(), Progress::Incomplete);
    assert_eq!(parse(&[&late[..], b"\n"].concat()), Err(InvalidProxyHeader::LineTooLong));
}

#[test]
fn bytes_behind_the_line_are_left_and_the_parser_is_empty() {
    let mut parser = ProxyHeaderParser::new();
    assert_eq!(parser.push(&V1[..10]).unwrap(), Progress::Incomplete);
    assert!(parser.has_begun());
    let progress = parser.push(&[&V1[10..], b"HTTP/1.1 / GET"].concat()).unwrap();
    assert_eq!(progress, Progress::Complete { header: header(V1), used: V1.len() - 10 });
    assert!(!parser.has_begun());
}

#[test]
fn a_line_takes_none_of_the_bytes_behind_it_however_many_there_are() {
    for cut in 0..V1.len() {
        let mut parser = ProxyHeaderParser::new();
        assert_eq!(parser.push(&V1[..cut]).unwrap(), Progress::Incomplete);
        let progress = parser.push(&[&V1[cut..], &[b'\n'; 500]].concat()).unwrap();
        assert_eq!(progress, Progress::Complete { header: header(V1), used: V1.len() - cut });
    }
}
