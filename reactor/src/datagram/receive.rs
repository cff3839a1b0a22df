//! From the socket to the protocol; Twisted's `udp.Port.doRead`.
//!
//! Invariant: while the port is open, a datagram in the socket either is reported by the system or the
//! port is on the list of those that are still ready.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use interfaces::{
    Address, DatagramEvent, DatagramTransport, DeliverDatagram, OsError, ReactorEvent,
};

use super::port::DatagramPort;
use crate::core::Core;
use crate::sys::os_error::os_error;
use crate::sys::{DatagramSys, ReceiveBatch};

/// How many packets a receive asks for at least: one that finds a single datagram has then emptied the
/// socket, and need not be followed by another.
const PACKETS_MIN: usize = 4;

/// The most bytes of a datagram that a port can be asked to receive whole; beyond what any system sends.
const PACKET_BYTES_LIMIT: usize = 16 * 1024 * 1024;

/// How many errors in a row end a turn of receiving.
const ERRORS_MAX: usize = 8;

/// The receiving half of a port.
pub(super) struct Receiver {
    pub(super) packet_bytes_max: usize,
    /// The socket may hold datagrams that the system does not report again.
    is_readable: Cell<bool>,
    /// A batch is being delivered: a turn that the protocol makes itself receives no other, which would
    /// come before the rest of it.
    is_delivering: Cell<bool>,
    /// How many packets the next receive asks for.
    asked: Cell<usize>,
    pub(super) received: Cell<u64>,
    pub(super) truncated: Cell<u64>,
    pub(super) refused: Cell<u64>,
}

impl Receiver {
    pub(super) fn new(packet_bytes_max: usize) -> Self {
        Self {
            packet_bytes_max: packet_bytes_max.min(PACKET_BYTES_LIMIT),
            is_readable: Cell::new(false),
            is_delivering: Cell::new(false),
            asked: Cell::new(PACKETS_MIN),
            received: Cell::new(0),
            truncated: Cell::new(0),
            refused: Cell::new(0),
        }
    }

    pub(super) fn reported(&self, readable: bool) {
        if readable {
            self.is_readable.set(true);
        }
    }

    /// A receive that was asked for `asked` packets has brought `came`.
    fn learn(&self, asked: usize, came: usize, places: usize) {
        self.is_readable.set(came == asked);
        let next = if came == asked { asked * 2 } else { came + PACKETS_MIN / 2 };
        self.asked.set(next.clamp(PACKETS_MIN, places.max(PACKETS_MIN)));
    }
}

/// The protocol and its view of the port, while a batch is delivered.
struct Lent {
    protocol: Rc<dyn DeliverDatagram>,
    transport: Rc<dyn DatagramTransport>,
}

/// Datagrams of one sender that the system has joined: each but the last has this size.
#[derive(Clone, Copy)]
struct JoinedDatagrams<'a> {
    data: &'a [u8],
    size: usize,
    sender: &'a Address,
}

impl<S: DatagramSys> DatagramPort<S> {
    /// Receives within this turn's budget.
    pub(super) fn receive(self: &Rc<Self>, core: &Core<S>) {
        if !self.receiver.is_readable.get() || self.receiver.is_delivering.get() {
            return;
        }
        let Some(protocol) = self.protocol() else { return };
        let transport = Rc::clone(self) as Rc<dyn DatagramTransport>;
        let lent = Lent { protocol, transport };
        self.receiver.is_delivering.set(true);
        // One byte more than what is whole, so that a packet of any system's kind is found too long.
        let place_bytes = self.receiver.packet_bytes_max.saturating_add(1);
        let mut batch = core.datagrams.take_batch(place_bytes);
        let (mut budget, mut errors) = (core.limits.datagrams_per_turn, 0);
        while self.receiver.is_readable.get() && budget > 0 && errors < ERRORS_MAX {
            let asked = self.receiver.asked.get().min(batch.places()).min(budget);
            let received = |socket: &_| core.sys.receive_datagrams(socket, &mut batch, asked);
            match self.with_socket(received) {
                None => break,
                Some(Ok(())) => {
                    self.receiver.learn(asked, batch.packets().len(), batch.places());
                    budget = budget.saturating_sub(self.deliver_batch(core, &lent, &batch));
                    // Datagrams that were sent meanwhile leave before the next batch adds to it.
                    self.flush(core);
                    errors = 0;
                }
                Some(Err(error)) => {
                    self.receive_failed(core, &error);
                    errors += 1;
                }
            }
        }
        self.receiver.is_delivering.set(false);
        core.datagrams.keep_batch(batch);
        if self.receiver.is_readable.get() && self.is_open() {
            self.list(core);
        }
        let Lent { protocol, transport } = lent;
        core.drop_guarded("datagram protocol", (protocol, transport));
    }

