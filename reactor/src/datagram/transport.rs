//! What a protocol sees of its port: `DatagramTransport`, `UdpTransport`, `MulticastTransport`.
//!
//! Invariant: no method runs a protocol, and on a closed port each answers without a system call.

use std::net::{IpAddr, SocketAddr};

use deferred::Deferred;
use interfaces::{
    Address, ConnectDatagramError, DatagramCounts, DatagramTransport, ListeningPort,
    MulticastError, MulticastInterface, MulticastTransport, SendError, UDP_BYTES_MAX, UdpTransport,
    UnixAddress,
};

use super::port::{DatagramPort, PortFamily};
use super::receive::is_same_socket;
use crate::sys::os_error::os_error;
use crate::sys::{DatagramSys, Membership, MulticastOption};

/// The bytes of an IPv4 header without options.
const IPV4_HEADER_BYTES: usize = 20;

/// What sending groups by an interface is called in errors.
const SEND_BY: &str = "send groups by";

impl<S: DatagramSys> ListeningPort for DatagramPort<S> {
    fn host(&self) -> Address {
        DatagramPort::host(self)
    }

    fn raw_descriptor(&self) -> Option<i32> {
        let core = self.core.upgrade()?;
        self.with_socket(|socket| core.sys.datagram_descriptor(socket)).flatten()
    }

    fn stop_listening(&self) -> Deferred<()> {
        match self.me.upgrade() {
            Some(port) => DatagramPort::stop_listening(&port),
            None => Deferred::succeed(()),
        }
    }
}

impl<S: DatagramSys> DatagramTransport for DatagramPort<S> {
    fn send_to(&self, data: &[u8], receiver: &Address) -> Result<(), SendError> {
        if self.is_sendable(data.len(), receiver) {
            self.queue(&[data], Some(receiver));
            return Ok(());
        }
        self.send_checked(&[data], receiver)
    }

    fn send(&self, data: &[u8]) -> Result<(), SendError> {
        let peer = self.peer.borrow();
        let Some(peer) = &*peer else {
            return Err(SendError::NotConnected { host: self.host() });
        };
        self.check(data.len(), peer)?;
        self.queue(&[data], None);
        Ok(())
    }

    fn send_pieces_to(&self, pieces: &[&[u8]], receiver: &Address) -> Result<(), SendError> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if self.is_sendable(length, receiver) {
            self.queue(pieces, Some(receiver));
            return Ok(());
        }
        self.send_checked(pieces, receiver)
    }

    fn peer(&self) -> Option<Address> {
        self.peer.borrow().clone()
    }

    fn counts(&self) -> DatagramCounts {
        let mut counts = DatagramCounts::default();
        counts.received = self.receiver.received.get();
        counts.truncated = self.receiver.truncated.get();
        counts.refused = self.receiver.refused.get();
        counts.sent = self.sender.sent.get();
        counts.dropped = self.sender.dropped.get();
        counts.failed = self.sender.failed.get();
        counts.waiting = self.sender.waiting() as u64;
        counts
    }

    fn as_udp(&self) -> Option<&dyn UdpTransport> {
        self.is_udp().then_some(self)
    }

    fn as_multicast(&self) -> Option<&dyn MulticastTransport> {
        self.is_udp().then_some(self)
    }
}

impl<S: DatagramSys> DatagramPort<S> {
    fn is_udp(&self) -> bool {
        self.family != PortFamily::Unix
    }

    /// Whether a datagram of this length is queued without another look: the port is open, of UDP, and not
    /// connected, and the receiver is one of its kind with a number.
    #[inline]
    fn is_sendable(&self, length: usize, receiver: &Address) -> bool {
        let fits = match (self.family, receiver) {
            (PortFamily::UdpV4, Address::Ipv4(to)) => {
                length <= UDP_BYTES_MAX - IPV4_HEADER_BYTES && to.port() != 0
            }
            (PortFamily::UdpV6, Address::Ipv6(to)) => length <= UDP_BYTES_MAX && to.port() != 0,
            _ => false,
        };
        fits && self.serves_all.get()
    }

