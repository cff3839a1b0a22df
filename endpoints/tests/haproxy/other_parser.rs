//! Generated headers, sound and damaged, are judged as the crate `proxy-header` judges them, but for the
//! differences that are listed here. `ROPEWALK_HEADERS` has another number of headers than 50,000.

use std::collections::BTreeMap;

use proxy_header::{ParseConfig, Protocol, ProxiedAddress, ProxyHeader as Theirs, Tlv};
use ropewalk_endpoints::haproxy::{
    Checksum, InvalidProxyHeader, Progress, ProxyHeader, ProxyTransport,
};

use crate::random::Dice;
use crate::scene::parse;

/// Both judge alike, or the first one of these says why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    BothTake,
    BothWait,
    BothRefuse,
    /// One of them sees the mistake before all bytes are there.
    OneRefusesEarlier,
    /// Theirs takes what version 1 forbids: a port with a sign or zeros before it, a name that begins with
    /// `UNKNOWN`, any byte behind `PROXY`, a line of more than 107 bytes.
    TheirsIsLaxInVersion1,
    /// Theirs does not look at TLVs until they are asked for, never at the checksum, and has no limit.
    TheirsIsLaxInVersion2,
    /// Theirs refuses a family or a transport that is not specified, and LOCAL without the addresses of
    /// its family, or waits for these beyond the block's end.
    TheirsRefusesUnspecified,
    /// Theirs takes a CR alone for the end of a line whose protocol is unknown.
    TheirsEndsAtCr,
}

fn rounds() -> usize {
    std::env::var("ROPEWALK_HEADERS").map_or(50_000, |number| number.parse().unwrap())
}

fn theirs(bytes: &[u8]) -> Result<Option<(Theirs<'_>, usize)>, ()> {
    match Theirs::parse(bytes, ParseConfig::default()) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(proxy_header::Error::BufferTooShort) => Ok(None),
        Err(_) => Err(()),
    }
}

fn verdict(bytes: &[u8]) -> Verdict {
    let is_line = bytes.starts_with(b"P");
    match (parse(bytes), theirs(bytes)) {
        (Ok(Progress::Complete { header, used }), Ok(Some((their, their_used)))) => {
            assert_eq!(used, their_used);
            assert_same(&header, &their);
            Verdict::BothTake
        }
        (Ok(Progress::Incomplete), Ok(None)) => Verdict::BothWait,
        (Err(_), Err(())) => Verdict::BothRefuse,
        (Err(_), Ok(None)) => Verdict::OneRefusesEarlier,
        (Ok(Progress::Incomplete), Err(())) if is_line && bytes.starts_with(b"PROXY UNKNOWN") => {
            Verdict::TheirsEndsAtCr
        }
        (Ok(Progress::Incomplete), Err(())) => Verdict::OneRefusesEarlier,
        (Ok(Progress::Complete { header, .. }), Err(())) if is_line => {
            assert_eq!(header.addresses, None, "{bytes:?}");
            Verdict::TheirsEndsAtCr
        }
        (Ok(Progress::Complete { header, .. }), Err(()) | Ok(None)) => {
            assert_eq!(header.addresses, None, "{bytes:?}");
            Verdict::TheirsRefusesUnspecified
        }
        (Err(error), Ok(Some(_))) => match error {
            InvalidProxyHeader::NoHeader
            | InvalidProxyHeader::NetworkProtocol
            | InvalidProxyHeader::Port
            | InvalidProxyHeader::LineTooLong
                if is_line =>
            {
                Verdict::TheirsIsLaxInVersion1
            }
            InvalidProxyHeader::Tlv { .. }
            | InvalidProxyHeader::Checksum
            | InvalidProxyHeader::TooLong { .. }
                if !is_line =>
            {
                Verdict::TheirsIsLaxInVersion2
            }
            error => panic!("{error}: {bytes:?}"),
        },
        (ours, their) => panic!("{ours:?}, {their:?}: {bytes:?}"),
    }
}

