//! The way of a datagram: sent, lost, doubled, overtaken, arrived, received.
//!
//! ```text
//!   send ── lost ──► gone
//!    │ └─ doubled ─► a second one, with a delay of its own
//!    ▼ the link's latency, and more where it is overtaken
//!   arrives ── no socket there ──► a refusal travels back, if the sender is connected
//!    │ └────── queue full ───────► gone
//!    ▼
//!   queue ──► receive
//! ```
//!
//! UNIX datagrams arrive at once, in order, and a full queue is the sender's `EAGAIN`.
//!
//! Invariant: a datagram that is under way counts as bytes of its sender, if that is still there, until
//! it arrives or is lost.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use interfaces::{Address, UnixAddress};

use super::clock::NetworkEvent;
use super::edge::{Direction, SocketWatch};
use super::ids::{DatagramId, Source};
use super::kind::ChoiceKind;
use super::names::destination;
use super::nanos::Nanos;
use super::poll::DELAY_MAX;
use super::trace::SystemCall;
use super::world::{World, errno};
use crate::sys::{ReceiveBatch, SendRun};

/// How long this machine asks for the address of a host that does not answer before it says that it is not
/// there (arp(7): three times a second).
const UNREACHABLE_AFTER: Nanos = Nanos(3_000_000_000);

/// The datagrams that are under way, by number.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: Vec<Option<Flight>>,
    free: Vec<u32>,
}

/// The number of a datagram that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlightId(u32);

#[derive(Debug)]
struct Flight {
    data: Vec<u8>,
    /// The socket that sent it, and its address.
    from: DatagramId,
    sender: Address,
    to: SocketAddr,
    /// Whether its bytes count as the sender's: a second one's do not.
    counts: bool,
}

impl Flights {
    fn add(&mut self, flight: Flight) -> FlightId {
        let number = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            (self.flights.len() - 1) as u32
        });
        self.flights[number as usize] = Some(flight);
        FlightId(number)
    }

    fn take(&mut self, FlightId(number): FlightId) -> Option<Flight> {
        let flight = self.flights[number as usize].take();
        self.free.push(number);
        flight
    }
}

impl World {
    /// Sends the runs in order; returns how many were taken whole.
    pub(super) fn send_datagrams(
        &mut self,
        id: DatagramId,
        runs: &[SendRun<'_>],
    ) -> io::Result<usize> {
        let mut taken = 0;
        let result = loop {
            let Some(run) = runs.get(taken) else { break Ok(taken) };
            match self.send_run(id, run) {
                Ok(()) => taken += 1,
                Err(error) if taken == 0 => break Err(error),
                Err(_) => break Ok(taken),
            }
        };
        self.maybe_spurious(Source::Datagram(id));
        self.meets(Source::Datagram(id));
        let count = self.noted(SystemCall::Sendmmsg, id.number(), result, |count| *count as i64)?;
        runs[..count].iter().for_each(|run| self.trace.note_bytes(run.data));
        Ok(count)
    }

    fn send_run(&mut self, id: DatagramId, run: &SendRun<'_>) -> io::Result<()> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        if run.segment.is_some() {
            self.fault(ChoiceKind::NoSegmentation, self.faults.no_segmentation, libc::EIO)?;
        }
        let socket = self.datagrams.held(id);
        if let Some(error) = socket.error.take() {
            return Err(errno(error));
        }
        let (is_unix, room) = (socket.is_unix(), socket.can_send(run.data.len()));
        if run.receiver.is_none() && socket.peer_is_gone {
            // The kernel takes the connection off the socket with this answer.
            (socket.peer, socket.peer_is_gone) = (None, false);
            return Err(errno(libc::ECONNREFUSED));
        }
        let receiver = run.receiver.or(socket.peer.as_ref()).cloned();
        let unconnected = if is_unix { libc::ENOTCONN } else { libc::EDESTADDRREQ };
        let receiver = receiver.ok_or_else(|| errno(unconnected))?;
        // A UNIX socket that would block has a receiver that is full, which costs the datagram.
        if !is_unix
            && (self.choices.happens(ChoiceKind::WriteWouldBlock, self.faults.would_block) || !room)
        {
            return Err(self.datagram_would_block(id, Direction::Write));
        }
        match receiver {
            Address::Unix(name) => self.send_unix(id, run.data, &name),
            receiver => {
                let to = receiver.as_socket_addr().ok_or_else(|| errno(libc::EAFNOSUPPORT))?;
                let size = run.segment.map_or(run.data.len().max(1), usize::from);
                match run.data {
                    [] => self.send_udp(id, &[], to),
                    data => data.chunks(size).try_for_each(|data| self.send_udp(id, data, to)),
                }
            }
        }
    }

