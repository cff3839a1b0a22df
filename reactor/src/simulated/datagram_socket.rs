//! A datagram socket: its names, its queue of arrived datagrams, its options.
//!
//! Invariant: the bytes of the queue, and of what it has under way, are the sums of their datagrams'.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use interfaces::{Address, MulticastInterface, UnixAddress};

use super::edge::{Direction, Level, SocketWatch};
use super::links::Link;
use super::nanos::Nanos;
use crate::sys::{Packet, ReceiveBatch, Sharing};

/// The bytes of the queue, and of what is under way, that Linux allows at first
/// (`net.core.rmem_default`).
const BUFFER_BYTES_MAX: usize = 212_992;

/// What Linux counts for a datagram beside its bytes: its own structures, about.
const OVERHEAD_BYTES: usize = 512;

/// How many datagrams wait in a UNIX socket (`net.unix.max_dgram_qlen`).
const UNIX_QUEUE_MAX: usize = 10;

/// The most bytes of a packet of joined datagrams.
const JOINED_BYTES_MAX: usize = 65_507;

#[derive(Debug)]
pub(super) struct DatagramSocketState {
    pub(super) host: Address,
    pub(super) peer: Option<Address>,
    /// The UNIX socket that it is connected to is closed, which the next send is told.
    pub(super) peer_is_gone: bool,
    pub(super) sharing: Sharing,
    pub(super) link: Link,
    /// When the last datagram that it sent, and that was not held up, arrives.
    pub(super) last_arrival: Nanos,
    pub(super) watch: SocketWatch,
    /// The `errno` that the next operation takes.
    pub(super) error: Option<i32>,
    queue: VecDeque<ArrivedDatagram>,
    queue_bytes: usize,
    under_way_bytes: usize,
    pub(super) options: DatagramOptions,
    /// The kinds of faults that it met, as bits.
    pub(super) met: u64,
}

/// The options of a socket that a program sets.
#[derive(Debug)]
pub(super) struct DatagramOptions {
    pub(super) broadcast: bool,
    pub(super) groups: Vec<IpAddr>,
    pub(super) multicast_loop: bool,
    pub(super) multicast_ttl: u8,
    pub(super) multicast_interface: MulticastInterface,
}

#[derive(Debug)]
struct ArrivedDatagram {
    data: Vec<u8>,
    sender: Address,
}

impl DatagramSocketState {
    pub(super) fn new(host: Address, sharing: Sharing, link: Link) -> Self {
        let options = DatagramOptions {
            broadcast: false,
            groups: Vec::new(),
            multicast_loop: true,
            multicast_ttl: 1,
            multicast_interface: MulticastInterface::Any,
        };
        Self {
            host,
            peer: None,
            peer_is_gone: false,
            sharing,
            link,
            last_arrival: Nanos::ZERO,
            watch: SocketWatch::none(),
            error: None,
            queue: VecDeque::new(),
            queue_bytes: 0,
            under_way_bytes: 0,
            options,
            met: 0,
        }
    }

    pub(super) fn is_unix(&self) -> bool {
        matches!(self.host, Address::Unix(_))
    }

    /// The address of a UDP socket.
    pub(super) fn ip_host(&self) -> Option<SocketAddr> {
        self.host.as_socket_addr()
    }

    /// The name of a UNIX socket that has one.
    pub(super) fn unix_name(&self) -> Option<&UnixAddress> {
        match &self.host {
            Address::Unix(UnixAddress::Unnamed) => None,
            Address::Unix(name) => Some(name),
            _ => None,
        }
    }

    /// Whether a datagram of this sender may come in.
    pub(super) fn accepts(&self, sender: &Address) -> bool {
        self.peer.as_ref().is_none_or(|peer| peer == sender)
    }

    /// Whether a datagram of this length finds no room.
    pub(super) fn is_full(&self, length: usize) -> bool {
        match self.is_unix() {
            true => self.queue.len() >= UNIX_QUEUE_MAX,
            false => self.queue_bytes + length + OVERHEAD_BYTES > BUFFER_BYTES_MAX,
        }
    }

    pub(super) fn arrive(&mut self, data: Vec<u8>, sender: Address) {
        self.queue_bytes += data.len() + OVERHEAD_BYTES;
        self.queue.push_back(ArrivedDatagram { data, sender });
    }

    /// How many datagrams wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether a datagram of this length fits beside what is under way; one fits beside nothing.
    pub(super) fn can_send(&self, length: usize) -> bool {
        self.under_way_bytes == 0
            || self.under_way_bytes + length + OVERHEAD_BYTES <= BUFFER_BYTES_MAX
    }

    pub(super) fn leaves(&mut self, length: usize) {
        self.under_way_bytes += length + OVERHEAD_BYTES;
    }

    pub(super) fn has_left(&mut self, length: usize) {
        self.under_way_bytes -= length + OVERHEAD_BYTES;
    }

    /// Moves up to `packets_max` packets into the batch; where `joins` says so, a packet takes the
    /// datagrams of its size that wait behind it.
    pub(super) fn receive(
        &mut self,
        batch: &mut ReceiveBatch,
        packets_max: usize,
        mut joins: impl FnMut() -> bool,
    ) {
        let (is_udp, mut count) = (!self.is_unix(), 0);
        for (place, packet) in batch.parts_mut().take(packets_max) {
            let Some(first) = self.pop() else { break };
            let size = first.data.len();
            let (mut kept, mut length, mut segment) = (copy(place, &first.data), size, None);
            if is_udp && size > 0 && joins() {
                while let Some(next) = self.pop_to_join(&first.sender, size, length, place.len()) {
                    kept += copy(&mut place[kept..], &next.data);
                    (length, segment) = (length + next.data.len(), Some(size));
                    if next.data.len() < size {
                        break;
                    }
                }
            }
            *packet = Packet { kept, length, segment, sender: first.sender };
            count += 1;
        }
        batch.set_count(count);
    }

    fn pop(&mut self) -> Option<ArrivedDatagram> {
        let first = self.queue.pop_front()?;
        self.queue_bytes -= first.data.len() + OVERHEAD_BYTES;
        Some(first)
    }

    /// Takes the next datagram if it can be joined to a packet of `length` bytes.
    fn pop_to_join(
        &mut self,
        sender: &Address,
        size: usize,
        length: usize,
        room: usize,
    ) -> Option<ArrivedDatagram> {
        let next = self.queue.front()?;
        let joined = length + next.data.len();
        let fits = (1..=size).contains(&next.data.len()) && joined <= JOINED_BYTES_MAX.min(room);
        if fits && next.sender == *sender { self.pop() } else { None }
    }

    /// Its readiness; `peer_is_full` is for a connected UNIX socket.
    pub(super) fn level(&self, peer_is_full: bool) -> Level {
        Level {
            readable: !self.queue.is_empty() || self.error.is_some(),
            read_closed: false,
            writable: self.error.is_some() || (self.can_send(1) && !peer_is_full),
        }
    }

    /// Whether a report for this way is due from now on.
    pub(super) fn becomes_due(&mut self, direction: Direction, peer_is_full: bool) -> bool {
        let level = self.level(peer_is_full);
        let is_ready = match direction {
            Direction::Read => level.readable,
            Direction::Write => level.writable,
        };
        let is_due = is_ready && self.watch.awaits(direction);
        if is_due {
            self.watch.become_due(direction);
        }
        is_due
    }
}

/// Copies as much as fits; returns how much.
fn copy(place: &mut [u8], data: &[u8]) -> usize {
    let kept = data.len().min(place.len());
    place[..kept].copy_from_slice(&data[..kept]);
    kept
}
