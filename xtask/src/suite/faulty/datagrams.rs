//! Datagram ports with one fault.
//!
//! Invariant: everything but the fault is forwarded to the ports below.

use std::cell::Cell;
use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, DatagramCounts, DatagramEvent, DatagramTransport, DeliverDatagram, ListenError,
    ListeningPort, MulticastTransport, SendError, UdpTransport,
};

use super::Fault;
use crate::suite::DatagramPorts;

pub(super) struct FaultyPorts {
    pub(super) below: Rc<dyn DatagramPorts>,
    pub(super) fault: Fault,
}

impl FaultyPorts {
    fn wrap(&self, protocol: Rc<dyn DeliverDatagram>) -> Rc<dyn DeliverDatagram> {
        Rc::new(FaultyProtocol { protocol, fault: self.fault, received: Cell::new(0) })
    }

    fn port(&self, below: Rc<dyn DatagramTransport>) -> Rc<dyn DatagramTransport> {
        match self.fault {
            Fault::NeverStops => Rc::new(Unstoppable(below)),
            _ => below,
        }
    }
}

impl DatagramPorts for FaultyPorts {
    fn open(
        &self,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure> {
        Ok(self.port(self.below.open(packet_bytes_max, self.wrap(protocol))?))
    }

    fn open_at(
        &self,
        address: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        Ok(self.port(self.below.open_at(address, self.wrap(protocol))?))
    }

    fn make_unreliable(&self) {
        self.below.make_unreliable();
    }

    fn open_connected(
        &self,
        peer: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure> {
        Ok(self.port(self.below.open_connected(peer, self.wrap(protocol))?))
    }
}

struct FaultyProtocol {
    protocol: Rc<dyn DeliverDatagram>,
    fault: Fault,
    received: Cell<u32>,
}

impl DeliverDatagram for FaultyProtocol {
    fn deliver_datagram(&self, transport: &Rc<dyn DatagramTransport>, event: DatagramEvent<'_>) {
        let deliver = |event| self.protocol.deliver_datagram(transport, event);
        match (self.fault, event) {
            (Fault::NeverStarts, DatagramEvent::Started)
            | (Fault::HidesRefusal, DatagramEvent::Refused) => {}
            (Fault::NeverStops, DatagramEvent::Stopped) => {}
            (Fault::NeverStops, event) => {
                let port = Rc::new(Unstoppable(transport.clone())) as Rc<dyn DatagramTransport>;
                self.protocol.deliver_datagram(&port, event);
            }
            (Fault::StopsTwice, DatagramEvent::Stopped) => {
                deliver(event);
                deliver(event);
            }
            (Fault::HidesTruncation, DatagramEvent::Truncated { data, sender, .. }) => {
                deliver(DatagramEvent::Received { data, sender });
            }
            (Fault::HidesSender, DatagramEvent::Received { data, .. }) => {
                deliver(DatagramEvent::Received { data, sender: &transport.host() });
            }
            (Fault::LosesDatagram, DatagramEvent::Received { .. })
                if self.count().is_multiple_of(10) => {}
            (Fault::ChangesDatagram, DatagramEvent::Received { data, sender }) => {
                let mut data = data.to_vec();
                data.iter_mut().take(1).for_each(|byte| *byte ^= 0x80);
                deliver(DatagramEvent::Received { data: &data, sender });
            }
            (_, event) => deliver(event),
        }
    }

    fn log_prefix(&self) -> &'static str {
        self.protocol.log_prefix()
    }
}

impl FaultyProtocol {
    fn count(&self) -> u32 {
        self.received.set(self.received.get() + 1);
        self.received.get()
    }
}

/// A port that only says that it stops.
struct Unstoppable(Rc<dyn DatagramTransport>);

impl ListeningPort for Unstoppable {
    fn host(&self) -> Address {
        self.0.host()
    }

    fn stop_listening(&self) -> Deferred<()> {
        Deferred::succeed(())
    }
}

impl DatagramTransport for Unstoppable {
    fn send(&self, data: &[u8]) -> Result<(), SendError> {
        self.0.send(data)
    }

    fn send_pieces_to(&self, pieces: &[&[u8]], receiver: &Address) -> Result<(), SendError> {
        self.0.send_pieces_to(pieces, receiver)
    }

    fn peer(&self) -> Option<Address> {
        self.0.peer()
    }

    fn counts(&self) -> DatagramCounts {
        self.0.counts()
    }

    fn as_udp(&self) -> Option<&dyn UdpTransport> {
        self.0.as_udp()
    }

    fn as_multicast(&self) -> Option<&dyn MulticastTransport> {
        self.0.as_multicast()
    }
}
