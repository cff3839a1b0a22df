//! One layer over a transport that a test drives by hand, with a session as its peer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Deliver, Event, HalfCloseableTransport,
    Producer, PushProducer, Reason, Transport,
};
use protocol::testing::{Clock, Record, Recorder};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use crate::certificates::Authority;
use crate::talk::{NAME, build, once};
use crate::tls::{Outgoing, Received, Session, TlsOptions, wrap_client_with, wrap_server_with};

/// Which side of the handshake the layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// How a transport was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Lose,
    Reset,
    Abort,
}

/// The transport below: it keeps what is written, and notes what it is told.
#[derive(Default)]
pub(crate) struct Wire {
    written: RefCell<Vec<u8>>,
    pub(crate) paused: Cell<bool>,
    pub(crate) half_closed: Cell<bool>,
    told: RefCell<Vec<Told>>,
}

impl Wire {
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    fn tell(&self, told: Told) {
        self.told.borrow_mut().push(told);
    }
}

impl PushProducer for Wire {
    fn pause_producing(&self) {
        self.paused.set(true);
    }

    fn resume_producing(&self) {
        self.paused.set(false);
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }
}

impl Transport for Wire {
    fn write(&self, data: &[u8]) {
        if self.told.borrow().is_empty() {
            self.written.borrow_mut().extend_from_slice(data);
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        chunks.iter().for_each(|chunk| self.write(chunk));
    }

    fn lose_connection(&self) {
        self.tell(Told::Lose);
    }

    fn abort_connection(&self) {
        self.tell(Told::Abort);
    }

    fn lose_connection_with_reset(&self) {
        self.tell(Told::Reset);
    }

    fn peer(&self) -> Address {
        Address::Other("by hand".into())
    }

    fn host(&self) -> Address {
        Address::Other("by hand".into())
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if let Producer::Pull(producer) = producer {
            producer.resume_producing();
        }
        Ok(())
    }

    fn unregister_producer(&self) {}

    fn set_buffer_limits(&self, _: BufferLimits) {}

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }
}

impl HalfCloseableTransport for Wire {
    fn lose_write_connection(&self) {
        self.half_closed.set(true);
    }
}

/// The layer, what its protocol heard, and the peer.
pub(crate) struct ByHand {
    layer: RefCell<Option<Rc<dyn Deliver>>>,
    pub(crate) wire: Rc<Wire>,
    pub(crate) record: Record,
    pub(crate) clock: Clock,
    pub(crate) peer: Session,
    /// What the peer has made and not sent.
    pub(crate) records: Outgoing,
    /// What the peer has decrypted.
    pub(crate) heard: Vec<u8>,
    /// The peer has read `close_notify`.
    pub(crate) heard_the_end: bool,
}

impl ByHand {
    /// `connection_made` has come.
    pub(crate) fn new(
        version: &'static SupportedProtocolVersion,
        role: Role,
        protocol: impl FnOnce(Recorder) -> Recorder,
    ) -> Self {
        let authority = Authority::new();
        let configs = (authority.client(version), authority.identity(NAME).server());
        Self::between(configs, role, protocol)
    }

    /// As [`new`](Self::new), with these options of the layer.
    pub(crate) fn with_options(
        version: &'static SupportedProtocolVersion,
        role: Role,
        options: TlsOptions,
        protocol: impl FnOnce(Recorder) -> Recorder,
    ) -> Self {
        let authority = Authority::new();
        let configs = (authority.client(version), authority.identity(NAME).server());
        Self::between_with(configs, role, options, protocol)
    }

    /// `connection_made` has come, with these configurations of a client and a server.
    pub(crate) fn between(
        configs: (ClientConfig, ServerConfig),
        role: Role,
        protocol: impl FnOnce(Recorder) -> Recorder,
    ) -> Self {
        Self::between_with(configs, role, TlsOptions::default(), protocol)
    }

    fn between_with(
        (client, server): (ClientConfig, ServerConfig),
        role: Role,
        options: TlsOptions,
        protocol: impl FnOnce(Recorder) -> Recorder,
    ) -> Self {
        let (record, clock) = (Record::new(), Clock::new());
        let factory = once(protocol(Recorder::new(&record)));
        let (client, server) = (Arc::new(client), Arc::new(server));
        let (time, name) = (clock.clone(), ServerName::try_from(NAME).unwrap());
        let (factory, peer) = match role {
            Role::Client => {
                let peer = Session::server(server).unwrap();
                (wrap_client_with(client, name, factory, time, options), peer)
            }
            Role::Server => {
                let peer = Session::client(client, name).unwrap();
                (wrap_server_with(server, factory, time, options), peer)
            }
        };
        let layer = build(&factory);
        let wire = Rc::new(Wire::default());
        let mut this = Self {
            layer: RefCell::new(Some(layer)),
            wire,
            record,
            clock,
            peer,
            records: Outgoing::new(),
            heard: Vec::new(),
            heard_the_end: false,
        };
        let transport: Rc<dyn Transport> = this.wire.clone();
        this.layer().deliver(Event::ConnectionMade(&transport));
        let _ = this.peer.receive(&mut [], &mut this.heard, &mut this.records);
        this
    }

    /// A connection on which nothing has been said but the handshake.
    pub(crate) fn established(
        version: &'static SupportedProtocolVersion,
        role: Role,
        protocol: impl FnOnce(Recorder) -> Recorder,
    ) -> Self {
        let mut this = Self::new(version, role, protocol);
        this.establish();
        this
    }

    /// The whole handshake.
    pub(crate) fn establish(&mut self) {
        self.shake_hands();
        self.send();
        let _ = self.take();
        self.send();
        assert_eq!(self.record.count("handshake_completed"), 1);
    }

    /// The handshake, until the peer's part of it is done. What it said last is not sent.
    pub(crate) fn shake_hands(&mut self) {
        while self.peer.is_handshaking() {
            self.send();
            let _ = self.take();
        }
    }

    /// The peer reads what the layer has sent.
    pub(crate) fn take(&mut self) -> Received {
        let mut said = self.wire.written.take();
        let received = self.peer.receive(&mut said, &mut self.heard, &mut self.records);
        self.heard_the_end |= received.peer_closed;
        received
    }

    /// What the peer has made arrives in one piece.
    pub(crate) fn send(&mut self) {
        let mut said = self.said();
        self.deliver(&mut said);
    }

    /// What the peer has made, to be delivered.
    pub(crate) fn said(&mut self) -> Vec<u8> {
        let said = self.records.to_vec();
        self.records.clear();
        said
    }

    pub(crate) fn deliver(&self, data: &mut [u8]) {
        if !data.is_empty() {
            self.layer().deliver(Event::DataReceived(data));
        }
    }

    /// The layer, as the transport below owns it.
    pub(crate) fn layer(&self) -> Rc<dyn Deliver> {
        self.layer.borrow().clone().expect("the transport below has not ended")
    }

    /// The transport below ends, and owns the layer no more.
    pub(crate) fn lose(&self, reason: &Reason) {
        self.layer().deliver(Event::ConnectionLost(reason));
        self.layer.take();
    }

    /// A later turn.
    pub(crate) fn turn(&self) {
        self.clock.advance(Duration::ZERO);
    }
}

impl std::fmt::Debug for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByHand")
            .field("record", &self.record.seen())
            .field("told", &self.wire.told())
            .finish_non_exhaustive()
    }
}