    /// Queues a datagram of a port that is connected, of UNIX, or closed, or says why it cannot be sent.
    #[inline(never)]
    fn send_checked(&self, pieces: &[&[u8]], receiver: &Address) -> Result<(), SendError> {
        self.check(pieces.iter().map(|piece| piece.len()).sum(), receiver)?;
        let peer = self.peer.borrow().clone();
        match peer {
            None => {
                check_receiver(receiver)?;
                self.queue(pieces, Some(receiver));
            }
            Some(peer) if is_same_socket(&peer, receiver) => self.queue(pieces, None),
            Some(peer) => {
                return Err(SendError::ConnectedElsewhere { receiver: receiver.clone(), peer });
            }
        }
        Ok(())
    }

    /// Whether a datagram of this length can go to a receiver of this kind.
    fn check(&self, length: usize, receiver: &Address) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed { host: self.host() });
        }
        let limit = match (self.family, receiver) {
            (PortFamily::UdpV4, Address::Ipv4(_)) => UDP_BYTES_MAX - IPV4_HEADER_BYTES,
            (PortFamily::UdpV6, Address::Ipv6(_)) => UDP_BYTES_MAX,
            (PortFamily::Unix, Address::Unix(_)) => usize::MAX,
            _ => {
                let (receiver, host) = (receiver.clone(), self.host());
                return Err(SendError::WrongFamily { receiver, host });
            }
        };
        if length > limit {
            return Err(SendError::TooLong { length, limit, receiver: receiver.clone() });
        }
        Ok(())
    }
}

