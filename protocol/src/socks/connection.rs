//! One client's connection to the proxy: first the handshake, then a layer below a pair of the relay.
//!
//! Invariant: once there is a pair, every event reaches it, but for bytes that come before the answer.
//!
//! ```text
//!               a request             connected, accepted          lost
//!  Negotiating ───────────▶ Answering ────────────────────▶ Relaying ──▶ Over
//!       │ refused               │ refused, bytes                          ▲
//!       └───────────────────────┴──▶ Refused ────────── lost ─────────────┘
//! ```

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use core::any::Any;
use core::cell::{Cell, RefCell};

use deferred::Promise;
use interfaces::{Address, DelayedCall, Deliver, Event, Factory as _, Transport};

use super::answer::{Refusal, granted};
use super::dial::SocksDial;
use super::factory::SocksContext;
use super::request::{SocksRequest, SocksVersion};
use super::server_handshake::{HandshakeStep, ServerHandshake};
use crate::relay::{RelayEvent, RelayFactory};

/// The lower side of a proxy.
pub(super) struct SocksConnection {
    me: Weak<SocksConnection>,
    pub(super) context: SocksContext,
    peer: Address,
    transport: RefCell<Option<Rc<dyn Transport>>>,
    handshake: RefCell<ServerHandshake>,
    stage: Cell<ConnectionStage>,
    version: Cell<SocksVersion>,
    /// The accepted side of the pair.
    pair: RefCell<Option<Rc<dyn Deliver>>>,
    deadline: RefCell<Option<DelayedCall>>,
    /// The attempt of a pair whose client was refused, which ends with the client's connection.
    attempt: Cell<Option<Promise<()>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionStage {
    Negotiating,
    Answering,
    Relaying,
    Refused,
}

impl SocksConnection {
    pub(super) fn new(context: SocksContext, peer: Address) -> Rc<Self> {
        let handshake = RefCell::new(ServerHandshake::new(context.passwords.clone()));
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            context,
            peer,
            transport: RefCell::default(),
            handshake,
            stage: Cell::new(ConnectionStage::Negotiating),
            version: Cell::new(SocksVersion::V4),
            pair: RefCell::default(),
            deadline: RefCell::default(),
            attempt: Cell::default(),
        })
    }

    pub(super) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().clone()
    }

    /// Tells the client that its request is granted, so far.
    pub(super) fn grant(&self, address: &Address) {
        if let Some(transport) = self.transport() {
            transport.write(&granted(self.version.get(), address));
        }
    }

    /// Tells the client why not, and closes. The pair's attempt stays until the connection is lost, for
    /// the pair would abort what is not sent yet.
    pub(super) fn refuse(&self, refusal: Refusal, attempt: Option<Promise<()>>) {
        self.stage.set(ConnectionStage::Refused);
        self.end_deadline();
        if let Some(attempt) = attempt {
            self.attempt.set(Some(attempt));
        }
        if let Some(transport) = self.transport() {
            transport.write(&refusal.message(self.version.get()));
            transport.lose_connection();
        }
    }

    /// Whether the request waits for its answer.
    pub(super) fn is_answering(&self) -> bool {
        self.stage.get() == ConnectionStage::Answering
    }

    fn made(&self, transport: &Rc<dyn Transport>) {
        self.transport.replace(Some(transport.clone()));
        let me = self.me.clone();
        let call = move || {
            if let Some(transport) = me.upgrade().and_then(|me| me.transport()) {
                transport.abort_connection();
            }
        };
        let call = self.context.reactor.call_later(self.context.request_time, Box::new(call));
        self.deadline.replace(Some(call));
    }

    fn negotiate(&self, data: &[u8]) {
        self.handshake.borrow_mut().push(data);
        while self.stage.get() == ConnectionStage::Negotiating {
            // The passwords are the program's, and called with nothing borrowed: the handshake is taken
            // out for that.
            let mut handshake = self.handshake.replace(ServerHandshake::new(None));
            let step = handshake.step();
            self.handshake.replace(handshake);
            match step {
                HandshakeStep::Wait => return,
                HandshakeStep::Send(bytes) => self.send(&bytes),
                HandshakeStep::Close(bytes) => {
                    self.stage.set(ConnectionStage::Refused);
                    self.end_deadline();
                    self.send(&bytes);
                    self.lose();
                }
                HandshakeStep::Refuse(version, refusal) => {
                    self.version.set(version);
                    self.refuse(refusal, None);
                }
                HandshakeStep::Request(request) => self.answer(request),
            }
        }
    }

    fn send(&self, bytes: &[u8]) {
        if let Some(transport) = self.transport() {
            transport.write(bytes);
        }
    }

    fn lose(&self) {
        if let Some(transport) = self.transport() {
            transport.lose_connection();
        }
    }

    /// Begins the pair, which dials at once.
    fn answer(&self, request: SocksRequest) {
        let (Some(me), Some(transport)) = (self.me.upgrade(), self.transport()) else { return };
        self.version.set(request.version);
        self.stage.set(ConnectionStage::Answering);
        self.end_deadline();
        let observer = self.observer(&request);
        let clock = self.context.reactor.clone();
        let dial = SocksDial::new(&me, request);
        let relay = RelayFactory::with_observer(dial, clock, self.context.relay, observer);
        let Some(pair) = relay.build_protocol(&self.peer) else { return };
        self.pair.replace(Some(pair.clone()));
        pair.deliver(Event::ConnectionMade(&transport));
    }

    /// Answers when the pair is joined, and before a byte of the other side.
    fn observer(&self, request: &SocksRequest) -> impl Fn(&RelayEvent<'_>) + 'static {
        let (me, request) = (self.me.clone(), (request.version, request.command));
        move |event| {
            if let (RelayEvent::Connected { transport, .. }, Some(me)) = (event, me.upgrade())
                && me.is_answering()
            {
                me.stage.set(ConnectionStage::Relaying);
                me.grant(&super::dial::address_of_grant(request, &***transport));
            }
        }
    }

    fn end_deadline(&self) {
        let deadline = self.deadline.take();
        if let Some(deadline) = deadline {
            // The one that calls this is not pending.
            let _ = deadline.cancel();
        }
    }

    fn lost(&self, event: Event<'_>) {
        self.end_deadline();
        let pair = self.pair.take();
        if let Some(pair) = pair {
            pair.deliver(event);
        }
        let transport = self.transport.take();
        let attempt = self.attempt.take();
        drop((transport, attempt));
    }

    fn pair(&self) -> Option<Rc<dyn Deliver>> {
        self.pair.borrow().clone()
    }
}

impl Deliver for SocksConnection {
    fn deliver(&self, event: Event<'_>) {
        match (event, self.stage.get()) {
            (Event::ConnectionMade(transport), _) => self.made(transport),
            (Event::DataReceived(data), ConnectionStage::Negotiating) => self.negotiate(data),
            (Event::DataReceived(_), ConnectionStage::Answering) => {
                self.refuse(Refusal::General, None);
            }
            (Event::DataReceived(_), ConnectionStage::Refused) => {}
            (event @ Event::ConnectionLost(_), _) => self.lost(event),
            (event, _) => {
                if let Some(pair) = self.pair() {
                    pair.deliver(event);
                }
            }
        }
    }

    fn log_prefix(&self) -> &'static str {
        "Socks"
    }

    /// A client that ends before its request is over has none.
    fn is_half_closeable(&self) -> bool {
        self.pair().is_some_and(|pair| pair.is_half_closeable())
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.pair()?.socket_guard()
    }
}
