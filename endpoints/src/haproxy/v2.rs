//! Version 2: a binary block (section 2.2 of the specification).
//!
//! ```text
//! signature 12 | version 4 bits, command 4 bits | family 4 bits, transport 4 bits | length 2 |
//! source address, destination address, source port, destination port | TLVs
//! ```
//!
//! Invariant: bytes beyond the announced length are not looked at.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use interfaces::{Address, UnixAddress};

use super::crc32c::Crc32c;
use super::header::Ends;
use super::tlv::{self, Tlvs, tlv_type};
use super::{
    HeaderTooLong, InvalidProxyHeader, ProxyAddresses, ProxyCommand, ProxyHeader, ProxyTransport,
};

/// The beginning of every block.
pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes before the addresses.
pub(super) const FIXED_BYTES: usize = 16;

/// The bytes of one UNIX address: `sun_path` (unix(7)).
const UNIX_BYTES: usize = 108;

/// The checksum in a header of version 2 that is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// None: the checksums of TCP have to do.
    #[default]
    Absent,
    /// CRC32c, as the last TLV.
    Crc32c,
}

/// The bytes that the first 16 announce behind them; these are checked first.
pub(super) fn announced(fixed: &[u8; FIXED_BYTES]) -> Result<usize, InvalidProxyHeader> {
    let [signature @ .., version_command, family, high, low] = fixed;
    if signature != SIGNATURE {
        return Err(InvalidProxyHeader::NoHeader);
    }
    let (version, command) = (version_command >> 4, version_command & 0xf);
    match (version, command, family >> 4, family & 0xf) {
        (2, 0..=1, 0..=3, 0..=2) => Ok(u16::from_be_bytes([*high, *low]).into()),
        (2, 0..=1, ..) => Err(InvalidProxyHeader::Family { byte: *family }),
        (2, ..) => Err(InvalidProxyHeader::Command { command }),
        _ => Err(InvalidProxyHeader::Version { version }),
    }
}

/// Reads a whole block.
pub(super) fn parse(block: &[u8]) -> Result<ProxyHeader, InvalidProxyHeader> {
    let Some((fixed, body)) = block.split_first_chunk::<FIXED_BYTES>() else {
        return Err(InvalidProxyHeader::NoHeader);
    };
    announced(fixed)?;
    let [.., version_command, family, _, _] = *fixed;
    if version_command & 0xf == 0 {
        return Ok(ProxyHeader::local());
    }
    let transport = match family & 0xf {
        1 => ProxyTransport::Stream,
        2 => ProxyTransport::Datagram,
        // Not specified: everything behind is ignored, too.
        _ => return Ok(ProxyHeader::unknown()),
    };
    let read: fn(&[u8]) -> Option<(Address, Address, &[u8])> = match family >> 4 {
        1 => ipv4,
        2 => ipv6,
        3 => unix,
        _ => return Ok(ProxyHeader::unknown()),
    };
    let too_short = || {
        let needed = [0, 12, 36, 2 * UNIX_BYTES][usize::from(family >> 4)];
        InvalidProxyHeader::TooShort { length: body.len(), needed }
    };
    let (source, destination, rest) = read(body).ok_or_else(too_short)?;
    let offset = block.len() - rest.len();
    let tlvs =
        Tlvs::read(rest).map_err(|inner| InvalidProxyHeader::Tlv { offset: offset + inner })?;
    check(block, offset)?;
    let addresses = Some(ProxyAddresses { transport, source, destination });
    Ok(ProxyHeader { addresses, tlvs, ..ProxyHeader::unknown() })
}

fn ipv4(body: &[u8]) -> Option<(Address, Address, &[u8])> {
    let (from, rest) = body.split_first_chunk::<4>()?;
    let (to, rest) = rest.split_first_chunk::<4>()?;
    let (from_port, to_port, rest) = ports(rest)?;
    let from = SocketAddr::new(Ipv4Addr::from(*from).into(), from_port);
    let to = SocketAddr::new(Ipv4Addr::from(*to).into(), to_port);
    Some((from.into(), to.into(), rest))
}

fn ipv6(body: &[u8]) -> Option<(Address, Address, &[u8])> {
    let (from, rest) = body.split_first_chunk::<16>()?;
    let (to, rest) = rest.split_first_chunk::<16>()?;
    let (from_port, to_port, rest) = ports(rest)?;
    let from = SocketAddr::new(Ipv6Addr::from(*from).into(), from_port);
    let to = SocketAddr::new(Ipv6Addr::from(*to).into(), to_port);
    Some((from.into(), to.into(), rest))
}

fn ports(bytes: &[u8]) -> Option<(u16, u16, &[u8])> {
    let (&[a, b, c, d], rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), rest))
}

