//! Datagram ports: UDP over IPv4 and IPv6, UNIX datagrams, and UDP in the simulated network with the
//! faults that a program must not notice.
//!
//! Invariant: all addresses are on loopback or in a fresh directory, and the system chooses the ports.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use deferred::Failure;
use interfaces::{
    Address, DatagramTransport, DeliverDatagram, ListenError, ListenUdp, ListenUnixDatagram,
    ReactorUdp, ReactorUnixDatagram, StreamClientEndpoint, StreamServerEndpoint, UnixAddress,
};
use reactor::Reactor;
use reactor::simulated::{Chance, Faults, Simulated};
use reactor::sys::{DatagramSys, StreamSys};
use tempfile::TempDir;

use super::no_streams::NoStreams;
use super::reactor_world::{Place, ReactorWorld, limits, missing};
use crate::suite::{Ability, Carries, DatagramPorts, Subject, World};

/// UDP over IPv4.
pub fn udp4() -> DatagramSubject {
    DatagramSubject { name: "udp4", kind: WireKind::Udp(IpAddr::V4(Ipv4Addr::LOCALHOST)) }
}

/// UDP over IPv6.
pub fn udp6() -> DatagramSubject {
    DatagramSubject { name: "udp6", kind: WireKind::Udp(IpAddr::V6(Ipv6Addr::LOCALHOST)) }
}

/// UNIX datagram sockets, by path.
pub fn unix_datagram() -> DatagramSubject {
    DatagramSubject { name: "unix-datagram", kind: WireKind::Unix }
}

/// A kind of datagram socket of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct DatagramSubject {
    name: &'static str,
    kind: WireKind,
}

#[derive(Clone, Copy, Debug)]
enum WireKind {
    Udp(IpAddr),
    Unix,
}

impl Subject for DatagramSubject {
    fn name(&self) -> &str {
        self.name
    }

    fn carries(&self) -> Carries {
        Carries::Datagrams
    }

    fn missing(&self) -> Option<&'static str> {
        match self.kind {
            WireKind::Udp(interface) => missing(interface),
            _ => None,
        }
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        match (ability, self.kind) {
            (Ability::Udp, WireKind::Unix) => Some("a UNIX socket has a name, and no IP address"),
            (Ability::Unreliable, _) => Some("this machine's own wire loses nothing unasked"),
            _ => None,
        }
    }

    fn world(&self, _round: u32) -> Result<Rc<dyn World>, Failure> {
        let reactor = Reactor::with_limits(limits())?;
        Ok(match self.kind {
            WireKind::Udp(interface) => {
                Rc::new(ReactorWorld::new(reactor, Udp { interface, network: None }))
            }
            WireKind::Unix => {
                let names = Rc::new(Names { directory: TempDir::new()?, count: Cell::new(0) });
                Rc::new(ReactorWorld::new(reactor, UnixNames(names)))
            }
        })
    }
}

/// UDP in a simulated network that loses nothing: spontaneous `EAGAIN` and `EINTR`, late and spurious
/// reports, receives that bring less than there is, joined datagrams, and runs that are not cut.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedUdp {
    /// The number of seeds of each case.
    pub seeds: u32,
}

impl Subject for SimulatedUdp {
    fn name(&self) -> &str {
        "simulated-udp"
    }

    fn carries(&self) -> Carries {
        Carries::Datagrams
    }

    fn lacks(&self, _: Ability) -> Option<&'static str> {
        None
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        let network = Simulated::new(u64::from(round));
        network.set_faults(Faults::harmless());
        let reactor = Reactor::on(network.clone(), limits());
        let interface = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Ok(Rc::new(ReactorWorld::new(reactor, Udp { interface, network: Some(network) })))
    }

    fn rounds(&self) -> u32 {
        self.seeds
    }
}

/// UDP ports of a reactor.
#[derive(Clone)]
struct Udp {
    interface: IpAddr,
    /// The simulated wire.
    network: Option<Simulated>,
}

/// A reactor, and how its ports are opened.
struct On<S: StreamSys, K> {
    reactor: Reactor<S>,
    kind: K,
}