    fn send_unix(&mut self, id: DatagramId, data: &[u8], name: &UnixAddress) -> io::Result<()> {
        let to = self.datagrams.at_name(name).ok_or_else(|| self.no_unix_socket(name))?;
        let host = self.datagrams.held(id).host.clone();
        let receiver = self.datagrams.held(to);
        if !receiver.accepts(&host) {
            return Err(errno(libc::EPERM));
        }
        if receiver.is_full(data.len()) {
            return Err(self.datagram_would_block(id, Direction::Write));
        }
        receiver.arrive(data.to_vec(), host);
        self.became_readable(Source::Datagram(to));
        Ok(())
    }

    fn send_udp(&mut self, id: DatagramId, data: &[u8], to: SocketAddr) -> io::Result<()> {
        let socket = self.datagrams.held(id);
        if to.port() == 0 || is_out_of_reach(socket.ip_host(), to.ip()) {
            return Err(errno(libc::EINVAL));
        }
        let is_broadcast = to.ip() == Ipv4Addr::BROADCAST;
        if is_broadcast && !socket.options.broadcast {
            return Err(errno(libc::EACCES));
        }
        let is_heard = !to.ip().is_multicast() || socket.options.multicast_loop;
        let sender = Address::from(source(socket.ip_host(), to));
        if self.choices.happens(ChoiceKind::LostDatagram, self.faults.lost_datagram) || !is_heard {
            return Ok(());
        }
        if self.names.black_holes.contains(&to.ip()) {
            let told = NetworkEvent::DatagramFailed(id, libc::EHOSTUNREACH);
            self.clock.schedule(self.clock.after(UNREACHABLE_AFTER), told);
            return Ok(());
        }
        self.datagrams.held(id).leaves(data.len());
        let is_doubled =
            self.choices.happens(ChoiceKind::DoubledDatagram, self.faults.doubled_datagram);
        for counts in [true, false].into_iter().take(1 + usize::from(is_doubled)) {
            let (data, to, sender) = (data.to_vec(), destination(to), sender.clone());
            let flight = Flight { data, from: id, sender, to, counts };
            let number = self.datagrams.flights.add(flight);
            let time = self.datagram_arrival(id);
            self.clock.schedule(time, NetworkEvent::Datagram(number));
        }
        Ok(())
    }

    /// When a datagram that this socket sends now arrives: behind the earlier ones, unless it is held up
    /// itself.
    fn datagram_arrival(&mut self, id: DatagramId) -> Nanos {
        let Some(socket) = self.datagrams.sockets.get_mut(&id) else { return self.clock.now() };
        let time = self.clock.after(socket.link.latency(&mut self.choices));
        let (kind, chance) = (ChoiceKind::OvertakenDatagram, self.faults.overtaken_datagram);
        if let Some(delay) = self.choices.delay(kind, chance, DELAY_MAX) {
            return time.saturating_add(delay);
        }
        socket.last_arrival = socket.last_arrival.max(time);
        socket.last_arrival
    }

    pub(super) fn datagram_arrives(&mut self, number: FlightId) {
        let Some(Flight { data, from, sender, to, counts }) = self.datagrams.flights.take(number)
        else {
            return;
        };
        if counts && let Some(socket) = self.datagrams.sockets.get_mut(&from) {
            socket.has_left(data.len());
            self.became_writable(Source::Datagram(from));
        }
        if sender.as_socket_addr().is_some_and(|from| self.names.is_cut(from.ip(), to.ip())) {
            return;
        }
        let receivers = self.datagrams.receivers(&sender, to);
        if receivers.is_empty() && !to.ip().is_multicast() {
            let time = self.datagram_arrival(from);
            let refused = NetworkEvent::DatagramFailed(from, libc::ECONNREFUSED);
            return self.clock.schedule(time, refused);
        }
        for id in receivers {
            let socket = self.datagrams.held(id);
            if !socket.is_full(data.len()) {
                socket.arrive(data.clone(), sender.clone());
                self.became_readable(Source::Datagram(id));
            }
        }
    }

