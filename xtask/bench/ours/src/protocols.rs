//! One protocol for each mode.
//!
//! Invariant: each does what the mode says, whatever the pieces are that its bytes arrive in.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use interfaces::{
    Address, Chunk, DatagramProtocol, DatagramTransport, Producer, Protocol, PullProducer,
    Transport,
};
use peer::{PATTERN, UPLOAD};

/// Says everything back.
pub(crate) struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        set_no_delay(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

/// Says everything back, and has 2 KiB of state.
pub(crate) struct LargeEcho {
    _state: [u8; 2048],
}

impl Default for LargeEcho {
    fn default() -> Self {
        Self { _state: [0; 2048] }
    }
}

impl Protocol for LargeEcho {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        set_no_delay(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

/// Says everything back in four writes.
pub(crate) struct Four;

impl Protocol for Four {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        set_no_delay(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        for quarter in data.chunks(data.len().div_ceil(4)) {
            transport.write(quarter);
        }
    }
}

/// Says what it reads first back, and closes.
pub(crate) struct Close;

impl Protocol for Close {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        set_no_delay(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
        transport.lose_connection();
    }
}

/// Takes everything.
#[derive(Default)]
pub(crate) struct Sink {
    taken: usize,
}

impl Protocol for Sink {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        set_no_delay(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.taken += data.len();
        while self.taken >= UPLOAD {
            self.taken -= UPLOAD;
            transport.write(b"k");
        }
    }
}

/// Sends what it is asked for, piece after piece as the transport asks.
#[derive(Default)]
pub(crate) struct Source {
    request: Vec<u8>,
}

impl Protocol for Source {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        set_no_delay(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.request.extend_from_slice(data);
        let Some(pieces) = peer::requested(&self.request) else { return };
        self.request.clear();
        let pieces = Pieces { transport: Rc::downgrade(transport), left: Cell::new(pieces) };
        if transport.register_producer(Producer::Pull(Rc::new(pieces))).is_err() {
            transport.abort_connection();
        }
    }
}

/// The pieces of one download.
struct Pieces {
    transport: Weak<dyn Transport>,
    left: Cell<u32>,
}

impl PullProducer for Pieces {
    fn resume_producing(&self) {
        let Some(transport) = self.transport.upgrade() else { return };
        if self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            transport.write_sequence(vec![Chunk::from(&PATTERN)]);
        }
        // Before the last piece has left, as the next request may come as soon as it has.
        if self.left.get() == 0 {
            transport.unregister_producer();
        }
    }

    fn stop_producing(&self) {}
}

fn set_no_delay(transport: &Rc<dyn Transport>) {
    if let Some(tcp) = transport.as_tcp() {
        tcp.set_tcp_no_delay(true);
    }
}

/// Echoes every datagram.
pub(crate) struct DatagramEcho;

impl DatagramProtocol for DatagramEcho {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        // A sender whose address cannot be answered is none of the load.
        let _ = transport.send_to(data, sender);
    }
}
