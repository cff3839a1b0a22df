//! Blocks of version 2.

use ropewalk_endpoints::haproxy::{
    Checksum, InvalidProxyHeader, Progress, ProxyCommand, ProxyHeader, ProxyHeaderParser,
    ProxyTransport, ProxyVersion, SslTlv, Tlvs, tlv_type,
};

use crate::scene::{LOCAL, V2, address, ends, header, parse};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A block with this version and command, family and transport, and body.
fn block(version_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_command, family], &length, body].concat()
}

fn unix_field(name: &[u8]) -> Vec<u8> {
    let mut field = name.to_vec();
    field.resize(108, 0);
    field
}

fn bodies() -> [(u8, Vec<u8>); 3] {
    let mut ipv6 = vec![0; 36];
    (ipv6[15], ipv6[31], ipv6[33], ipv6[35]) = (1, 2, 80, 81);
    let unix = [unix_field(b"/run/tests/mysockets/sock"), unix_field(b"/run/other")].concat();
    [(0x10, V2[16..].to_vec()), (0x20, ipv6), (0x30, unix)]
}

#[test]
fn a_wrong_signature_is_no_header_from_its_first_wrong_byte_on() {
    for wrong in 0..SIGNATURE.len() {
        let mut bytes = V2.to_vec();
        bytes[wrong] ^= 1;
        for length in wrong + 1..=bytes.len() {
            assert_eq!(parse(&bytes[..length]), Err(InvalidProxyHeader::NoHeader), "{wrong}");
        }
    }
}

#[test]
fn a_version_other_than_2_is_invalid() {
    for version in (0..16).filter(|version| *version != 2) {
        let error = parse(&block(version << 4 | 1, 0x11, &V2[16..])).unwrap_err();
        assert_eq!(error, InvalidProxyHeader::Version { version });
    }
}

#[test]
fn a_command_other_than_local_and_proxy_is_invalid() {
    for command in 2..16 {
        let error = parse(&block(0x20 | command, 0x11, &V2[16..])).unwrap_err();
        assert_eq!(error, InvalidProxyHeader::Command { command });
    }
}

#[test]
fn a_family_or_transport_that_is_not_known_is_invalid() {
    for byte in (0..=255).filter(|byte| byte >> 4 > 3 || byte & 0xf > 2) {
        for command in [0x20, 0x21] {
            let error = parse(&block(command, byte, &[0; 216])).unwrap_err();
            assert_eq!(error, InvalidProxyHeader::Family { byte });
        }
    }
}

#[test]
fn a_proxy_command_has_the_addresses_of_its_family() {
    let [ipv4, ipv6, unix] = bodies().map(|(family, body)| header(&block(0x21, family | 1, &body)));
    assert_eq!((ipv4.version, ipv4.command), (ProxyVersion::V2, ProxyCommand::Proxy));
    assert_eq!(ends(&ipv4), Some(("1.2.3.4:5".into(), "6.7.8.9:10".into())));
    assert_eq!(ends(&ipv6), Some(("[::1]:80".into(), "[::2]:81".into())));
    let source = "unix:/run/tests/mysockets/sock".into();
    assert_eq!(ends(&unix), Some((source, "unix:/run/other".into())));
}

#[test]
fn a_local_command_has_no_addresses_whatever_its_block_holds() {
    assert_eq!(header(LOCAL), ProxyHeader::local());
    for (family, body) in bodies() {
        assert_eq!(header(&block(0x20, family | 1, &body)), ProxyHeader::local());
        assert_eq!(header(&block(0x20, family | 1, &body[..5])), ProxyHeader::local());
    }
}

#[test]
fn a_family_that_is_not_specified_has_no_addresses_and_its_block_is_ignored() {
    for (_, body) in bodies() {
        for transport in 0..3 {
            assert_eq!(header(&block(0x21, transport, &body)), ProxyHeader::unknown());
        }
    }
}

#[test]
fn a_transport_that_is_not_specified_has_no_addresses() {
    for (family, body) in bodies() {
        assert_eq!(header(&block(0x21, family, &body)), ProxyHeader::unknown());
    }
}

