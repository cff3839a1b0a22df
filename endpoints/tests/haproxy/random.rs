//! Headers by a seed: what is encoded is read back, under any fragmentation, and damage never panics.

use interfaces::{Address, UnixAddress};
use ropewalk_endpoints::haproxy::{
    Checksum, Progress, ProxyHeader, ProxyHeaderParser, ProxyVersion, Tlvs,
};

use crate::scene::address;

/// Numbers by a seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }

    pub(crate) fn bytes(&mut self, below: usize) -> Vec<u8> {
        let length = self.roll(below);
        (0..length).map(|_| self.roll(256) as u8).collect()
    }

    fn unix(&mut self) -> Address {
        let name: Vec<u8> = self.bytes(108).into_iter().filter(|byte| *byte != 0).collect();
        Address::Unix(match (self.roll(3), name.is_empty()) {
            (0, _) | (_, true) => UnixAddress::Unnamed,
            (1, _) => UnixAddress::Path(name.into()),
            _ => UnixAddress::Abstract(name.into()),
        })
    }

    pub(crate) fn header(&mut self) -> ProxyHeader {
        let mut ip = |is_v6: bool| {
            let port = self.roll(65536);
            match is_v6 {
                true => address(&format!(
                    "[2001:db8::{:x}:{:x}]:{port}",
                    self.roll(65536),
                    self.roll(65536)
                )),
                false => address(&format!("192.0.{}.{}:{port}", self.roll(256), self.roll(256))),
            }
        };
        let (v4, v6) = ([ip(false), ip(false)], [ip(true), ip(true)]);
        let (source, destination) = match self.roll(5) {
            0 => return ProxyHeader::local(),
            1 => return ProxyHeader::unknown(),
            2 => (self.unix(), self.unix()),
            3 => v4.into(),
            _ => v6.into(),
        };
        let mut tlvs = Tlvs::new();
        for _ in 0..self.roll(4) {
            let kind = [1, 2, 4, 5, 0x20, 0x30, 0xe0][self.roll(7)];
            tlvs = tlvs.with(kind, &self.bytes(40)).unwrap();
        }
        ProxyHeader::stream(source, destination).with_tlvs(tlvs)
    }

    /// Changes some of the bytes.
    pub(crate) fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.roll(3) {
            let at = self.roll(bytes.len());
            match self.roll(4) {
                0 => bytes[at] = self.roll(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b" \r\n0:."[self.roll(6)]),
                _ => bytes[at] ^= 1 << self.roll(8),
            }
        }
    }

    /// The progress of a parser that gets the bytes in pieces, with what was used in all.
    fn push_in_pieces(&mut self, bytes: &[u8]) -> Option<(ProxyHeader, usize)> {
        let (mut parser, mut from) = (ProxyHeaderParser::new(), 0);
        while from < bytes.len() {
            let most = 1 + self.roll(40);
            let to = from + 1 + self.roll(most.min(bytes.len() - from));
            match parser.push(&bytes[from..to]) {
                Ok(Progress::Incomplete) => from = to,
                Ok(Progress::Complete { header, used }) => return Some((header, from + used)),
                Err(_) => return None,
            }
        }
        None
    }
}

fn whole(bytes: &[u8]) -> Option<(ProxyHeader, usize)> {
    match ProxyHeaderParser::new().push(bytes) {
        Ok(Progress::Complete { header, used }) => Some((header, used)),
        _ => None,
    }
}

#[test]
fn what_is_sent_in_version_2_is_received_under_any_fragmentation() {
    let mut dice = Dice(1);
    for round in 0..5_000 {
        let sent = dice.header();
        let block = sent.encode_v2(Checksum::Absent).unwrap();
        let more = dice.bytes(30);
        let bytes = [&block[..], &more].concat();
        let received = dice.push_in_pieces(&bytes).unwrap_or_else(|| panic!("round {round}"));
        assert_eq!(received, (sent, block.len()), "round {round}");
        assert_eq!(whole(&bytes), Some(received));
    }
}

#[test]
fn what_is_sent_in_version_1_is_received_under_any_fragmentation() {
    let mut dice = Dice(2);
    for round in 0..5_000 {
        let sent = dice.header();
        let line = sent.encode_v1();
        let bytes = [&line[..], &dice.bytes(30)].concat();
        let (header, used) = dice.push_in_pieces(&bytes).unwrap();
        assert_eq!(used, line.len(), "round {round}");
        let is_ip = |it: &&interfaces::Address| it.as_socket_addr().is_some();
        let ip = sent.addresses.as_ref().map(|it| &it.source).filter(is_ip);
        assert_eq!(header.addresses.as_ref().map(|it| &it.source), ip, "round {round}");
        assert_eq!(header.version, ProxyVersion::V1);
    }
}

#[test]
fn a_checksum_finds_each_single_damage() {
    let mut dice = Dice(3);
    for _ in 0..2_000 {
        let sent = dice.header();
        let mut block = sent.encode_v2(Checksum::Crc32c).unwrap();
        if sent.addresses.is_some() {
            let changed = 16 + dice.roll(block.len() - 16);
            let before = whole(&block).unwrap().0;
            block[changed] ^= 1 << dice.roll(8);
            // Damage to a length may hide the checksum, but not leave the header as it was.
            assert_ne!(whole(&block).map(|it| it.0), Some(before));
        }
    }
}

/// The damaged ones are judged alike in one piece and in many, so no byte is looked at too early.
#[test]
fn damaged_headers_are_judged_alike_under_any_fragmentation_and_never_panic() {
    let mut dice = Dice(4);
    let mut accepted = 0;
    for round in 0..20_000 {
        let header = dice.header();
        let mut bytes = match dice.roll(2) {
            0 => header.encode_v1(),
            _ => header.encode_v2(Checksum::Absent).unwrap(),
        };
        dice.damage(&mut bytes);
        bytes.extend(dice.bytes(20));
        let at_once = whole(&bytes);
        accepted += usize::from(at_once.is_some());
        assert_eq!(dice.push_in_pieces(&bytes), at_once, "round {round}: {bytes:?}");
    }
    assert!(accepted > 1_000, "damage that is always found is no test of the rest: {accepted}");
}
