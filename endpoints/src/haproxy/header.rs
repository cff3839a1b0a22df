//! [`ProxyHeader`]: the content of a PROXY header of either version.
//!
//! Invariant: a header of version 1 has no TLVs, and one with the command LOCAL has neither addresses nor
//! TLVs.

use core::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use interfaces::{Address, UnixAddress};

use super::Tlvs;

/// The header that a proxy sends before the first byte of a connection: an answer to
/// [`query`](trait.Transport.html#method.query) on a connection that came through one, through any layers.
/// Twisted's `ProxyInfo`.
///
/// Source: the PROXY protocol, <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>, section 2.
#[doc(alias = "ProxyInfo")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyHeader {
    /// The form in which it was received.
    pub version: ProxyVersion,
    /// Whether a client stands behind the proxy.
    pub command: ProxyCommand,
    /// The connection that the proxy accepted. `None` where it does not tell: LOCAL, `UNKNOWN`, a family
    /// or transport that is not specified.
    pub addresses: Option<ProxyAddresses>,
    /// What else the proxy tells.
    pub tlvs: Tlvs,
}

/// The two forms of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// One line of text (section 2.1).
    V1,
    /// A binary block (section 2.2).
    V2,
}

/// What a connection with a header is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyCommand {
    /// The proxy's own, such as a health check; its addresses are those of the connection itself.
    Local,
    /// A client's, relayed by the proxy.
    Proxy,
}

/// The transport protocol between a client and its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyTransport {
    /// TCP, or a UNIX stream socket.
    Stream,
    /// UDP, or a UNIX datagram socket.
    Datagram,
}

/// The two ends of the connection that a proxy accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAddresses {
    /// Their transport protocol.
    pub transport: ProxyTransport,
    /// The client.
    pub source: Address,
    /// The proxy's own end, which the client connected to.
    pub destination: Address,
}

impl ProxyHeader {
    /// A header for a connection that the proxy makes for itself.
    pub fn local() -> Self {
        Self::with_command(ProxyCommand::Local)
    }

    /// A header for a client of which nothing is told.
    pub fn unknown() -> Self {
        Self::with_command(ProxyCommand::Proxy)
    }

    /// A header for a client's stream from `source` to `destination`.
    pub fn stream(source: Address, destination: Address) -> Self {
        let transport = ProxyTransport::Stream;
        let addresses = Some(ProxyAddresses { transport, source, destination });
        Self { addresses, ..Self::unknown() }
    }

    /// With these TLVs.
    #[must_use]
    pub fn with_tlvs(self, tlvs: Tlvs) -> Self {
        Self { tlvs, ..self }
    }

    fn with_command(command: ProxyCommand) -> Self {
        Self { version: ProxyVersion::V2, command, addresses: None, tlvs: Tlvs::default() }
    }

    /// The addresses as a header can carry them.
    pub(super) fn ends(&self) -> Ends<'_> {
        match (&self.addresses, self.command) {
            (Some(addresses), ProxyCommand::Proxy) => addresses.ends(),
            _ => Ends::Unspecified,
        }
    }
}

/// Two addresses of one family, source first.
pub(super) enum Ends<'a> {
    Unspecified,
    Ipv4(SocketAddrV4, SocketAddrV4),
    Ipv6(SocketAddrV6, SocketAddrV6),
    Unix(&'a UnixAddress, &'a UnixAddress),
}

impl ProxyAddresses {
    /// IPv4 clients of a port for both families are told as IPv4, and an IPv4 end beside an IPv6 end as a
    /// mapped address (RFC 4291, section 2.5.5.2).
    fn ends(&self) -> Ends<'_> {
        if let (Address::Unix(source), Address::Unix(destination)) =
            (&self.source, &self.destination)
        {
            return Ends::Unix(source, destination);
        }
        let ip = |address: &Address| address.as_socket_addr().map(canonical);
        match (ip(&self.source), ip(&self.destination)) {
            (Some(SocketAddr::V4(source)), Some(SocketAddr::V4(destination))) => {
                Ends::Ipv4(source, destination)
            }
            (Some(source), Some(destination)) => Ends::Ipv6(mapped(source), mapped(destination)),
            _ => Ends::Unspecified,
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn mapped(address: SocketAddr) -> SocketAddrV6 {
    let ip: Ipv6Addr = match address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped(),
        SocketAddr::V6(v6) => *v6.ip(),
    };
    SocketAddrV6::new(ip, address.port(), 0, 0)
}
