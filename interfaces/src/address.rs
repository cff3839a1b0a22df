//! The addresses of connections and ports; Twisted's `IPv4Address`, `IPv6Address`, `UNIXAddress`.
//!
//! Invariant: an [`Address`] is a fact read from a socket or given to one, never a name to look up.

use alloc::rc::Rc;
use core::fmt;
use core::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::printable;

/// The address of one end of a connection, or of a listening port.
///
/// `Display` is the form that the command `ropewalk` prints: `127.0.0.1:80`, `[::1]:80`,
/// `unix:/run/x.sock`, `unix:abstract=name`, `unix:` (unnamed). Names go through [`printable`], so an
/// address can go to a log as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// TCP or UDP over IPv4.
    Ipv4(SocketAddrV4),
    /// TCP or UDP over IPv6, with flow information and scope.
    Ipv6(SocketAddrV6),
    /// A UNIX socket.
    Unix(UnixAddress),
    /// The name of a transport of another kind: an in-memory pair, a serial line.
    Other(Rc<str>),
}

/// The name of a UNIX socket (unix(7)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixAddress {
    /// A path in the file system; never empty, and without a NUL byte.
    Path(Rc<[u8]>),
    /// A name in Linux's abstract namespace, without its leading NUL.
    Abstract(Rc<[u8]>),
    /// No name, as `accept` and `socketpair` report it for the connecting side.
    Unnamed,
}

impl UnixAddress {
    /// The most bytes of a path or an abstract name: `sun_path` has 108, one of which is a path's NUL at
    /// its end or an abstract name's at its beginning (unix(7)).
    pub const NAME_BYTES_MAX: usize = 107;

    /// The length of a name that is longer than [`NAME_BYTES_MAX`](Self::NAME_BYTES_MAX), for the error
    /// that says so.
    pub fn excess_length(&self) -> Option<usize> {
        match self {
            Self::Path(name) | Self::Abstract(name) => {
                (name.len() > Self::NAME_BYTES_MAX).then_some(name.len())
            }
            Self::Unnamed => None,
        }
    }

    /// Whether both are names of one socket: equal, or two paths to one file, such as a symbolic link and
    /// its target. Looks at the file system; a path to nothing is no other's. Twisted's `==`.
    #[cfg(feature = "std")]
    pub fn same_socket(&self, other: &Self) -> bool {
        self == other
            || matches!((file_of(self), file_of(other)), (Some(one), Some(two)) if one == two)
    }
}

/// Device and number of the file that a path leads to.
#[cfg(feature = "std")]
fn file_of(address: &UnixAddress) -> Option<(u64, u64)> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::MetadataExt as _;
    let UnixAddress::Path(path) = address else { return None };
    let file = std::fs::metadata(std::ffi::OsStr::from_bytes(path)).ok()?;
    Some((file.dev(), file.ino()))
}

impl Address {
    /// The IP address and port, if this is an IP address.
    pub fn as_socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ipv4(v4) => Some(SocketAddr::V4(*v4)),
            Self::Ipv6(v6) => Some(SocketAddr::V6(*v6)),
            Self::Unix(_) | Self::Other(_) => None,
        }
    }

    /// The port, if this is an IP address.
    pub fn port(&self) -> Option<u16> {
        self.as_socket_addr().map(|address| address.port())
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self::Ipv4(v4),
            SocketAddr::V6(v6) => Self::Ipv6(v6),
        }
    }
}

impl From<UnixAddress> for Address {
    fn from(address: UnixAddress) -> Self {
        Self::Unix(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(v4) => v4.fmt(f),
            Self::Ipv6(v6) => v6.fmt(f),
            Self::Unix(unix) => write!(f, "unix:{unix}"),
            Self::Other(name) => printable(&**name).fmt(f),
        }
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => printable(path).fmt(f),
            Self::Abstract(name) => write!(f, "abstract={}", printable(name)),
            Self::Unnamed => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_address_prints_as_an_administrator_writes_it() {
        let v4 = Address::from(SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(v4.to_string(), "127.0.0.1:80");
        let v6 = Address::from(SocketAddr::from((core::net::Ipv6Addr::LOCALHOST, 80)));
        assert_eq!(v6.to_string(), "[::1]:80");
        let path = Address::from(UnixAddress::Path(Rc::from(&b"/run/x.sock"[..])));
        assert_eq!(path.to_string(), "unix:/run/x.sock");
        assert_eq!(Address::from(UnixAddress::Unnamed).to_string(), "unix:");
    }

    /// Addresses of which no two are equal.
    fn different() -> [Address; 9] {
        let path = |name: &str| UnixAddress::Path(Rc::from(name.as_bytes()));
        let name = |name: &str| UnixAddress::Abstract(Rc::from(name.as_bytes()));
        [
            SocketAddr::from(([127, 0, 0, 1], 80)).into(),
            SocketAddr::from(([127, 0, 0, 1], 81)).into(),
            SocketAddr::from((core::net::Ipv6Addr::LOCALHOST, 80)).into(),
            path("/no/such/file").into(),
            path("/no/such/other").into(),
            name("/no/such/file").into(),
            name("other").into(),
            UnixAddress::Unnamed.into(),
            Address::Other("a line".into()),
        ]
    }

    #[test]
    fn addresses_of_equal_fields_are_one_key_and_of_different_ones_are_not() {
        let both = std::collections::HashSet::from(different());
        assert_eq!(both.len(), different().len());
        assert!(different().iter().all(|address| both.contains(address)));
        for (index, address) in different().iter().enumerate() {
            let equal = different().iter().filter(|other| *other == address).count();
            assert_eq!((equal, &different()[index]), (1, address));
        }
    }

    #[test]
    fn only_a_name_of_more_than_107_bytes_is_too_long() {
        for name in [UnixAddress::Path, UnixAddress::Abstract] {
            assert_eq!(name(Rc::from([b'a'; 107])).excess_length(), None);
            assert_eq!(name(Rc::from([b'a'; 108])).excess_length(), Some(108));
        }
        assert_eq!(UnixAddress::Unnamed.excess_length(), None);
    }

    #[test]
    fn a_name_with_odd_bytes_cannot_break_a_log_line() {
        let name = UnixAddress::Abstract(Rc::from(&b"a\n\x1b[1m\xff\0"[..]));
        assert_eq!(name.to_string(), "abstract=a\\n\\u{1b}[1m\\xff\\u{0}");
        let other = Address::Other(Rc::from("serial \u{202e}\r"));
        assert_eq!(other.to_string(), "serial \\u{202e}\\r");
    }
}
