//! The names of datagram sockets: binding, connecting, and who is at an address.
//!
//! Invariant: two sockets overlap only if both share.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use interfaces::{Address, ListenError, ListenUdp, ListenUnixDatagram, UnixAddress};

use super::accepting::refused;
use super::connection::Family;
use super::datagram_flight::{Flights, is_out_of_reach, source};
use super::datagram_socket::DatagramSocketState;
use super::edge::{Direction, Level, SocketWatch};
use super::ids::DatagramId;
use super::links::Link;
use super::names::{DYNAMIC_PORTS, Name, destination};
use super::trace::SystemCall;
use super::world::{World, errno};
use crate::sys::Sharing;

/// All datagram sockets, and what they have under way.
#[derive(Debug)]
pub(super) struct Datagrams {
    pub(super) sockets: BTreeMap<DatagramId, DatagramSocketState>,
    pub(super) flights: Flights,
    next_port: u16,
}

impl Datagrams {
    pub(super) fn new() -> Self {
        let (sockets, flights) = (BTreeMap::new(), Flights::default());
        Self { sockets, flights, next_port: *DYNAMIC_PORTS.start() }
    }

    /// The watch on a socket that may be gone.
    #[inline(never)]
    pub(super) fn watch(&mut self, id: DatagramId) -> Option<&mut SocketWatch> {
        self.sockets.get_mut(&id).map(|found| &mut found.watch)
    }

    /// The readiness of a socket that may be gone.
    #[inline(never)]
    pub(super) fn level(&self, id: DatagramId) -> Option<Level> {
        let is_full = self.is_peer_full(id);
        self.sockets.get(&id).map(|found| found.level(is_full))
    }

    /// Whether a report for this way is due from now on.
    #[inline(never)]
    pub(super) fn becomes_due(&mut self, id: DatagramId, direction: Direction) -> bool {
        let is_full = self.is_peer_full(id);
        let found = self.sockets.get_mut(&id);
        found.is_some_and(|found| found.becomes_due(direction, is_full))
    }

    /// Whether a connected UNIX socket's peer takes no more.
    fn is_peer_full(&self, id: DatagramId) -> bool {
        let socket = self.sockets.get(&id);
        let peer = socket.and_then(|socket| match &socket.peer {
            Some(Address::Unix(name)) if !socket.peer_is_gone => self.at_name(name),
            _ => None,
        });
        peer.and_then(|peer| self.sockets.get(&peer)).is_some_and(|peer| peer.is_full(0))
    }

    /// The socket of a live handle.
    pub(super) fn held(&mut self, id: DatagramId) -> &mut DatagramSocketState {
        self.sockets.get_mut(&id).expect("a handle keeps its socket")
    }

    /// The UNIX socket of this name.
    pub(super) fn at_name(&self, name: &UnixAddress) -> Option<DatagramId> {
        let found = self.sockets.iter().find(|(_, socket)| socket.unix_name() == Some(name));
        found.map(|(id, _)| *id)
    }

    /// The UDP sockets that a datagram from `sender` to this address reaches: all members of a group, all
    /// that a broadcast is for, or else the one whose address fits best, the newest of equals.
    pub(super) fn receivers(&self, sender: &Address, to: SocketAddr) -> Vec<DatagramId> {
        let ip = to.ip();
        let is_broadcast = ip == Ipv4Addr::BROADCAST;
        let hears = |socket: &DatagramSocketState| {
            let host = socket.ip_host().filter(|host| host.port() == to.port());
            host.is_some_and(|host| {
                let is_at = host.ip() == ip || is_any_of(host.ip(), ip);
                let is_member = !ip.is_multicast() || socket.options.groups.contains(&ip);
                is_at && is_member && socket.accepts(sender)
            })
        };
        let hearing = self.sockets.iter().filter(|(_, socket)| hears(socket));
        if ip.is_multicast() || is_broadcast {
            return hearing.map(|(id, _)| *id).collect();
        }
        let fit = |(id, socket): (&DatagramId, &DatagramSocketState)| {
            let is_exact = socket.ip_host().is_some_and(|host| host.ip() == ip);
            (socket.peer.is_some(), is_exact, *id)
        };
        hearing.map(fit).max().map(|(_, _, id)| id).into_iter().collect()
    }

    fn is_taken(&self, address: SocketAddr, sharing: Sharing) -> bool {
        self.sockets.values().any(|socket| {
            let Some(host) = socket.ip_host() else { return false };
            let overlap = host.ip() == address.ip()
                || is_any_of(host.ip(), address.ip())
                || is_any_of(address.ip(), host.ip());
            let both_share = socket.sharing == Sharing::Shared && sharing == Sharing::Shared;
            host.port() == address.port() && overlap && !both_share
        })
    }

    fn bind(&mut self, mut address: SocketAddr, sharing: Sharing) -> io::Result<SocketAddr> {
        if address.port() != 0 {
            let is_taken = self.is_taken(address, sharing);
            return if is_taken { Err(errno(libc::EADDRINUSE)) } else { Ok(address) };
        }
        for _ in DYNAMIC_PORTS {
            address.set_port(self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(*DYNAMIC_PORTS.start());
            if !self.is_taken(address, Sharing::Alone) {
                return Ok(address);
            }
        }
        Err(errno(libc::EADDRINUSE))
    }
}

impl World {
    pub(super) fn bind_udp(
        &mut self,
        options: &ListenUdp,
        sharing: Sharing,
    ) -> Result<DatagramId, ListenError> {
        let bound = self.descriptors.open().and_then(|()| {
            let bound = self.datagrams.bind(options.address, sharing);
            bound.inspect_err(|_| self.descriptors.open -= 1)
        });
        let opened = self.add_datagram_socket(bound.map(Address::from), sharing);
        opened.map_err(|error| refused(Address::from(options.address), &error))
    }