fn assert_same(header: &ProxyHeader, their: &Theirs<'_>) {
    let ours = header.addresses.as_ref().and_then(|addresses| {
        let protocol = match addresses.transport {
            ProxyTransport::Stream => Protocol::Stream,
            ProxyTransport::Datagram => Protocol::Datagram,
        };
        // Theirs has no UNIX addresses.
        let source = addresses.source.as_socket_addr()?;
        let destination = addresses.destination.as_socket_addr()?;
        Some(ProxiedAddress { protocol, source, destination })
    });
    assert_eq!(ours.as_ref(), their.proxied_address());
    if header.addresses.is_some() {
        let kinds: Vec<_> = their.tlvs().filter_map(Result::ok).map(|tlv| tlv.kind()).collect();
        let ours: Vec<_> = header.tlvs.iter().map(|(kind, _)| kind).collect();
        // Theirs leaves a TLV out that is no text where it has to be.
        assert!(kinds.iter().all(|kind| ours.contains(kind)), "{ours:?}, {kinds:?}");
        assert_eq!(header.tlvs.alpn(), their.alpn());
        assert_eq!(header.tlvs.unique_id(), their.unique_id());
    }
}

/// Sound by ours, sound by theirs, or damaged.
fn bytes(dice: &mut Dice) -> Vec<u8> {
    let header = dice.header();
    let mut bytes = match dice.roll(4) {
        0 => header.encode_v1(),
        1 => encoded_by_theirs(dice, &header),
        2 => header.encode_v2(Checksum::Crc32c).unwrap(),
        _ => header.encode_v2(Checksum::Absent).unwrap(),
    };
    if dice.roll(2) == 0 {
        dice.damage(&mut bytes);
    }
    bytes.extend(dice.bytes(20));
    bytes
}

fn encoded_by_theirs(dice: &mut Dice, header: &ProxyHeader) -> Vec<u8> {
    let ip = header.addresses.as_ref().and_then(|addresses| {
        let (source, destination) = (&addresses.source, &addresses.destination);
        Some((source.as_socket_addr()?, destination.as_socket_addr()?))
    });
    let mut encoded = Vec::new();
    let Some((source, destination)) = ip else { return header.encode_v1() };
    let address = match dice.roll(2) {
        0 => ProxiedAddress::stream(source, destination),
        _ => ProxiedAddress::datagram(source, destination),
    };
    let tlvs = [Tlv::Alpn(b"h2".into()), Tlv::UniqueId(b"id-1".into()), Tlv::Noop(dice.roll(9))];
    Theirs::with_tlvs(Some(address), tlvs).encode_v2(&mut encoded).unwrap();
    encoded
}

#[test]
fn generated_headers_are_judged_as_another_parser_judges_them() {
    let mut dice = Dice::new(5);
    let mut verdicts = BTreeMap::new();
    for _ in 0..rounds() {
        *verdicts.entry(verdict(&bytes(&mut dice))).or_insert(0) += 1;
    }
    println!("{verdicts:?}");
    assert!(verdicts[&Verdict::BothTake] * 2 > rounds(), "{verdicts:?}");
}

#[test]
fn each_difference_from_the_other_parser_has_an_example() {
    let long = [&b"PROXY UNKNOWN "[..], &[b'x'; 99], b"\r\n"].concat();
    let block = |rest: &[u8]| [&b"\r\n\r\n\0\r\nQUIT\n"[..], rest].concat();
    for (bytes, expected) in [
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n".to_vec(), Verdict::TheirsIsLaxInVersion1),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 02\r\n".to_vec(), Verdict::TheirsIsLaxInVersion1),
        (b"PROXY UNKNOWNS\r\n".to_vec(), Verdict::TheirsIsLaxInVersion1),
        (b"PROXY-UNKNOWN\r\n".to_vec(), Verdict::TheirsIsLaxInVersion1),
        (long, Verdict::TheirsIsLaxInVersion1),
        (b"PROXY UNKNOWN x\ry\r\n".to_vec(), Verdict::TheirsEndsAtCr),
        (block(b"\x21\x11\0\x0d\0\0\0\0\0\0\0\0\0\0\0\0\x04"), Verdict::TheirsIsLaxInVersion2),
        (block(b"\x21\x10\0\0"), Verdict::TheirsRefusesUnspecified),
        (block(b"\x20\x11\0\0"), Verdict::TheirsRefusesUnspecified),
        (b"GET / HTTP".to_vec(), Verdict::BothRefuse),
        (b"PROXI".to_vec(), Verdict::OneRefusesEarlier),
    ] {
        assert_eq!(verdict(&bytes), expected, "{bytes:?}");
    }
}