#[test]
fn bytes_behind_the_announced_length_are_left() {
    for (family, body) in bodies() {
        let bytes = block(0x21, family | 1, &body);
        let progress = parse(&[&bytes[..], b"TEST DATA\r\n\r\nTEST DATA"].concat()).unwrap();
        assert_eq!(progress, Progress::Complete { header: header(&bytes), used: bytes.len() });
    }
}

#[test]
fn a_block_may_come_in_pieces_of_any_size() {
    for (family, body) in bodies() {
        let bytes = block(0x21, family | 1, &body);
        for cut in 1..bytes.len() {
            let mut parser = ProxyHeaderParser::new();
            assert_eq!(parser.push(&bytes[..cut]).unwrap(), Progress::Incomplete);
            let progress = parser.push(&[&bytes[cut..], b"GET"].concat()).unwrap();
            let used = bytes.len() - cut;
            assert_eq!(progress, Progress::Complete { header: header(&bytes), used });
        }
    }
}

#[test]
fn a_block_is_awaited_byte_by_byte_to_its_announced_length() {
    let mut parser = ProxyHeaderParser::new();
    for byte in &V2[..V2.len() - 1] {
        assert_eq!(parser.push(&[*byte]).unwrap(), Progress::Incomplete);
    }
    let progress = parser.push(&V2[V2.len() - 1..]).unwrap();
    assert_eq!(progress, Progress::Complete { header: header(V2), used: 1 });
}

#[test]
fn a_block_that_is_longer_than_its_addresses_has_tlvs() {
    let tlvs = b"\x01\0\x02h2\x02\0\x0bexample.com\x05\0\x03a-1\xee\0\0".as_slice();
    let header = header(&block(0x21, 0x11, &[&V2[16..], tlvs].concat()));
    assert_eq!(ends(&header), Some(("1.2.3.4:5".into(), "6.7.8.9:10".into())));
    assert_eq!(header.tlvs.as_bytes(), tlvs);
    assert_eq!(header.tlvs.alpn(), Some(&b"h2"[..]));
    assert_eq!(header.tlvs.authority(), Some("example.com"));
    assert_eq!(header.tlvs.unique_id(), Some(&b"a-1"[..]));
    assert_eq!(header.tlvs.get(0xee), Some(&b""[..]));
    assert_eq!(header.tlvs.ssl(), None);
    let types: Vec<_> = header.tlvs.iter().map(|(kind, _)| kind).collect();
    assert_eq!(types, [1, 2, 5, 0xee]);
}

#[test]
fn tls_in_front_of_the_proxy_is_told_with_its_version_suite_and_client() {
    let fields = Tlvs::new()
        .with(tlv_type::SSL_VERSION, b"TLSv1.3")
        .and_then(|tlvs| tlvs.with(tlv_type::SSL_CN, b"client.example"))
        .and_then(|tlvs| tlvs.with(tlv_type::SSL_CIPHER, b"TLS_AES_128_GCM_SHA256"))
        .unwrap();
    let client = SslTlv::CLIENT_SSL | SslTlv::CLIENT_CERT_CONN;
    let tlvs = Tlvs::new().with_ssl(SslTlv::new(client, 0, &fields)).unwrap();
    let sent = ProxyHeader::stream(address("1.2.3.4:5"), address("6.7.8.9:10")).with_tlvs(tlvs);
    let received = header(&sent.encode_v2(Checksum::Absent).unwrap());
    let ssl = received.tlvs.ssl().unwrap();
    assert_eq!((ssl.client, ssl.verify, ssl.is_verified()), (3, 0, true));
    assert_eq!(ssl.version(), Some("TLSv1.3"));
    assert_eq!(ssl.common_name(), Some("client.example"));
    assert_eq!(ssl.cipher(), Some("TLS_AES_128_GCM_SHA256"));
    assert!(!SslTlv::new(client, 19, &fields).is_verified());
    assert!(!SslTlv::new(SslTlv::CLIENT_SSL, 0, &fields).is_verified());
}

