//! Datagram ports for the tests, of each kind.
//!
//! Invariant: every port is bound to the loopback, or to a path that vanishes with its test.

use std::net::{Ipv6Addr, SocketAddr};
use std::rc::Rc;

use interfaces::{
    Address, DatagramTransport, DeliverDatagram, ListenUdp, ListenUnixDatagram, ReactorUdp as _,
    ReactorUnixDatagram as _, UnixAddress,
};
use protocol::testing::{DatagramRecord, DatagramRecorder, SeenDatagram};
use ropewalk_reactor::Reactor;
use tempfile::TempDir;

/// A kind of port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortKind {
    UdpV4,
    UdpV6,
    UnixPath,
    UnixAbstract,
}

impl PortKind {
    pub(crate) const ALL: [Self; 4] =
        [Self::UdpV4, Self::UdpV6, Self::UnixPath, Self::UnixAbstract];
    pub(crate) const UDP: [Self; 2] = [Self::UdpV4, Self::UdpV6];

    /// A free port of the loopback.
    pub(crate) fn loopback(self) -> SocketAddr {
        match self {
            Self::UdpV6 => SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
            _ => SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

/// Opens ports of one kind.
pub(crate) struct Ports {
    pub(crate) reactor: Reactor,
    pub(crate) kind: PortKind,
    directory: TempDir,
    count: std::cell::Cell<usize>,
}

impl Ports {
    pub(crate) fn new(kind: PortKind) -> Self {
        let reactor = Reactor::new().unwrap();
        Self { reactor, kind, directory: tempfile::tempdir().unwrap(), count: 0.into() }
    }

    pub(crate) fn open(&self, protocol: Rc<dyn DeliverDatagram>) -> Rc<dyn DatagramTransport> {
        self.open_with(usize::MAX, protocol)
    }

    /// With another limit of a datagram's length; `usize::MAX` is the default.
    pub(crate) fn open_with(
        &self,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Rc<dyn DatagramTransport> {
        let limit = |default: usize| packet_bytes_max.min(default);
        match self.kind {
            PortKind::UdpV4 | PortKind::UdpV6 => {
                let options = ListenUdp::new(self.kind.loopback());
                let limit = limit(options.packet_bytes_max);
                self.reactor.listen_udp(&options.with_packet_bytes_max(limit), protocol).unwrap()
            }
            PortKind::UnixPath | PortKind::UnixAbstract => {
                let options = ListenUnixDatagram::new(self.new_name());
                let limit = limit(options.packet_bytes_max);
                let options = options.with_packet_bytes_max(limit);
                self.reactor.listen_unix_datagram(&options, protocol).unwrap()
            }
        }
    }

    /// A UNIX name that no port of this test has.
    pub(crate) fn new_name(&self) -> UnixAddress {
        self.count.set(self.count.get() + 1);
        let path = self.directory.path().join(self.count.get().to_string());
        let name = Rc::from(path.as_os_str().as_encoded_bytes());
        match self.kind {
            PortKind::UnixAbstract => UnixAddress::Abstract(name),
            _ => UnixAddress::Path(name),
        }
    }

    /// A port that is connected to this one.
    pub(crate) fn open_connected(
        &self,
        peer: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Rc<dyn DatagramTransport> {
        if let Address::Unix(peer) = peer {
            let options = ListenUnixDatagram::new(self.new_name());
            return self.reactor.connect_unix_datagram(peer, &options, protocol).unwrap();
        }
        let port = self.open(protocol);
        port.as_udp().unwrap().connect(peer.as_socket_addr().unwrap()).unwrap();
        port
    }
}

/// A protocol that sends everything back, and its record.
pub(crate) fn echo() -> (Rc<dyn DeliverDatagram>, DatagramRecord) {
    DatagramRecorder::new(|seen, transport| {
        if let SeenDatagram::Received(data, sender) = seen {
            transport.send_to(data, sender).unwrap();
        }
    })
}
