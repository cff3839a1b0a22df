//! [`StartTlsLayer`]: passes a connection on until TLS is started on it.
//!
//! ```text
//!   Plain ──start──▶ Started         Plain ──lose, abort, an end──▶ Ended, where TLS cannot be started
//! ```
//!
//! Invariant: the switch is one step, inside one call: the TLS layer is below before any other call or event.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use interfaces::{
    AlreadyProducing, BufferLimits, Deliver, Event, HalfCloseableTransport, Producer, Query,
    ReadingRoles, Transport,
};
use protocol::layer::{Layer, LayerTransport};

use super::StartTlsError;
use super::above::Above;
use super::factory::StartTlsContexts;
use super::watched_producer::WatchedProducer;
use crate::layer::TlsLayer;
use crate::options::Role;

/// The layer of one connection.
pub(super) struct StartTlsLayer {
    above: Rc<Above>,
    contexts: Rc<StartTlsContexts>,
    /// The TLS layer, once it is started.
    started: OnceCell<Rc<TlsLayer>>,
    /// A direction has ended, or was told to end, before TLS was started.
    ended: Cell<bool>,
    /// The protocol has paused its transport before TLS was started.
    paused: Cell<bool>,
    limits: Cell<Option<BufferLimits>>,
    producer: RefCell<Option<Registered>>,
}

/// The producer that was registered before TLS was started.
enum Registered {
    Push(Rc<WatchedProducer>),
    Pull(Producer),
}

/// The answer to the question whether a connection can start TLS.
pub(super) struct StartTls(Weak<LayerTransport<StartTlsLayer>>);

impl StartTls {
    pub(super) fn start(&self, role: Role, unread: &[u8]) -> Result<(), StartTlsError> {
        let link = self.0.upgrade().ok_or(StartTlsError::NotOpen)?;
        link.layer().start(&link, role, unread)
    }
}

impl StartTlsLayer {
    pub(super) fn new(protocol: &Rc<dyn Deliver>, contexts: Rc<StartTlsContexts>) -> Self {
        Self {
            above: Above::new(protocol),
            contexts,
            started: OnceCell::new(),
            ended: Cell::new(false),
            paused: Cell::new(false),
            limits: Cell::new(None),
            producer: RefCell::default(),
        }
    }

    fn start(
        &self,
        link: &LayerTransport<Self>,
        role: Role,
        unread: &[u8],
    ) -> Result<(), StartTlsError> {
        if self.started.get().is_some() {
            return Err(StartTlsError::AlreadyStarted);
        }
        let below = link.below().filter(|_| !self.ended.get()).ok_or(StartTlsError::NotOpen)?;
        let tls = TlsLayer::new(self.contexts.of(role), self.above.clone());
        tls.begin().map_err(|source| StartTlsError::Configuration { source })?;
        let below = below.clone();
        let producer = self.producer.take();
        if producer.is_some() {
            below.unregister_producer();
        }
        // A producer that is unregistered runs no code of ours, but its destructor might.
        let tls = self.started.get_or_init(|| tls).clone();
        link.insert_below(tls.transport());
        tls.deliver(Event::ConnectionMade(&below));
        self.move_below(&*tls.transport(), &*below, &tls, producer);
        if !unread.is_empty() {
            tls.deliver(Event::DataReceived(&mut unread.to_vec()));
        }
        Ok(())
    }

    /// Gives the TLS layer the settings that the transport below had for the protocol.
    fn move_below(
        &self,
        above: &dyn Transport,
        below: &dyn Transport,
        tls: &TlsLayer,
        producer: Option<Registered>,
    ) {
        if let Some(limits) = self.limits.get() {
            above.set_buffer_limits(limits);
        }
        if self.paused.get() {
            above.pause_producing();
            below.resume_producing();
        }
        match producer {
            Some(Registered::Push(watched)) => {
                tls.adopt_producer(watched.producer.clone(), watched.paused.get());
            }
            // The slot is free.
            Some(Registered::Pull(producer)) => drop(above.register_producer(producer)),
            None => {}
        }
    }

    fn is_started(&self) -> bool {
        self.started.get().is_some()
    }

    /// Notes the end of a direction.
    fn end(&self) {
        self.ended.set(true);
    }
}

impl Layer for StartTlsLayer {
    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        if let Event::ReadConnectionLost | Event::ConnectionLost(_) = event {
            self.end();
        }
        let Some(tls) = self.started.get() else { return above.deliver(event) };
        if let Event::ConnectionLost(_) = event {
            self.above.keep();
        }
        tls.deliver(event);
    }

    fn is_half_closeable(&self, above: &dyn Deliver) -> bool {
        match self.started.get() {
            Some(tls) => tls.is_half_closeable(),
            None => above.is_half_closeable(),
        }
    }

    /// None: after the switch what comes are records.
    fn reading_roles(&self, _: &dyn Deliver) -> ReadingRoles {
        ReadingRoles::default()
    }

    fn lose_connection(&self, below: &dyn Transport) {
        self.end();
        below.lose_connection();
    }

    fn lose_connection_with_reset(&self, below: &dyn Transport) {
        self.end();
        below.lose_connection_with_reset();
    }

    fn abort_connection(&self, below: &dyn Transport) {
        self.end();
        below.abort_connection();
    }

    fn lose_write_connection(&self, below: &dyn HalfCloseableTransport) {
        self.end();
        below.lose_write_connection();
    }

    fn stop_producing(&self, below: &dyn Transport) {
        self.end();
        below.stop_producing();
    }

    fn pause_producing(&self, below: &dyn Transport) {
        self.paused.set(true);
        below.pause_producing();
    }

    fn resume_producing(&self, below: &dyn Transport) {
        self.paused.set(false);
        below.resume_producing();
    }

    fn register_producer(
        &self,
        below: &dyn Transport,
        producer: Producer,
    ) -> Result<(), AlreadyProducing> {
        if self.is_started() {
            return below.register_producer(producer);
        }
        if self.producer.borrow().is_some() {
            return Err(AlreadyProducing);
        }
        // Known here first: a pull producer is called inside the registering, and may unregister there.
        let (registered, producer) = match producer {
            Producer::Push(producer) => {
                let watched = Rc::new(WatchedProducer { producer, paused: Cell::new(false) });
                (Registered::Push(watched.clone()), Producer::Push(watched))
            }
            pull => (Registered::Pull(pull.clone()), pull),
        };
        self.producer.replace(Some(registered));
        below.register_producer(producer).inspect_err(|_| drop(self.producer.take()))
    }

    fn unregister_producer(&self, below: &dyn Transport) {
        let registered = self.producer.take();
        below.unregister_producer();
        drop(registered);
    }

    fn set_buffer_limits(&self, below: &dyn Transport, limits: BufferLimits) {
        self.limits.set(Some(limits));
        below.set_buffer_limits(limits);
    }

    fn answer(&self, link: &LayerTransport<Self>, query: &mut Query<'_>) {
        query.answer_with(|| StartTls(link.downgrade()));
    }
}