fn unix(body: &[u8]) -> Option<(Address, Address, &[u8])> {
    let (from, rest) = body.split_first_chunk::<UNIX_BYTES>()?;
    let (to, rest) = rest.split_first_chunk::<UNIX_BYTES>()?;
    Some((unix_address(from).into(), unix_address(to).into(), rest))
}

/// A path ends at its NUL byte; an abstract name begins with one, and those at its end are padding.
fn unix_address(field: &[u8; UNIX_BYTES]) -> UnixAddress {
    match field.split_first() {
        Some((0, name)) => {
            let length = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            match &name[..length] {
                [] => UnixAddress::Unnamed,
                name => UnixAddress::Abstract(Rc::from(name)),
            }
        }
        _ => {
            let path = field.split(|byte| *byte == 0).next().unwrap_or_default();
            UnixAddress::Path(Rc::from(path))
        }
    }
}

/// Checks the checksum, if there is one.
fn check(block: &[u8], tlvs_offset: usize) -> Result<(), InvalidProxyHeader> {
    let Some(position) = tlv::position(&block[tlvs_offset..], tlv_type::CRC32C) else {
        return Ok(());
    };
    let (start, end) = (tlvs_offset + position.start, tlvs_offset + position.end);
    let Ok(sent) = <[u8; 4]>::try_from(&block[start..end]) else {
        return Err(InvalidProxyHeader::Tlv { offset: start - 3 });
    };
    match checksum(&block[..start], &block[end..]) == u32::from_be_bytes(sent) {
        true => Ok(()),
        false => Err(InvalidProxyHeader::Checksum),
    }
}

/// Of a header with zeros in the place of the checksum.
fn checksum(before: &[u8], behind: &[u8]) -> u32 {
    Crc32c::new().update(before).update(&[0; 4]).update(behind).finish()
}

impl ProxyHeader {
    /// The header as a block of version 2. Without addresses that a header can carry it has none, and no
    /// TLVs either.
    ///
    /// # Errors
    ///
    /// [`HeaderTooLong`] when addresses and TLVs have more than 65535 bytes.
    pub fn encode_v2(&self, checksum: Checksum) -> Result<Vec<u8>, HeaderTooLong> {
        let mut block = Vec::with_capacity(FIXED_BYTES + 36 + self.tlvs.as_bytes().len());
        block.extend(SIGNATURE);
        let command = match self.command {
            ProxyCommand::Local => 0x20,
            ProxyCommand::Proxy => 0x21,
        };
        block.extend([command, 0, 0, 0]);
        let family = match self.ends() {
            Ends::Ipv4(from, to) => {
                block.extend([from.ip().octets(), to.ip().octets()].as_flattened());
                block.extend([from.port().to_be_bytes(), to.port().to_be_bytes()].as_flattened());
                0x10
            }
            Ends::Ipv6(from, to) => {
                block.extend([from.ip().octets(), to.ip().octets()].as_flattened());
                block.extend([from.port().to_be_bytes(), to.port().to_be_bytes()].as_flattened());
                0x20
            }
            Ends::Unix(from, to) => match (unix_field(from), unix_field(to)) {
                (Some(from), Some(to)) => {
                    block.extend([from, to].as_flattened());
                    0x30
                }
                _ => 0,
            },
            Ends::Unspecified => 0,
        };
        if family != 0 {
            let transport = self.addresses.as_ref().map(|addresses| addresses.transport);
            block[13] = family + if transport == Some(ProxyTransport::Datagram) { 2 } else { 1 };
            block.extend(self.tlvs.as_bytes());
            if checksum == Checksum::Crc32c {
                tlv::push(&mut block, tlv_type::CRC32C, &[0; 4])?;
            }
        }
        finish(block, family != 0 && checksum == Checksum::Crc32c)
    }
}

/// Fills in the length, and the checksum at the end.
fn finish(mut block: Vec<u8>, has_checksum: bool) -> Result<Vec<u8>, HeaderTooLong> {
    let length = block.len() - FIXED_BYTES;
    let announced = u16::try_from(length).map_err(|_| HeaderTooLong { length })?;
    block[14..FIXED_BYTES].copy_from_slice(&announced.to_be_bytes());
    if has_checksum {
        let start = block.len() - 4;
        let checksum = checksum(&block[..start], &[]);
        block[start..].copy_from_slice(&checksum.to_be_bytes());
    }
    Ok(block)
}

/// `None` for a name that is longer than the field.
fn unix_field(address: &UnixAddress) -> Option<[u8; UNIX_BYTES]> {
    let (offset, name): (usize, &[u8]) = match address {
        UnixAddress::Path(path) => (0, path),
        UnixAddress::Abstract(name) => (1, name),
        UnixAddress::Unnamed => (0, &[]),
    };
    let mut field = [0; UNIX_BYTES];
    field.get_mut(offset..offset + name.len())?.copy_from_slice(name);
    Some(field)
}
