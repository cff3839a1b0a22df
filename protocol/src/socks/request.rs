//! The request of a client.
//!
//! Invariant: it is whole, and says what the client said, be it true or not.

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

use interfaces::printable;

/// A request, as [`SocksFactory::authorize`](super::SocksFactory::authorize) gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocksRequest {
    /// The version that the client speaks.
    pub version: SocksVersion,
    /// The kind of connection that it asks for.
    pub command: SocksCommand,
    /// The destination, or for [`Bind`](SocksCommand::Bind) the host that is to connect.
    pub host: SocksHost,
    /// The destination's port.
    pub port: u16,
    /// The user: of version 4 what the client says, of version 5 the name whose password was right, or
    /// the empty text.
    pub user: String,
}

/// A version of SOCKS. A request of version 4 with a name is one of 4a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocksVersion {
    /// SOCKS 4 and 4a.
    V4,
    /// SOCKS 5 (RFC 1928).
    V5,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksCommand {
    /// A connection to the destination.
    Connect,
    /// A port that accepts one connection from the destination, as FTP needs it.
    Bind,
}

/// The destination's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocksHost {
    /// An address.
    Ip(IpAddr),
    /// A name, which the proxy looks up.
    Name(String),
}

impl fmt::Display for SocksHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name) => printable(&**name).fmt(f),
        }
    }
}
