//! The packets of one connection, as its TCP would have sent them, for `--dump pcap`.
//!
//! Addresses are those of the connection; where they are not of IP, the client is a port of 127.0.0.1 that comes
//! from the number of the connection, and the server port 1. Below TLS the bytes are those of the protocol.
//! Invariant: numbers of sequence go on, so bytes that are missing in the file are missing for its reader; each side
//! sends one SYN and at most one FIN.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use interfaces::Address;

use super::form::{DumpEvent, Side};

/// The most bytes of one packet; the length of one of IPv4 has 16 bits.
const SEGMENT_BYTES_MAX: usize = 32 * 1024;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// The number of TCP in the head of an IP packet.
const PROTOCOL_TCP: u8 = 6;

const TCP_HEAD_BYTES: usize = 20;

/// The ports of a connection that has none, above those of the system.
const FIRST_PORT: u64 = 1024;
const PORTS: u64 = 65_536 - FIRST_PORT;

/// One connection.
#[derive(Debug)]
pub(super) struct TcpTrace {
    client: TraceSide,
    server: TraceSide,
}

#[derive(Clone, Copy, Debug)]
struct TraceSide {
    address: SocketAddr,
    /// The number of the next byte.
    next: u32,
    has_ended: bool,
}

impl TcpTrace {
    pub(super) fn new(id: u64, peer: &Address, host: &Address) -> Self {
        let port = u16::try_from(FIRST_PORT + id % PORTS).unwrap_or(u16::MAX);
        let made_up = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let (client, server) = match (socket_address(peer), socket_address(host)) {
            (Some(client), Some(server)) if client.is_ipv4() == server.is_ipv4() => {
                (client, server)
            }
            _ => (made_up(port), made_up(1)),
        };
        let side = |address| TraceSide { address, next: 0, has_ended: false };
        Self { client: side(client), server: side(server) }
    }

    /// The packets of an event, as records of the file.
    pub(super) fn records(&mut self, time: Duration, event: &DumpEvent<'_>) -> Vec<u8> {
        let mut records = Vec::new();
        match *event {
            DumpEvent::Made(_) => {
                self.push(&mut records, time, Side::Client, SYN, &[]);
                self.push(&mut records, time, Side::Server, SYN | ACK, &[]);
                self.push(&mut records, time, Side::Client, ACK, &[]);
            }
            DumpEvent::Data(side, data) => {
                for piece in data.chunks(SEGMENT_BYTES_MAX) {
                    self.push(&mut records, time, side, PSH | ACK, piece);
                }
            }
            DumpEvent::End(side) => self.end(&mut records, time, side),
            DumpEvent::Lost { is_clean: true, .. } => {
                self.end(&mut records, time, Side::Client);
                self.end(&mut records, time, Side::Server);
            }
            DumpEvent::Lost { is_clean: false, .. } => {
                self.push(&mut records, time, Side::Client, RST | ACK, &[]);
            }
        }
        records
    }

    fn end(&mut self, records: &mut Vec<u8>, time: Duration, side: Side) {
        let ending = self.side(side);
        if !std::mem::replace(&mut ending.has_ended, true) {
            self.push(records, time, side, FIN | ACK, &[]);
        }
    }

    fn side(&mut self, side: Side) -> &mut TraceSide {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn push(&mut self, records: &mut Vec<u8>, time: Duration, side: Side, flags: u8, data: &[u8]) {
        let (from, to) = match side {
            Side::Client => (self.client, self.server),
            Side::Server => (self.server, self.client),
        };
        let acknowledged = if flags & ACK == 0 { 0 } else { to.next };
        let segment = segment(from, to, flags, acknowledged, data);
        let packet = packet(from.address.ip(), to.address.ip(), &segment);
        push_record(records, time, &packet);
        let numbers = u32::try_from(data.len()).unwrap_or(0) + u32::from(flags & (SYN | FIN) != 0);
        let side = self.side(side);
        side.next = side.next.wrapping_add(numbers);
    }
}

fn socket_address(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Ipv4(address) => Some((*address).into()),
        Address::Ipv6(address) => Some((*address).into()),
        _ => None,
    }
}

/// A record of `pcap-savefile(5)`.
fn push_record(records: &mut Vec<u8>, time: Duration, packet: &[u8]) {
    let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    // The format has 32 bits of seconds.
    for field in [time.as_secs() as u32, time.subsec_micros(), length, length] {
        records.extend(field.to_ne_bytes());
    }
    records.extend(packet);
}

