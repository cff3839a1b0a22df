//! [`SentAddress`]: an address that goes from thread to thread.
//!
//! Invariant: it makes the address that it was made of.

use std::net::SocketAddr;

use interfaces::{Address, UnixAddress};

/// An [`Address`] whose bytes no thread shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SentAddress {
    Ip(SocketAddr),
    Path(Box<[u8]>),
    Abstract(Box<[u8]>),
    /// The name of one of another kind, as vsock.
    Named(Box<str>),
    Unnamed,
}

impl SentAddress {
    /// The address as it is sent.
    pub(super) fn of(address: &Address) -> Self {
        match address {
            Address::Ipv4(v4) => Self::Ip((*v4).into()),
            Address::Ipv6(v6) => Self::Ip((*v6).into()),
            Address::Unix(UnixAddress::Path(name)) => Self::Path(Box::from(&**name)),
            Address::Unix(UnixAddress::Abstract(name)) => Self::Abstract(Box::from(&**name)),
            Address::Unix(_) => Self::Unnamed,
            Address::Other(name) => Self::Named(Box::from(&**name)),
            _ => Self::Unnamed,
        }
    }
}

impl From<&SentAddress> for Address {
    fn from(sent: &SentAddress) -> Self {
        match sent {
            SentAddress::Ip(address) => (*address).into(),
            SentAddress::Path(name) => UnixAddress::Path((&**name).into()).into(),
            SentAddress::Abstract(name) => UnixAddress::Abstract((&**name).into()).into(),
            SentAddress::Named(name) => Self::Other((&**name).into()),
            SentAddress::Unnamed => UnixAddress::Unnamed.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_arrives_as_it_was() {
        let name: &[u8] = b"name\0\xff";
        let addresses = [
            SocketAddr::from(([127, 0, 0, 1], 80)).into(),
            "[fe80::1%3]:443".parse::<SocketAddr>().expect("an address").into(),
            UnixAddress::Path(name.into()).into(),
            UnixAddress::Abstract(name.into()).into(),
            UnixAddress::Unnamed.into(),
            Address::Other("vsock:2:5000".into()),
        ];
        for address in addresses {
            assert_eq!(Address::from(&SentAddress::of(&address)), address);
        }
    }
}
