//! [`TlsLayer`]: TLS over any transport; Twisted's `TLSMemoryBIOProtocol`.
//!
//! Below it is a [`Deliver`] that a transport drives, above it gives its protocol a [`Transport`].
//! So it nests, and wraps whatever can carry bytes.
//!
//! ```text
//!        protocol ◀── plaintext ── TlsLayer ◀── records ── transport below
//!            └────── writes ─────▶ Connection ── records ──────▲
//! ```
//!
//! The layer owns the protocol, and both share the [`Connection`], which the protocol keeps as its
//! transport and which does not lead back. Invariant: the protocol is called with nothing borrowed,
//! so that whatever it calls, or a panic, finds the layer in order.

mod connection;
mod end;
mod input;
mod output;
mod producer_slot;
mod state;
mod transport;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Deliver, Event, Reason, Transport};

use crate::options::Shared;
use connection::Connection;
use state::Phase;

/// One TLS connection over the transport that delivers to it.
pub(crate) struct TlsLayer {
    connection: Rc<Connection>,
    protocol: RefCell<Option<Rc<dyn Deliver>>>,
}

impl TlsLayer {
    /// Runs `protocol` over TLS.
    pub(crate) fn new(shared: Rc<Shared>, protocol: Rc<dyn Deliver>) -> Rc<Self> {
        Rc::new_cyclic(|layer| Self {
            connection: Rc::new_cyclic(|me| Connection::new(me.clone(), layer.clone(), shared)),
            protocol: RefCell::new(Some(protocol)),
        })
    }

    fn tell(&self, event: Event<'_>) {
        let protocol = self.protocol.borrow().clone();
        if let Some(protocol) = protocol {
            protocol.deliver(event);
        }
    }

    fn connection_made(&self, below: &Rc<dyn Transport>) {
        let connection = &self.connection;
        if connection.phase.get() != Phase::New || connection.below.set(below.clone()).is_err() {
            return;
        }
        let begun = connection.begin();
        connection.start_handshake_deadline();
        if let Some(handle) = connection.handle() {
            self.tell(Event::ConnectionMade(&handle));
        }
        match begun {
            Err(error) => connection.fail(Reason::Tls(Failure::new(error))),
            Ok(()) if connection.needs_no_handshake() => {}
            Ok(()) => self.data_received(&mut []),
        }
    }

    fn data_received(&self, data: &mut [u8]) {
        let connection = &self.connection;
        if !connection.is_alive() {
            return;
        }
        let (mut plaintext, received) = connection.receive(data);
        if connection.phase.get() == Phase::Handshaking && !connection.is_handshaking() {
            self.handshake_completed();
        }
        if received.peer_closed && received.failure.is_none() {
            connection.inbox.peer_closed.set(true);
            connection.inbox.end_due.set(true);
        }
        self.pass_up(&mut plaintext);
        connection.buffers().give(plaintext);
        if received.peer_closed {
            connection.hear_goodbye();
        }
        if let Some(failure) = received.failure {
            connection.fail(Reason::Tls(failure));
        }
    }

    fn handshake_completed(&self) {
        let connection = &self.connection;
        connection.cancel_deadline();
        self.tell(Event::HandshakeCompleted);
        if connection.is_alive() {
            connection.establish();
        }
    }

    /// Delivers plaintext, or keeps it for later.
    fn pass_up(&self, plaintext: &mut Vec<u8>) {
        let connection = &self.connection;
        if plaintext.is_empty() || !connection.is_alive() || connection.sending.get().is_deaf() {
            return;
        }
        if connection.can_deliver() && connection.inbox.held.borrow().is_empty() {
            self.tell(Event::DataReceived(plaintext));
        } else {
            connection.inbox.held.borrow_mut().append(plaintext);
        }
    }

    fn connection_lost(&self, below: &Reason) {
        let connection = &self.connection;
        if connection.phase.replace(Phase::Lost) == Phase::Lost {
            return;
        }
        connection.cancel_deadline();
        connection.stop_producer();
        let reason = connection.reason_for(below);
        let protocol = self.protocol.take();
        if let Some(protocol) = protocol {
            protocol.deliver(Event::ConnectionLost(&reason));
        }
        connection.release();
    }
}

impl Deliver for TlsLayer {
    fn deliver(&self, event: Event<'_>) {
        let gathering = self.connection.gather();
        match event {
            Event::ConnectionMade(below) => self.connection_made(below),
            Event::DataReceived(data) => self.data_received(data),
            Event::WriteConnectionLost => self.write_connection_lost(),
            Event::ConnectionLost(reason) => self.connection_lost(reason),
            Event::ReadConnectionLost => self.connection.end_of_file(),
            // A handshake below is the affair of a layer below.
            Event::HandshakeCompleted => {}
            _ => {}
        }
        self.deliver_due();
        drop(gathering);
        self.connection.settle();
        self.connection.resume_below();
    }

    fn is_half_closeable(&self) -> bool {
        let connection = &self.connection;
        connection.is_alive()
            && connection.inbox.peer_closed.get()
            && !connection.sending.get().is_deaf()
            && self.protocol_is_half_closeable()
    }
}

impl fmt::Debug for TlsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}