    pub(super) fn bind_unix_datagram(
        &mut self,
        options: &ListenUnixDatagram,
    ) -> Result<DatagramId, ListenError> {
        let address = Address::from(options.address.clone());
        if let Some(length) = options.address.excess_length() {
            let limit = UnixAddress::NAME_BYTES_MAX;
            return Err(ListenError::NameTooLong { address, length, limit });
        }
        let bound = self.descriptors.open().and_then(|()| {
            let is_taken = self.is_unix_name_taken(&options.address);
            if is_taken {
                self.descriptors.open -= 1;
                return Err(errno(libc::EADDRINUSE));
            }
            Ok(address.clone())
        });
        let opened = self.add_datagram_socket(bound, Sharing::Alone);
        opened.map_err(|error| refused(address, &error))
    }

    /// Whether a socket of any kind, or a file, has this name.
    fn is_unix_name_taken(&self, name: &UnixAddress) -> bool {
        let Some(listened) = Name::of_unix(name) else { return false };
        let is_file = match &listened {
            Name::Path(path) => self.names.leftovers.contains_key(path),
            Name::Abstract(_) | Name::Tcp(_) => false,
        };
        is_file || self.names.find(&listened).is_some() || self.datagrams.at_name(name).is_some()
    }

    fn add_datagram_socket(
        &mut self,
        bound: io::Result<Address>,
        sharing: Sharing,
    ) -> io::Result<DatagramId> {
        let id = DatagramId(self.connections.new_number());
        let host = self.noted(SystemCall::Bind, id.number(), bound, |_| 0)?;
        let family = if matches!(host, Address::Unix(_)) { Family::Unix } else { Family::Tcp };
        let link = Link::chosen(&self.links, family, &mut self.choices);
        let socket = DatagramSocketState::new(host, sharing, link);
        self.datagrams.sockets.insert(id, socket);
        self.fault_counts.begin();
        Ok(id)
    }

    pub(super) fn connect_datagram(&mut self, id: DatagramId, peer: &Address) -> io::Result<()> {
        let connected = self.checked_peer(id, peer);
        let peer = self.noted(SystemCall::Connect, id.number(), connected, |_| 0)?;
        let socket = self.datagrams.held(id);
        // A socket that stands for all addresses has one of them from now on.
        if let (Some(host), Some(to)) = (socket.ip_host(), peer.as_socket_addr()) {
            socket.host = Address::from(source(Some(host), to));
        }
        socket.peer = Some(peer);
        Ok(())
    }

    fn checked_peer(&mut self, id: DatagramId, peer: &Address) -> io::Result<Address> {
        match peer {
            Address::Unix(name) => {
                self.datagrams.at_name(name).ok_or_else(|| self.no_unix_socket(name))?;
                Ok(peer.clone())
            }
            _ => {
                let host = self.datagrams.held(id).ip_host();
                let (Some(host), Some(peer)) = (host, peer.as_socket_addr()) else {
                    return Err(errno(libc::EAFNOSUPPORT));
                };
                if host.is_ipv4() != peer.is_ipv4() {
                    return Err(errno(libc::EAFNOSUPPORT));
                }
                if is_out_of_reach(Some(host), peer.ip()) {
                    return Err(errno(libc::EINVAL));
                }
                Ok(Address::from(destination(peer)))
            }
        }
    }

    /// The error of a UNIX name at which there is no datagram socket.
    pub(super) fn no_unix_socket(&self, name: &UnixAddress) -> io::Error {
        match Name::of_unix(name) {
            Some(listened) if self.names.find(&listened).is_some() => errno(libc::EPROTOTYPE),
            Some(Name::Path(path)) if !self.names.leftovers.contains_key(&path) => {
                errno(libc::ENOENT)
            }
            Some(_) => errno(libc::ECONNREFUSED),
            None => errno(libc::EINVAL),
        }
    }

    pub(super) fn close_datagram_socket(&mut self, id: DatagramId) {
        self.trace.note(self.clock.now(), SystemCall::Close, id.number(), 0);
        let closed = self.datagrams.sockets.remove(&id);
        self.fault_counts.count(closed.as_ref().map_or(0, |socket| socket.met));
        self.descriptors.open -= 1;
        if let Some(socket) = closed.filter(DatagramSocketState::is_unix) {
            // The sends of those that are connected to it fail from now on.
            let others = self.datagrams.sockets.values_mut();
            let connected = others.filter(|other| {
                socket.unix_name().is_some() && other.peer.as_ref() == Some(&socket.host)
            });
            connected.for_each(|other| other.peer_is_gone = true);
            self.datagram_room(&socket.host);
        }
    }
}

/// Whether `any` stands for all addresses of the family of `ip`.
fn is_any_of(any: IpAddr, ip: IpAddr) -> bool {
    match any {
        IpAddr::V4(any) => any == Ipv4Addr::UNSPECIFIED && ip.is_ipv4(),
        IpAddr::V6(any) => any == Ipv6Addr::UNSPECIFIED && ip.is_ipv6(),
    }
}