#[test]
fn a_tlv_that_does_not_end_with_its_block_is_invalid() {
    for tlvs in [&b"\x01"[..], b"\x01\0", b"\x01\0\x01", b"\x04\0\x01x\x01\0\x02x", b"\x04\0\0\0"] {
        let error = parse(&block(0x21, 0x11, &[&V2[16..], tlvs].concat())).unwrap_err();
        let offset =
            if tlvs[0] == 4 { 28 + tlvs.len() - if tlvs.len() == 4 { 1 } else { 4 } } else { 28 };
        assert_eq!(error, InvalidProxyHeader::Tlv { offset }, "{tlvs:?}");
    }
}

#[test]
fn a_wrong_checksum_is_invalid_and_so_is_every_changed_byte_under_a_right_one() {
    let tlvs = Tlvs::new().with(tlv_type::UNIQUE_ID, b"a-1").unwrap();
    let sent = ProxyHeader::stream(address("1.2.3.4:5"), address("6.7.8.9:10")).with_tlvs(tlvs);
    let bytes = sent.encode_v2(Checksum::Crc32c).unwrap();
    assert_eq!(header(&bytes).tlvs.get(tlv_type::UNIQUE_ID), Some(&b"a-1"[..]));
    for changed in 16..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[changed] ^= 1 << bit;
            let is_whole = |it: &Progress| {
                matches!(it, Progress::Complete { header, .. }
                if header.tlvs.get(tlv_type::CRC32C).is_some())
            };
            assert!(!parse(&bytes).as_ref().is_ok_and(is_whole), "bit {bit} of byte {changed}");
        }
    }
    let short = block(0x21, 0x11, &[&V2[16..], b"\x03\0\x03abc"].concat());
    assert_eq!(parse(&short), Err(InvalidProxyHeader::Tlv { offset: 28 }));
}

#[test]
fn a_block_that_is_too_short_for_its_addresses_is_invalid() {
    for (family, body) in bodies() {
        for length in [0, 1, body.len() - 1] {
            let error = parse(&block(0x21, family | 1, &body[..length])).unwrap_err();
            let needed = body.len();
            assert_eq!(error, InvalidProxyHeader::TooShort { length, needed });
        }
    }
}

#[test]
fn a_block_that_announces_more_than_the_limit_is_refused_before_it_comes() {
    let announcing = |length: u16| [SIGNATURE, &[0x21, 0x11], &length.to_be_bytes()].concat();
    assert_eq!(parse(&announcing(4096)).unwrap(), Progress::Incomplete);
    let error = parse(&announcing(4097)).unwrap_err();
    assert_eq!(error, InvalidProxyHeader::TooLong { length: 4097, limit: 4096 });
    let mut parser = ProxyHeaderParser::with_limit(12);
    assert!(matches!(parser.push(V2), Ok(Progress::Complete { used: 28, .. })));
    assert!(ProxyHeaderParser::with_limit(11).push(V2).is_err());
}

#[test]
fn a_datagram_transport_is_told() {
    for (family, body) in bodies() {
        let transport =
            |low| header(&block(0x21, family | low, &body)).addresses.unwrap().transport;
        assert_eq!(transport(1), ProxyTransport::Stream);
        assert_eq!(transport(2), ProxyTransport::Datagram);
    }
}

#[test]
fn ipv6_addresses_print_in_their_canonical_form() {
    let [_, (family, body), _] = bodies();
    let header = header(&block(0x21, family | 1, &body));
    assert_eq!(header.addresses.unwrap().source.to_string(), "[::1]:80");
}

#[test]
fn unix_paths_lose_their_padding_and_abstract_names_are_kept() {
    let told = |name: &[u8]| {
        let body = [unix_field(name), unix_field(b"/to")].concat();
        header(&block(0x21, 0x31, &body)).addresses.unwrap().source.to_string()
    };
    assert_eq!(told(b"/run/x"), "unix:/run/x");
    assert_eq!(told(&[b'x'; 108]), format!("unix:{}", "x".repeat(108)));
    assert_eq!(told(b"\0abstract"), "unix:abstract=abstract");
    assert_eq!(told(b"\0a\0b\0"), "unix:abstract=a\\u{0}b");
    assert_eq!(told(b""), "unix:");
    assert_eq!(told(b"/path\0rubbish"), "unix:/path");
}
