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
use interfaces::{Deliver, Event, PushProducer, ReadingRoles, Reason, Transport, short_type_name};

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

    /// Makes the session, where its error is to be returned: before `connection_made`, which makes it
    /// otherwise.
    pub(crate) fn begin(&self) -> Result<(), rustls::Error> {
        self.connection.link.begin()
    }

    /// The protocol's transport.
    pub(crate) fn transport(&self) -> Rc<dyn Transport> {
        self.connection.clone()
    }

    /// Takes over a push producer from the transport below.
    pub(crate) fn adopt_producer(&self, producer: Rc<dyn PushProducer>, paused: bool) {
        self.connection.adopt_producer(producer, paused);
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
        connection.inherit_limits(&**below);
        let begun = connection.link.begin();
        if begun.is_ok() {
            connection.signal(Signal::SessionMade);
        }
        connection.start_handshake_deadline();
        let transport: Rc<dyn Transport> = connection.clone();
        self.deliver_up(Event::ConnectionMade(&transport));
        match begun {
            Err(error) => connection.fail(Failure::new(error)),
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
        // A producer that was asked for the held bytes may have ended the connection by now.
        if received.peer_closed && received.failure.is_none() && connection.is_alive() {
            connection.input.end();
        }
        self.deliver_plaintext(&mut plaintext);
        connection.link.buffers().give(plaintext);
        if received.peer_closed {
            connection.on_close_notify();
        }
        if let Some(failure) = received.failure {
            connection.fail(failure);
        }
    }

    /// The handshake is done: the protocol is told, then data flows.
    fn handshake_completed(&self) {
        let connection = &self.connection;
        connection.end.cancel_deadline();
        connection.end.end_handshake();
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

    /// The connection below is lost. What arrived before is delivered first, also to a protocol that
    /// has paused, unless this side gave it up.
    fn connection_lost(&self, below: &Reason) {
        let connection = &self.connection;
        let phase = connection.end.state.phase();
        connection.drop_early_input();
        if connection.end.state.on(Signal::BelowLost) == Action::Ignore {
            return;
        }
        connection.end.cancel_deadline();
        connection.end.end_handshake();
        connection.settle(below, phase);
        connection.stop_producer();
        if gives_up(below) {
            connection.input.drop_due();
        }
        if self.has_delivered() {
            return self.finish();
        }
        connection.input.keep_layer();
        if connection.input.can_deliver(&connection.end.state) {
            connection.input.schedule(connection.link.time());
        }
    }

    /// Whether nothing waits to be delivered before `connection_lost`.
    fn has_delivered(&self) -> bool {
        let (input, state) = (&self.connection.input, &self.connection.end.state);
        !input.is_due() || state.ignores_input()
    }

    /// Delivers `connection_lost`, the last event.
    fn finish(&self) {
        let connection = &self.connection;
        if connection.end.state.on(Signal::InputDelivered) == Action::Ignore {
            return;
        }
        let reason = connection.end.take_reason();
        let protocol = self.protocol.take();
        if let Some(protocol) = protocol {
            protocol.deliver(Event::ConnectionLost(&reason));
        }
        connection.release();
        connection.input.let_layer_go();
    }

    /// The protocol panicked in a delayed call.
    fn panicked(&self, message: &str) {
        let connection = &self.connection;
        if connection.is_alive() {
            return connection.abort_with(Reason::Panicked(message.into()));
        }
        connection.end.panicked(message);
        connection.input.drop_due();
        if connection.end.state.phase() == Phase::Gone {
            self.finish();
        }
    }

    fn protocol_is_half_closeable(&self) -> bool {
        let protocol = self.protocol.borrow().clone();
        protocol.is_some_and(|protocol| protocol.is_half_closeable())
    }
}

impl Deliver for TlsLayer {
    fn deliver(&self, event: Event<'_>) {
        if let Event::ConnectionLost(reason) = event {
            return self.connection_lost(reason);
        }
        self.batch(|| match event {
            Event::ConnectionMade(below) => self.connection_made(below),
            Event::DataReceived(data) => self.data_received(data),
            Event::WriteConnectionLost => self.write_connection_lost(),
            Event::ReadConnectionLost => self.connection.on_end_of_file(),
            // The handshake of another layer below; the protocol hears of this one.
            Event::HandshakeCompleted => {}
            // Events that TLS does not change pass through, those added later included.
            event => self.deliver_up(event),
        });
    }

    fn log_prefix(&self) -> &'static str {
        let protocol = self.protocol.borrow().clone();
        protocol.map_or(short_type_name::<Self>(), |protocol| protocol.log_prefix())
    }

    /// Also while a close waits for its producer, whose bytes are still to be sent: the end of the stream
    /// below is no reason for the transport there to close then.
    fn is_half_closeable(&self) -> bool {
        let connection = &self.connection;
        let (input, state) = (&connection.input, &connection.end.state);
        if state.ignores_input() {
            return state.is_established() && state.is_ending();
        }
        let peer_ends = input.has_ended() || connection.takes_bare_end();
        connection.is_alive() && peer_ends && self.protocol_is_half_closeable()
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        let protocol = self.protocol.borrow().clone();
        protocol.and_then(|protocol| protocol.socket_guard())
    }

    /// None: what comes are records, which are decrypted where they were read.
    fn reading_roles(&self) -> ReadingRoles {
        ReadingRoles::default()
    }
}

impl DeliverLater for TlsLayer {
    /// Nothing below catches a panic of the protocol in a delayed call, so it is caught here.
    fn deliver_later(&self) {
        self.connection.input.unschedule();
        let delivered = caught(|| {
            self.batch(|| {});
            match self.connection.end.state.phase() {
                Phase::Gone if self.has_delivered() => self.finish(),
                Phase::Gone => self.connection.input.keep_layer(),
                _ => {}
            }
        });
        if let Err(message) = delivered {
            // The last callback has no further one to be told of its panic.
            let _ = caught(|| self.panicked(&message));
        }
    }
}

/// Whether a transport that ends for this reason leaves undelivered what arrived: its own side gave
/// it up, or the reactor stops. All else happened on the way from the peer, behind those bytes.
fn gives_up(reason: &Reason) -> bool {
    match reason {
        Reason::Done
        | Reason::Lost(_)
        | Reason::TimedOut(_)
        | Reason::Tls(_)
        | Reason::Truncated => false,
        Reason::Aborted
        | Reason::WriteBufferExceeded { .. }
        | Reason::ReactorBufferExceeded { .. }
        | Reason::Panicked(_) => true,
        _ => true,
    }
}

/// Calls, and catches a panic, whose text it returns.
fn caught(call: impl FnOnce()) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| message(&*panic).to_owned())
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
