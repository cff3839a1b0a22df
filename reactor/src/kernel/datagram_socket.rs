//! Datagram sockets, made here or handed over.
//!
//! Invariant: a socket that made a path owns a [`UnixPath`] and drops it before it is closed; one that
//! was adopted is closed alone, as another process may use it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use interfaces::{Address, ListenError, ListenUdp, ListenUnixDatagram, UnixAddress};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::listener::{datagrams_refused, with_mode};
use super::unix_path::UnixPath;
use super::{datagram_calls, multicast, sockaddr};
use crate::sys::Sharing;

/// A datagram socket.
#[derive(Debug)]
pub struct KernelDatagramSocket {
    /// Dropped before the socket.
    _path: Option<Box<UnixPath>>,
    socket: Socket,
    domain: Domain,
}

impl KernelDatagramSocket {
    pub(super) fn udp(options: &ListenUdp, sharing: Sharing) -> Result<Self, ListenError> {
        let open = || {
            let domain = Domain::for_address(options.address);
            let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
            if sharing == Sharing::Shared {
                socket.set_reuse_address(true)?;
                socket.set_reuse_port(true)?;
            }
            socket.bind(&SockAddr::from(options.address))?;
            datagram_calls::receive_joined(&socket);
            multicast::hear_own_groups(&socket, domain);
            Ok(Self { _path: None, socket, domain })
        };
        open().map_err(|error: io::Error| datagrams_refused(Address::from(options.address), &error))
    }

    pub(super) fn unix(options: &ListenUnixDatagram) -> Result<Self, ListenError> {
        let address = Address::Unix(options.address.clone());
        if let Some(length) = options.address.excess_length() {
            let limit = UnixAddress::NAME_BYTES_MAX;
            return Err(ListenError::NameTooLong { address, length, limit });
        }
        Self::open_unix(options).map_err(|error| datagrams_refused(address, &error))
    }

    fn open_unix(options: &ListenUnixDatagram) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
        if options.address == UnixAddress::Unnamed {
            return Ok(Self { _path: None, socket, domain: Domain::UNIX });
        }
        let name = sockaddr::from_unix(&options.address)?;
        // The file that bind makes takes the socket's own mode, so it is never wider than this.
        let socket = with_mode(socket, options.mode)?;
        let mut path = match &options.address {
            UnixAddress::Path(path) => Some(Box::new(UnixPath::unlocked(path))),
            UnixAddress::Abstract(_) | UnixAddress::Unnamed => None,
        };
        socket.bind(&name)?;
        if let Some(path) = &mut path {
            path.made(options.mode)?;
        }
        Ok(Self { _path: path, socket, domain: Domain::UNIX })
    }

    /// Adopts a socket of any family that a port can have; its path, if it has one, stays when it closes.
    pub(super) fn adopt(descriptor: OwnedFd) -> Result<Self, ListenError> {
        Self::checked(descriptor).map_err(|reason| ListenError::Unsuitable { reason })
    }

    fn checked(descriptor: OwnedFd) -> Result<Self, String> {
        let socket = Socket::from(descriptor);
        match socket.r#type() {
            Ok(Type::DGRAM) => {}
            Ok(other) => return Err(format!("it is a socket of another type ({other:?})")),
            Err(_) => return Err("it is not a socket".into()),
        }
        let unasked = |error: io::Error| format!("it cannot be asked: {error}");
        let domain = socket.domain().map_err(unasked)?;
        match (domain, socket.protocol().map_err(unasked)?) {
            (Domain::UNIX, _) | (Domain::IPV4 | Domain::IPV6, Some(Protocol::UDP)) => {}
            (Domain::IPV4 | Domain::IPV6, other) => {
                return Err(format!("it is a datagram socket of another protocol ({other:?})"));
            }
            (other, _) => return Err(format!("it is of another address family ({other:?})")),
        }
        let prepared = socket.set_nonblocking(true).and_then(|()| socket.set_cloexec(true));
        prepared.map_err(|error| format!("it cannot be made non-blocking: {error}"))?;
        if domain != Domain::UNIX {
            datagram_calls::receive_joined(&socket);
        }
        Ok(Self { _path: None, socket, domain })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn domain(&self) -> Domain {
        self.domain
    }
}

impl AsRawFd for KernelDatagramSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