/// A segment of TCP (RFC 9293 section 3.1).
fn segment(from: TraceSide, to: TraceSide, flags: u8, acknowledged: u32, data: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(TCP_HEAD_BYTES + data.len());
    segment.extend(from.address.port().to_be_bytes());
    segment.extend(to.address.port().to_be_bytes());
    segment.extend(from.next.to_be_bytes());
    segment.extend(acknowledged.to_be_bytes());
    // The length of the head in words, the flags, and a window that is always open.
    segment.extend([(TCP_HEAD_BYTES as u8 / 4) << 4, flags, 0xff, 0xff]);
    // The checksum, and no urgent bytes.
    segment.extend([0; 4]);
    segment.extend(data);
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    let mut pseudo_head = octets(from.address.ip());
    pseudo_head.extend(octets(to.address.ip()));
    pseudo_head.extend(length.to_be_bytes());
    pseudo_head.extend([0, 0, 0, PROTOCOL_TCP]);
    let sum = checksum([&pseudo_head, &segment]);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

/// A packet of IPv4 (RFC 791) or IPv6 (RFC 8200) around a segment.
fn packet(from: IpAddr, to: IpAddr, segment: &[u8]) -> Vec<u8> {
    let length =
        |head: usize| u16::try_from(head + segment.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = Vec::with_capacity(40 + segment.len());
    if from.is_ipv4() {
        const HEAD_BYTES: usize = 20;
        let [high, low] = length(HEAD_BYTES);
        // Version 4 with five words, and nothing that is cut in pieces.
        packet.extend([0x45, 0, high, low, 0, 0, 0x40, 0, 64, PROTOCOL_TCP, 0, 0]);
        packet.extend(octets(from));
        packet.extend(octets(to));
        let sum = checksum([&packet, &[]]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        let [high, low] = length(0);
        packet.extend([0x60, 0, 0, 0, high, low, PROTOCOL_TCP, 64]);
        packet.extend(octets(from));
        packet.extend(octets(to));
    }
    packet.extend(segment);
    packet
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// The checksum of the Internet (RFC 1071) over parts, each but the last of an even length.
fn checksum(parts: [&[u8]; 2]) -> u16 {
    let words = parts.into_iter().flat_map(|part| part.chunks(2));
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low));
    let mut sum: u64 = words.map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_rfcs_example() {
        // RFC 1071 section 3: the sum is ddf2.
        let words = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum([&words, &[]]), !0xddf2);
        assert_eq!(checksum([&words[..4], &words[4..]]), !0xddf2);
        assert_eq!(checksum([&[], &[0x12]]), !0x1200);
    }

    #[test]
    fn a_head_with_its_checksum_sums_up_to_nothing() {
        let ends = [("10.0.0.1:1", "10.0.0.2:2"), ("[2001:db8::1]:1", "[2001:db8::2]:2")];
        for (client, server) in ends.map(|(client, server)| {
            let address = |text: &str| Address::from(text.parse::<SocketAddr>().unwrap());
            (address(client), address(server))
        }) {
            let mut trace = TcpTrace::new(1, &client, &server);
            let records = trace.records(Duration::ZERO, &DumpEvent::Data(Side::Client, b"abc"));
            let packet = &records[16..];
            let head = if trace.client.address.is_ipv4() { 20 } else { 40 };
            if head == 20 {
                assert_eq!(checksum([&packet[..20], &[]]), 0);
            }
            let mut pseudo = octets(trace.client.address.ip());
            pseudo.extend(octets(trace.server.address.ip()));
            pseudo.extend([0, 0, 0, 23, 0, 0, 0, PROTOCOL_TCP]);
            assert_eq!(checksum([&pseudo, &packet[head..]]), 0);
        }
    }

    #[test]
    fn a_connection_without_addresses_of_ip_has_made_up_ones() {
        let unix = Address::Unix(interfaces::UnixAddress::Unnamed);
        let trace = TcpTrace::new(PORTS + 5, &unix, &unix);
        assert_eq!(trace.client.address, "127.0.0.1:1029".parse().unwrap());
        assert_eq!(trace.server.address, "127.0.0.1:1".parse().unwrap());
    }
}