    /// Delivers what came; returns how many datagrams it was.
    ///
    /// One call of foreign code runs the protocol for all of them. It is ended for tasks that were woken.
    fn deliver_batch(self: &Rc<Self>, core: &Core<S>, lent: &Lent, batch: &ReceiveBatch) -> usize {
        let (mut packets, mut rest, mut joined) = (batch.received(), None, 0);
        loop {
            let deliver = || {
                if let Some(rest) = rest.take() {
                    self.deliver_joined(core, lent, rest)?;
                }
                for (packet, data) in packets.by_ref() {
                    match packet.segment {
                        Some(size) if (1..data.len()).contains(&size) => {
                            joined += data.len().div_ceil(size) - 1;
                            let datagrams = JoinedDatagrams { data, size, sender: &packet.sender };
                            self.deliver_joined(core, lent, datagrams)?;
                        }
                        _ => self.deliver_one(lent, data, packet.length, &packet.sender),
                    }
                    if core.tasks.is_ready() {
                        return Err(None);
                    }
                }
                Ok(())
            };
            let delivered = core.catch(deliver);
            let taken = batch.packets().len() - packets.len();
            let delivered = delivered.map_err(|panic| {
                let sender = taken.checked_sub(1).map(|last| &batch.packets()[last].sender);
                core.panicked("datagram protocol", sender, panic)
            });
            core.run_woken_tasks();
            match delivered {
                Ok(Err(more)) => rest = more,
                Ok(Ok(())) => return taken + joined,
                Err(_) => {
                    self.close(core);
                    return taken + joined;
                }
            }
        }
    }

    /// Delivers the datagrams of a joined packet; the error is those that are left for after the tasks that
    /// were woken.
    #[inline(never)]
    fn deliver_joined<'a>(
        &self,
        core: &Core<S>,
        lent: &Lent,
        joined: JoinedDatagrams<'a>,
    ) -> Result<(), Option<JoinedDatagrams<'a>>> {
        let JoinedDatagrams { mut data, size, sender } = joined;
        while !data.is_empty() {
            let (first, behind) = data.split_at(size.min(data.len()));
            self.deliver_one(lent, first, first.len(), sender);
            data = behind;
            if core.tasks.is_ready() {
                return Err(Some(JoinedDatagrams { data, size, sender }));
            }
        }
        Ok(())
    }

    #[inline]
    fn deliver_one(&self, lent: &Lent, data: &[u8], length: usize, sender: &Address) {
        if !self.serves_all.get() && !self.serves(sender) {
            return;
        }
        add_one(&self.receiver.received);
        let limit = self.receiver.packet_bytes_max;
        if length <= limit {
            let event = DatagramEvent::Received { data, sender };
            lent.protocol.deliver_datagram(&lent.transport, event);
        } else {
            add_one(&self.receiver.truncated);
            let data = &data[..data.len().min(limit)];
            let event = DatagramEvent::Truncated { data, length, sender };
            lent.protocol.deliver_datagram(&lent.transport, event);
        }
    }

    /// Whether the port is open, and not connected to another peer: what came before it was connected is
    /// still in the socket.
    #[inline(never)]
    fn serves(&self, sender: &Address) -> bool {
        let peer = self.peer.borrow();
        let is_from_elsewhere = peer
            .as_ref()
            .is_some_and(|peer| peer.as_socket_addr().is_some() && !is_same_socket(peer, sender));
        self.is_open() && !is_from_elsewhere
    }

    fn receive_failed(self: &Rc<Self>, core: &Core<S>, error: &io::Error) {
        match error.raw_os_error() {
            _ if error.kind() == io::ErrorKind::WouldBlock => self.receiver.is_readable.set(false),
            _ if error.kind() == io::ErrorKind::Interrupted => {}
            Some(libc::ECONNREFUSED) => self.refused(core),
            _ => self.told_of_failure(core, os_error(error)),
        }
    }

    /// On a connected port an error is the network's answer to an earlier datagram, such as `EHOSTUNREACH`.
    fn told_of_failure(self: &Rc<Self>, core: &Core<S>, error: OsError) {
        let peer = self.peer.borrow().clone();
        match peer {
            Some(receiver) => {
                add_one(&self.sender.failed);
                let event = DatagramEvent::SendFailed { receiver: &receiver, error };
                self.deliver(core, Some(&receiver), event);
            }
            None => {
                let attempt = "receiving datagrams";
                core.observe(&ReactorEvent::Failed { attempt, error: &error });
            }
        }
    }

    /// The peer refused an earlier datagram. On an unconnected port it is no peer's in
    /// particular, and is not told.
    pub(super) fn refused(self: &Rc<Self>, core: &Core<S>) {
        let peer = self.peer.borrow().clone();
        if peer.is_some() {
            add_one(&self.receiver.refused);
            self.deliver(core, peer.as_ref(), DatagramEvent::Refused);
        }
    }
}

/// Whether both are one socket: the flow of an IPv6 packet is none of it, nor is the zone where one of
/// them has none.
pub(super) fn is_same_socket(peer: &Address, sender: &Address) -> bool {
    match (peer, sender) {
        (Address::Ipv6(peer), Address::Ipv6(sender)) => {
            let zones = [peer.scope_id(), sender.scope_id()];
            (peer.ip(), peer.port()) == (sender.ip(), sender.port())
                && (zones[0] == zones[1] || zones.contains(&0))
        }
        (peer, sender) => peer == sender,
    }
}

#[inline]
pub(super) fn add_one(number: &Cell<u64>) {
    number.set(number.get() + 1);
}
