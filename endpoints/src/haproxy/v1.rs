//! Version 1: one line of text (section 2.1 of the specification).
//!
//! ```text
//! PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 CR LF
//! PROXY UNKNOWN CR LF
//! ```
//!
//! Invariant: a line that is read has the one canonical form of what it says.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

use super::header::Ends;
use super::{InvalidProxyHeader, ProxyAddresses, ProxyHeader, ProxyTransport, ProxyVersion};

/// The beginning of every line.
pub(super) const PREFIX: &[u8] = b"PROXY ";

/// The most bytes of a line, with CR and LF.
pub(super) const LINE_BYTES_MAX: usize = 107;

/// Reads a line, without its CR LF.
pub(super) fn parse(line: &[u8]) -> Result<ProxyHeader, InvalidProxyHeader> {
    let header = ProxyHeader { version: ProxyVersion::V1, ..ProxyHeader::unknown() };
    let rest = line.strip_prefix(PREFIX).ok_or(InvalidProxyHeader::NoHeader)?;
    let mut fields = rest.split(|byte| *byte == b' ');
    let parse_ip = match fields.next() {
        // What stands behind it is to be ignored.
        Some(b"UNKNOWN") => return Ok(header),
        Some(b"TCP4") => ip::<Ipv4Addr>,
        Some(b"TCP6") => ip::<Ipv6Addr>,
        _ => return Err(InvalidProxyHeader::NetworkProtocol),
    };
    let mut next = || fields.next().ok_or(InvalidProxyHeader::MissingAddress);
    let [source, destination, source_port, destination_port] = [next()?, next()?, next()?, next()?];
    if fields.next().is_some() {
        return Err(InvalidProxyHeader::Surplus);
    }
    let (source, destination) = (parse_ip(source)?, parse_ip(destination)?);
    let addresses = ProxyAddresses {
        transport: ProxyTransport::Stream,
        source: SocketAddr::new(source, port(source_port)?).into(),
        destination: SocketAddr::new(destination, port(destination_port)?).into(),
    };
    Ok(ProxyHeader { addresses: Some(addresses), ..header })
}

fn ip<T: FromStr + Into<IpAddr>>(field: &[u8]) -> Result<IpAddr, InvalidProxyHeader> {
    let text = core::str::from_utf8(field).ok();
    let address = text.and_then(|text| text.parse::<T>().ok());
    address.map(Into::into).ok_or(InvalidProxyHeader::Address)
}

/// Without zeros in front of it, and without a sign.
fn port(field: &[u8]) -> Result<u16, InvalidProxyHeader> {
    let is_canonical =
        field.iter().all(u8::is_ascii_digit) && (field == b"0" || !field.starts_with(b"0"));
    let text = core::str::from_utf8(field).ok().filter(|_| is_canonical);
    text.and_then(|text| text.parse().ok()).ok_or(InvalidProxyHeader::Port)
}

impl ProxyHeader {
    /// The header as a line of version 1, with its CR LF: `UNKNOWN` for all but two IP addresses of TCP.
    pub fn encode_v1(&self) -> Vec<u8> {
        let is_tcp = self
            .addresses
            .as_ref()
            .is_some_and(|addresses| addresses.transport == ProxyTransport::Stream);
        let mut line = String::new();
        // Writing to a String cannot fail.
        let _ = match self.ends() {
            Ends::Ipv4(from, to) if is_tcp => {
                write!(
                    line,
                    "PROXY TCP4 {} {} {} {}\r\n",
                    from.ip(),
                    to.ip(),
                    from.port(),
                    to.port()
                )
            }
            Ends::Ipv6(from, to) if is_tcp => {
                write!(
                    line,
                    "PROXY TCP6 {} {} {} {}\r\n",
                    from.ip(),
                    to.ip(),
                    from.port(),
                    to.port()
                )
            }
            Ends::Unspecified | Ends::Ipv4(..) | Ends::Ipv6(..) | Ends::Unix(..) => {
                write!(line, "PROXY UNKNOWN\r\n")
            }
        };
        line.into_bytes()
    }
}
