//! Conversions between socket2's addresses and those of `interfaces`.
//!
//! Invariant: an unknown address is [`UnixAddress::Unnamed`], never a made-up one.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;

use interfaces::{Address, UnixAddress, VsockAddress};
use socket2::SockAddr;

/// An address of the system as one of `interfaces`.
pub(super) fn to_address(address: &SockAddr) -> Address {
    if let Some(ip) = address.as_socket() {
        return Address::from(ip);
    }
    if let Some((cid, port)) = address.as_vsock_address() {
        return Address::from(VsockAddress { cid, port });
    }
    let unix = if let Some(path) = address.as_pathname() {
        UnixAddress::Path(Rc::from(path.as_os_str().as_bytes()))
    } else if let Some(name) = address.as_abstract_namespace() {
        UnixAddress::Abstract(Rc::from(name))
    } else {
        UnixAddress::Unnamed
    };
    Address::Unix(unix)
}

/// The same, for a query that fails when the connection is gone.
pub(super) fn or_unnamed(address: io::Result<SockAddr>) -> Address {
    address.map_or(Address::Unix(UnixAddress::Unnamed), |address| to_address(&address))
}

/// The name of a UNIX socket as an address of the system.
pub(super) fn from_unix(address: &UnixAddress) -> io::Result<SockAddr> {
    match address {
        // The system would treat the first as unnamed, and cut the second at its NUL.
        UnixAddress::Path(path) if path.is_empty() || path.contains(&0) => Err(not_a_name()),
        UnixAddress::Path(path) => SockAddr::unix(as_path(path)),
        UnixAddress::Abstract(name) => {
            let mut bytes = Vec::with_capacity(name.len() + 1);
            bytes.push(0);
            bytes.extend_from_slice(name);
            SockAddr::unix(as_path(&bytes))
        }
        UnixAddress::Unnamed => Err(not_a_name()),
    }
}

/// An address of `interfaces` as one of the system.
pub(super) fn from_address(address: &Address) -> io::Result<SockAddr> {
    match address {
        Address::Ipv4(address) => Ok(SockAddr::from(*address)),
        Address::Ipv6(address) => Ok(SockAddr::from(*address)),
        Address::Unix(address) => from_unix(address),
        _ => Err(not_a_name()),
    }
}

fn not_a_name() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}

/// The bytes of a path as a path.
pub(super) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}