/// Whether there can be a socket at this address. The peer of a connected port is there, also one that has
/// no name.
fn check_receiver(receiver: &Address) -> Result<(), SendError> {
    match receiver {
        Address::Unix(name) if !is_name(name) => {
            Err(SendError::InvalidName { receiver: receiver.clone() })
        }
        // The system answers EINVAL.
        Address::Ipv4(_) | Address::Ipv6(_) if receiver.port() == Some(0) => {
            Err(SendError::PortZero { receiver: receiver.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether a socket can have this name.
fn is_name(name: &UnixAddress) -> bool {
    let is_whole = match name {
        UnixAddress::Path(path) => !path.is_empty() && !path.contains(&0),
        UnixAddress::Abstract(_) => true,
        UnixAddress::Unnamed => false,
    };
    is_whole && name.excess_length().is_none()
}

impl<S: DatagramSys> UdpTransport for DatagramPort<S> {
    fn connect(&self, peer: SocketAddr) -> Result<(), ConnectDatagramError> {
        let address = Address::from(peer);
        if let Some(peer) = self.peer.borrow().clone() {
            return Err(ConnectDatagramError::AlreadyConnected { address, peer });
        }
        if (self.family == PortFamily::UdpV4) != peer.is_ipv4() {
            let host = self.host();
            return Err(ConnectDatagramError::WrongFamily { address, host });
        }
        let Some(core) = self.core.upgrade() else {
            return Err(ConnectDatagramError::Closed { address });
        };
        let connected = self.with_socket(|socket| {
            core.sys.connect_datagram(socket, &address)?;
            Ok(core.sys.datagram_peer(socket))
        });
        match connected {
            None => Err(ConnectDatagramError::Closed { address }),
            Some(Err(error)) => {
                Err(ConnectDatagramError::Refused { address, source: os_error(&error) })
            }
            Some(Ok(peer)) => {
                self.peer.replace(Some(peer.unwrap_or(address)));
                self.ask_host();
                self.serves_all.set(false);
                Ok(())
            }
        }
    }

    fn broadcast_allowed(&self) -> bool {
        self.ask(|sys, socket| sys.broadcast_allowed(socket)).unwrap_or(false)
    }

    fn set_broadcast_allowed(&self, allowed: bool) {
        let _ = self.ask(|sys, socket| sys.allow_broadcast(socket, allowed));
    }
}

impl<S: DatagramSys> DatagramPort<S> {
    /// Asks the system about the socket, if the port is open.
    fn ask<R>(&self, ask: impl FnOnce(&S, &S::DatagramSocket) -> R) -> Option<R> {
        let core = self.core.upgrade()?;
        self.with_socket(|socket| ask(&core.sys, socket))
    }

    fn change_membership(
        &self,
        change: Membership,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> Result<(), MulticastError> {
        let attempt = match change {
            Membership::Join => "join",
            Membership::Leave => "leave",
        };
        if !group.is_multicast() {
            return Err(MulticastError::NotAGroup { attempt, group });
        }
        self.check_family(attempt, group)?;
        self.check_interface(attempt, interface)?;
        let changed =
            self.ask(|sys, socket| sys.change_membership(socket, change, group, interface));
        settled(changed, attempt, Some(group), Some(interface.clone()))
    }

    fn set_option(
        &self,
        attempt: &'static str,
        option: MulticastOption,
    ) -> Result<(), MulticastError> {
        let set = self.ask(|sys, socket| sys.set_multicast_option(socket, &option));
        let interface = match option {
            MulticastOption::Interface(interface) => Some(interface),
            MulticastOption::Loop(_) | MulticastOption::Ttl(_) => None,
        };
        settled(set, attempt, None, interface)
    }

    fn check_family(&self, attempt: &'static str, address: IpAddr) -> Result<(), MulticastError> {
        if (self.family == PortFamily::UdpV4) == address.is_ipv4() {
            Ok(())
        } else {
            Err(MulticastError::WrongFamily { attempt, address })
        }
    }

    fn check_interface(
        &self,
        attempt: &'static str,
        interface: &MulticastInterface,
    ) -> Result<(), MulticastError> {
        match interface {
            MulticastInterface::Address(address) => self.check_family(attempt, *address),
            _ => Ok(()),
        }
    }
}

/// The system's answer, as the interfaces tell it.
fn settled(
    answer: Option<std::io::Result<()>>,
    attempt: &'static str,
    group: Option<IpAddr>,
    interface: Option<MulticastInterface>,
) -> Result<(), MulticastError> {
    let error = match answer {
        None => return Err(MulticastError::Closed { attempt }),
        Some(Ok(())) => return Ok(()),
        Some(Err(error)) => error,
    };
    match interface {
        Some(interface)
            if error.raw_os_error() == Some(libc::ENODEV)
                && interface != MulticastInterface::Any =>
        {
            Err(MulticastError::NoInterface { attempt, interface })
        }
        interface => {
            let source = os_error(&error);
            Err(MulticastError::Refused { attempt, group, interface, source })
        }
    }
}

impl<S: DatagramSys> MulticastTransport for DatagramPort<S> {
    fn join_group(
        &self,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> Result<(), MulticastError> {
        self.change_membership(Membership::Join, group, interface)
    }

    fn leave_group(
        &self,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> Result<(), MulticastError> {
        self.change_membership(Membership::Leave, group, interface)
    }

    fn outgoing_interface(&self) -> MulticastInterface {
        let set = self.multicast_interface.borrow().clone();
        let ask = || self.ask(|sys, socket| sys.multicast_interface(socket));
        set.or_else(ask).unwrap_or_default()
    }

    fn set_outgoing_interface(&self, interface: &MulticastInterface) -> Result<(), MulticastError> {
        self.check_interface(SEND_BY, interface)?;
        self.set_option(SEND_BY, MulticastOption::Interface(interface.clone()))?;
        self.multicast_interface.replace(Some(interface.clone()));
        Ok(())
    }

    fn multicast_loop(&self) -> bool {
        self.ask(|sys, socket| sys.multicast_loop(socket)).unwrap_or(false)
    }

    fn set_multicast_loop(&self, on: bool) -> Result<(), MulticastError> {
        self.set_option("set the loop of groups", MulticastOption::Loop(on))
    }

    fn multicast_ttl(&self) -> u8 {
        self.ask(|sys, socket| sys.multicast_ttl(socket)).unwrap_or(0)
    }

    fn set_multicast_ttl(&self, ttl: u8) -> Result<(), MulticastError> {
        self.set_option("set the hops of groups", MulticastOption::Ttl(ttl))
    }
}
