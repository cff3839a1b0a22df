//! The answers of the proxy, and which failure is which.
//!
//! Invariant: each is one message, of either version.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use deferred::Failure;
use interfaces::{Address, ConnectError, ResolveError};

use super::request::SocksVersion;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No reason that has a number.
    General,
    /// It is not allowed.
    NotAllowed,
    /// There is no way to the network.
    NetworkUnreachable,
    /// There is no way to the host, or no host of this name.
    HostUnreachable,
    /// The host refused.
    ConnectionRefused,
    /// The command is not known, or bytes came behind the request.
    Command,
    /// The kind of address is not known.
    AddressKind,
}

/// What `connect` failed with, by Linux's numbers.
const ENETUNREACH: i32 = 101;
const ECONNREFUSED: i32 = 111;
const EHOSTUNREACH: i32 = 113;

impl Refusal {
    /// The one that tells of a failure.
    pub(super) fn of(failure: &Failure) -> Self {
        match failure.downcast_ref::<ConnectError>() {
            Some(ConnectError::Refused { source, .. }) => match source.raw_os_error() {
                ENETUNREACH => Self::NetworkUnreachable,
                ECONNREFUSED => Self::ConnectionRefused,
                EHOSTUNREACH => Self::HostUnreachable,
                _ => Self::General,
            },
            Some(ConnectError::TimedOut { .. }) => Self::HostUnreachable,
            _ if failure.check::<ResolveError>() => Self::HostUnreachable,
            _ => Self::General,
        }
    }

    /// RFC 1928, section 6. Version 4 has one number for all.
    fn number(self) -> u8 {
        match self {
            Self::General => 1,
            Self::NotAllowed => 2,
            Self::NetworkUnreachable => 3,
            Self::HostUnreachable => 4,
            Self::ConnectionRefused => 5,
            Self::Command => 7,
            Self::AddressKind => 8,
        }
    }

    /// The message that says so.
    pub(super) fn message(self, version: SocksVersion) -> Vec<u8> {
        match version {
            SocksVersion::V4 => Vec::from([0, 0x5b, 0, 0, 0, 0, 0, 0]),
            SocksVersion::V5 => message5(self.number(), None),
        }
    }
}

/// The message that grants a request, with the address that it is about. Version 4 has room for IPv4
/// alone, and other addresses are zeros.
pub(super) fn granted(version: SocksVersion, address: &Address) -> Vec<u8> {
    let address = address.as_socket_addr();
    match version {
        SocksVersion::V4 => {
            let mut message = Vec::from([0, 0x5a]);
            let (ip, port) = match address {
                Some(SocketAddr::V4(v4)) => (v4.ip().octets(), v4.port()),
                Some(SocketAddr::V6(v6)) => ([0; 4], v6.port()),
                None => ([0; 4], 0),
            };
            message.extend_from_slice(&port.to_be_bytes());
            message.extend_from_slice(&ip);
            message
        }
        SocksVersion::V5 => message5(0, address),
    }
}

fn message5(number: u8, address: Option<SocketAddr>) -> Vec<u8> {
    let address = address.unwrap_or(SocketAddr::from(([0; 4], 0)));
    let mut message = Vec::from([5, number, 0]);
    match address.ip() {
        IpAddr::V4(ip) => {
            message.push(1);
            message.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            message.push(4);
            message.extend_from_slice(&ip.octets());
        }
    }
    message.extend_from_slice(&address.port().to_be_bytes());
    message
}
