//! The local end of a client's connection; Twisted's `bindAddress`.
//!
//! Invariant: it is numeric, so that binding waits for no name server.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The local address to connect from: an address alone takes a free port, and an address with a port
/// that port. Made by `into()`, for [`with_bind_address`](crate::TcpClientEndpoint::with_bind_address).
///
/// # Examples
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr, SocketAddr};
/// use ropewalk_endpoints::BindAddress;
///
/// let address: BindAddress = Ipv4Addr::LOCALHOST.into();
/// let with_port: BindAddress = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into();
/// assert_eq!(address, with_port);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BindAddress(pub(crate) SocketAddr);

impl From<SocketAddr> for BindAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl From<IpAddr> for BindAddress {
    fn from(address: IpAddr) -> Self {
        Self(SocketAddr::new(address, 0))
    }
}

impl From<Ipv4Addr> for BindAddress {
    fn from(address: Ipv4Addr) -> Self {
        Self::from(IpAddr::V4(address))
    }
}

impl From<Ipv6Addr> for BindAddress {
    fn from(address: Ipv6Addr) -> Self {
        Self::from(IpAddr::V6(address))
    }
}
