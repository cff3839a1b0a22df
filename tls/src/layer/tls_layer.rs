//! [`TlsLayer`]: takes the events of the transport below, and delivers events to the protocol.
//!
//! Invariant: the protocol is called with nothing borrowed, never inside a call of its own, and never
//! after `connection_lost`.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use deferred::Failure;
use interfaces::{Deliver, Event, Reason, Transport};

use super::connection::Connection;
use super::input::DeliverLater;
use super::producer::PauseCause;
use super::producer_below::ProducerBelow;
use super::state::{Action, Ending, Phase, Sending, Signal};
use crate::options::FactoryContext;

/// One TLS connection over the transport that delivers to it.
pub(crate) struct TlsLayer {
    connection: Rc<Connection>,
    protocol: RefCell<Option<Rc<dyn Deliver>>>,
}

impl TlsLayer {
    /// Runs `protocol` over TLS.
    pub(crate) fn new(context: Rc<FactoryContext>, protocol: Rc<dyn Deliver>) -> Rc<Self> {
        Rc::new_cyclic(|layer: &Weak<Self>| Self {
            connection: Connection::new(layer.clone(), context),
            protocol: RefCell::new(Some(protocol)),
        })
    }

    /// Gives the protocol an event.
    fn deliver_up(&self, event: Event<'_>) {
        let protocol = self.protocol.borrow().clone();
        if let Some(protocol) = protocol {
            protocol.deliver(event);
        }
    }

    /// Runs `calls`, delivers the waiting input, and sends the bytes that the protocol wrote meanwhile.
    fn batch(&self, calls: impl FnOnce()) {
        let connection = &self.connection;
        connection.batch(|| {
            calls();
            self.deliver_due();
        });
        connection.input.resume_below(&connection.link, &connection.end.state);
    }

    fn connection_made(&self, below: &Rc<dyn Transport>) {
        let connection = &self.connection;
        if connection.end.state.phase() != Phase::New || !connection.link.set_below(below) {
            return;
        }
        let begun = connection.link.begin();
        if begun.is_ok() {
            connection.signal(Signal::SessionMade);
        }
        connection.start_handshake_deadline();
        let transport: Rc<dyn Transport> = connection.clone();
        self.deliver_up(Event::ConnectionMade(&transport));
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
        if connection.end.state.phase() == Phase::Handshaking && !connection.link.is_handshaking() {
            self.handshake_completed();
        }
        if received.peer_closed && received.failure.is_none() {
            connection.input.end();
        }
        self.deliver_plaintext(&mut plaintext);
        connection.link.buffers().give(plaintext);
        if received.peer_closed {
            connection.on_close_notify();
        }
        if let Some(failure) = received.failure {
            connection.fail(Reason::Tls(failure));
        }
    }

    /// The handshake is done: the protocol is told, then data flows.
    fn handshake_completed(&self) {
        let connection = &self.connection;
        connection.end.cancel_deadline();
        self.deliver_up(Event::HandshakeCompleted);
        if connection.end.state.on(Signal::HandshakeCompleted) == Action::Ignore {
            return;
        }
        connection.input.pause_below(&connection.link, &connection.end.state);
        // The transport below has to know the producer before it gets the held bytes, so that it can
        // ask for a pause. Where it has another one, this one runs without pauses.
        let _ = ProducerBelow::register(connection);
        connection.send_pending();
        connection.producer.set_paused(PauseCause::Handshake, false);
    }

    /// Delivers plaintext, or holds it for later.
    fn deliver_plaintext(&self, plaintext: &mut Vec<u8>) {
        let connection = &self.connection;
        let (input, state) = (&connection.input, &connection.end.state);
        if plaintext.is_empty() || !connection.is_alive() || state.ignores_input() {
            return;
        }
        if input.can_deliver(state) && !input.holds_data() {
            self.deliver_up(Event::DataReceived(plaintext));
        } else {
            input.hold(plaintext);
        }
    }

    /// Delivers the waiting input, until the protocol pauses.
    fn deliver_due(&self) {
        let connection = &self.connection;
        let (input, state) = (&connection.input, &connection.end.state);
        if input.take_write_end() {
            self.write_connection_lost();
        }
        while input.holds_data() && input.can_deliver(state) {
            let mut held = input.take_held();
            if !state.ignores_input() {
                self.deliver_up(Event::DataReceived(&mut held));
            }
            connection.link.buffers().give(held);
        }
        if input.can_deliver(state) && input.take_end() {
            self.read_connection_lost();
        }
    }

    /// The peer's `close_notify` ends the input.
    fn read_connection_lost(&self) {
        let connection = &self.connection;
        if connection.end.state.ignores_input() {
            return;
        }
        if self.protocol_is_half_closeable() {
            self.deliver_up(Event::ReadConnectionLost);
        } else {
            connection.close_with_peer();
        }
    }

    /// `lose_write_connection` is done below.
    fn write_connection_lost(&self) {
        if self.connection.end.state.sending() == Sending::Ended(Ending::HalfClose) {
            self.deliver_up(Event::WriteConnectionLost);
        }
    }

    fn connection_lost(&self, below: &Reason) {
        let connection = &self.connection;
        if connection.end.state.on(Signal::Lost) == Action::Ignore {
            return;
        }
        connection.end.cancel_deadline();
        connection.stop_producer();
        let reason = connection.reason_for(below);
        let protocol = self.protocol.take();
        if let Some(protocol) = protocol {
            protocol.deliver(Event::ConnectionLost(&reason));
        }
        connection.release();
    }

    fn protocol_is_half_closeable(&self) -> bool {
        let protocol = self.protocol.borrow().clone();
        protocol.is_some_and(|protocol| protocol.is_half_closeable())
    }
}

impl Deliver for TlsLayer {
    fn deliver(&self, event: Event<'_>) {
        self.batch(|| match event {
            Event::ConnectionMade(below) => self.connection_made(below),
            Event::DataReceived(data) => self.data_received(data),
            Event::WriteConnectionLost => self.write_connection_lost(),
            Event::ConnectionLost(reason) => self.connection_lost(reason),
            Event::ReadConnectionLost => self.connection.on_end_of_file(),
            // The handshake of another layer below; the protocol hears of this one.
            Event::HandshakeCompleted => {}
            // Events that TLS does not change pass through, those added later included.
            event => self.deliver_up(event),
        });
    }

    fn is_half_closeable(&self) -> bool {
        let connection = &self.connection;
        connection.is_alive()
            && connection.input.has_ended()
            && !connection.end.state.ignores_input()
            && self.protocol_is_half_closeable()
    }
}

impl DeliverLater for TlsLayer {
    /// Nothing below catches a panic of the protocol in a delayed call, so it is caught here.
    fn deliver_later(&self) {
        self.connection.input.unschedule();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.batch(|| {})));
        if let Err(panic) = outcome {
            self.connection.abort_with(Reason::Panicked(message(&*panic).into()));
        }
    }
}

/// The text of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "a value that is not text"
    }
}

impl fmt::Debug for TlsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}
