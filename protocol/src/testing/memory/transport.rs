//! The handle that protocols hold in memory.
//!
//! Invariant: it does not own its protocol, and it calls a producer only when its borrow has ended.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, Producer, PushProducer,
    Reason, Transport,
};

use super::pipe::Pipe;
use super::socket::{Registered, Socket};
use crate::transport::{SendPool, StreamState};

/// One side of a connection.
pub(super) struct MemoryTransport {
    /// Borrowed for one of its calls at a time, which runs no foreign code.
    pub(super) socket: RefCell<Socket>,
    host: Address,
    pub(super) peer: Address,
}

/// What a new connection is made of.
pub(super) struct Wire {
    pub(super) client: Address,
    pub(super) server: Address,
    /// How many bytes may be on their way in each direction.
    pub(super) in_flight_max: usize,
    /// How many bytes one `data_received` gets at most.
    pub(super) read_max: usize,
    /// Where both sides have their storage from.
    pub(super) pool: Rc<SendPool>,
}

impl Wire {
    /// Both sides of a new connection, the client's first.
    pub(super) fn connect(self) -> (Rc<MemoryTransport>, Rc<MemoryTransport>) {
        let [up, down] = [(); 2].map(|()| Rc::new(Pipe::new(self.in_flight_max)));
        let side = |incoming: &Rc<Pipe>, outgoing: &Rc<Pipe>, host: &Address, peer: &Address| {
            Rc::new(MemoryTransport {
                socket: RefCell::new(Socket::new(
                    incoming.clone(),
                    outgoing.clone(),
                    self.read_max,
                    self.pool.clone(),
                )),
                host: host.clone(),
                peer: peer.clone(),
            })
        };
        (side(&down, &up, &self.client, &self.server), side(&up, &down, &self.server, &self.client))
    }
}

impl MemoryTransport {
    /// Ends the connection for a reason that is not the protocol's.
    pub(super) fn end(&self, reason: Reason) {
        self.socket.borrow_mut().end(reason);
    }

    /// Before a close, which would wait for the producer.
    fn unregister_finished(&self) {
        let producer = self.socket.borrow().push_producer();
        if producer.is_some_and(|producer| producer.has_finished()) {
            self.unregister_producer();
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.socket.borrow().state() == StreamState::Closing
    }
}

impl PushProducer for MemoryTransport {
    fn pause_producing(&self) {
        self.socket.borrow_mut().set_reading_paused(true);
    }

    fn resume_producing(&self) {
        self.socket.borrow_mut().set_reading_paused(false);
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }

    fn has_finished(&self) -> bool {
        !self.socket.borrow().state().receives()
    }
}

impl Transport for MemoryTransport {
    fn write(&self, data: &[u8]) {
        let pauses = self.socket.borrow_mut().write(data);
        if let Some(producer) = pauses {
            producer.pause_producing();
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        let pauses = self.socket.borrow_mut().write_sequence(chunks);
        if let Some(producer) = pauses {
            producer.pause_producing();
        }
    }

    fn lose_connection(&self) {
        self.unregister_finished();
        self.socket.borrow_mut().lose_connection();
    }

    fn lose_connection_with_reset(&self) {
        self.unregister_finished();
        self.socket.borrow_mut().lose_connection_with_reset();
    }

    fn is_broken(&self) -> bool {
        self.socket.borrow().is_broken()
    }

    fn abort_connection(&self) {
        self.end(Reason::Aborted);
    }

    fn peer(&self) -> Address {
        self.peer.clone()
    }

    fn host(&self) -> Address {
        self.host.clone()
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        let registered = self.socket.borrow_mut().register(&producer)?;
        match (registered, producer) {
            (Registered::Refused, producer) => producer.stop_producing(),
            (Registered::Kept, Producer::Pull(producer)) => producer.resume_producing(),
            (Registered::Kept, Producer::Push(_)) => {
                let paused = self.socket.borrow_mut().pause_if_full();
                if let Some(producer) = paused {
                    producer.pause_producing();
                }
            }
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        let producer = self.socket.borrow_mut().unregister();
        drop(producer);
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.socket.borrow_mut().set_limits(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.socket.borrow().limits()
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }
}

impl HalfCloseableTransport for MemoryTransport {
    fn lose_write_connection(&self) {
        self.unregister_finished();
        self.socket.borrow_mut().lose_write_connection();
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport")
            .field("host", &format_args!("{}", self.host))
            .field("peer", &format_args!("{}", self.peer))
            .field("state", &self.socket.borrow().state())
            .finish_non_exhaustive()
    }
}