impl<S: DatagramSys> DatagramPorts for On<S, Udp> {
    fn open(
        &self,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure> {
        let options = ListenUdp::new((self.kind.interface, 0));
        let limit = packet_bytes_max.min(options.packet_bytes_max);
        Ok(self.reactor.listen_udp(&options.with_packet_bytes_max(limit), protocol)?)
    }

    fn open_at(
        &self,
        address: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        let nowhere = SocketAddr::new(self.kind.interface, 0);
        let address = address.as_socket_addr().unwrap_or(nowhere);
        self.reactor.listen_udp(&ListenUdp::new(address), protocol)
    }

    fn open_connected(
        &self,
        peer: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure> {
        let port = self.open(usize::MAX, protocol)?;
        if let (Some(udp), Some(peer)) = (port.as_udp(), peer.as_socket_addr()) {
            udp.connect(peer)?;
        }
        Ok(port)
    }

    fn make_unreliable(&self) {
        if let Some(network) = &self.kind.network {
            network.set_faults(Faults {
                lost_datagram: Chance::per_mille(200),
                doubled_datagram: Chance::per_mille(150),
                overtaken_datagram: Chance::per_mille(200),
                ..Faults::harmless()
            });
        }
    }
}

impl<S: DatagramSys> Place<S> for Udp {
    fn server(&self, _: &Reactor<S>) -> Rc<dyn StreamServerEndpoint> {
        Rc::new(NoStreams(Carries::Datagrams))
    }

    fn client(&self, _: &Reactor<S>, _: &Address) -> Rc<dyn StreamClientEndpoint> {
        Rc::new(NoStreams(Carries::Datagrams))
    }

    fn datagrams(&self, reactor: &Reactor<S>) -> Option<Rc<dyn DatagramPorts>> {
        Some(Rc::new(On { reactor: reactor.clone(), kind: self.clone() }))
    }

    fn unused_address(&self) -> Address {
        Address::from(SocketAddr::new(self.interface, 0))
    }
}

/// UNIX names in a directory that is removed with the world.
struct Names {
    directory: TempDir,
    count: Cell<u32>,
}

impl Names {
    fn new_options(&self) -> ListenUnixDatagram {
        use std::os::unix::ffi::OsStrExt;
        self.count.set(self.count.get() + 1);
        let path = self.directory.path().join(self.count.get().to_string());
        ListenUnixDatagram::new(UnixAddress::Path(path.as_os_str().as_bytes().into()))
    }
}

struct UnixNames(Rc<Names>);

impl<S: DatagramSys> DatagramPorts for On<S, Rc<Names>> {
    fn open(
        &self,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure> {
        let options = self.kind.new_options();
        let limit = packet_bytes_max.min(options.packet_bytes_max);
        let options = options.with_packet_bytes_max(limit);
        Ok(self.reactor.listen_unix_datagram(&options, protocol)?)
    }

    fn open_at(
        &self,
        address: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        let name = unix_name(address);
        self.reactor.listen_unix_datagram(&ListenUnixDatagram::new(name), protocol)
    }

    fn open_connected(
        &self,
        peer: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure> {
        let options = self.kind.new_options();
        Ok(self.reactor.connect_unix_datagram(&unix_name(peer), &options, protocol)?)
    }
}

fn unix_name(address: &Address) -> UnixAddress {
    match address {
        Address::Unix(name) => name.clone(),
        _ => UnixAddress::Unnamed,
    }
}

impl<S: DatagramSys> Place<S> for UnixNames {
    fn server(&self, _: &Reactor<S>) -> Rc<dyn StreamServerEndpoint> {
        Rc::new(NoStreams(Carries::Datagrams))
    }

    fn client(&self, _: &Reactor<S>, _: &Address) -> Rc<dyn StreamClientEndpoint> {
        Rc::new(NoStreams(Carries::Datagrams))
    }

    fn datagrams(&self, reactor: &Reactor<S>) -> Option<Rc<dyn DatagramPorts>> {
        Some(Rc::new(On { reactor: reactor.clone(), kind: self.0.clone() }))
    }

    fn unused_address(&self) -> Address {
        Address::from(UnixAddress::Unnamed)
    }

    fn leftovers(&self, _: &Reactor<S>) -> Vec<String> {
        let files = std::fs::read_dir(self.0.directory.path()).into_iter().flatten();
        let files = files.filter_map(Result::ok);
        files.map(|file| format!("the file {}", file.path().display())).collect()
    }
}