    /// The network's answer reaches the socket that sent a datagram; an unconnected one is told nothing.
    pub(super) fn datagram_failed(&mut self, id: DatagramId, error: i32) {
        let Some(socket) = self.datagrams.sockets.get_mut(&id) else { return };
        if socket.peer.is_some() {
            socket.error = Some(error);
            self.rearm(Source::Datagram(id));
        }
    }

    pub(super) fn receive_datagrams(
        &mut self,
        id: DatagramId,
        batch: &mut ReceiveBatch,
        packets_max: usize,
    ) -> io::Result<()> {
        let result = self.receive_packets(id, batch, packets_max);
        self.maybe_spurious(Source::Datagram(id));
        self.meets(Source::Datagram(id));
        let count = |(): &()| batch.packets().len() as i64;
        self.noted(SystemCall::Recvmmsg, id.number(), result, count)?;
        batch.received().for_each(|(_, data)| self.trace.note_bytes(data));
        Ok(())
    }

    fn receive_packets(
        &mut self,
        id: DatagramId,
        batch: &mut ReceiveBatch,
        packets_max: usize,
    ) -> io::Result<()> {
        self.fault(ChoiceKind::Interrupted, self.faults.interrupted, libc::EINTR)?;
        let socket = self.datagrams.held(id);
        if let Some(error) = socket.error.take() {
            return Err(errno(error));
        }
        let (waiting, was_full) = (socket.waiting(), socket.is_full(0));
        if waiting == 0 || self.choices.happens(ChoiceKind::ReadWouldBlock, self.faults.would_block)
        {
            return Err(self.datagram_would_block(id, Direction::Read));
        }
        let most = self.choices.cut(ChoiceKind::ShortRead, self.faults.short, packets_max);
        let (socket, choices) = (self.datagrams.sockets.get_mut(&id), &mut self.choices);
        let socket = socket.expect("a handle keeps its socket");
        socket.receive(batch, most, || choices.coin(ChoiceKind::DatagramSplit));
        let host = (was_full && socket.is_unix()).then(|| socket.host.clone());
        if let Some(host) = host {
            self.datagram_room(&host);
        }
        if batch.packets().len() < packets_max {
            self.watching(Source::Datagram(id), Direction::Read, SocketWatch::came_short);
        }
        Ok(())
    }

    /// The socket of this UNIX name has room again, or is gone: those that are connected to it may send.
    pub(super) fn datagram_room(&mut self, host: &Address) {
        let sockets = self.datagrams.sockets.iter();
        let connected = sockets.filter(|(_, socket)| socket.peer.as_ref() == Some(host));
        let connected: Vec<DatagramId> = connected.map(|(id, _)| *id).collect();
        for id in connected {
            self.became_writable(Source::Datagram(id));
        }
    }

    fn datagram_would_block(&mut self, id: DatagramId, direction: Direction) -> io::Error {
        self.watching(Source::Datagram(id), direction, SocketWatch::would_block);
        errno(libc::EAGAIN)
    }
}

/// Whether Linux routes nothing there from this socket: no other host hears the loopback.
pub(super) fn is_out_of_reach(host: Option<SocketAddr>, to: IpAddr) -> bool {
    let (Some(IpAddr::V4(from)), IpAddr::V4(to)) = (host.map(|host| host.ip()), to) else {
        return false;
    };
    let stays = to.is_loopback() || to.is_unspecified() || to.is_multicast() || to.is_broadcast();
    from.is_loopback() && !stays
}

/// The address that a datagram to `to` comes from: the socket's own, or, when that stands for all, the one
/// that a datagram to that address leaves by.
pub(super) fn source(host: Option<SocketAddr>, to: SocketAddr) -> SocketAddr {
    let port = host.map_or(0, |host| host.port());
    let ip = match host.map(|host| host.ip()) {
        Some(ip) if !ip.is_unspecified() => ip,
        _ => match to.ip() {
            IpAddr::V4(ip) if ip.is_multicast() || ip.is_broadcast() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_multicast() => Ipv6Addr::LOCALHOST.into(),
            _ => destination(to).ip(),
        },
    };
    SocketAddr::new(ip, port)
}
