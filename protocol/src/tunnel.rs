//! One attempt to connect through a proxy, whatever its protocol: the handshake, and then a layer below the
//! protocol.
//!
//! Invariant: the factory's protocol is built when the way to the destination is open, and every later
//! event of the connection is its own.
//!
//! ```text
//!               the handshake is done           lost
//!  Negotiating ──────────────────────▶ Open ──────────▶ Over
//!       └───────── refused, late, cancelled, lost ───────▲
//! ```

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, RefCell};
use core::error::Error;
use core::time::Duration;

use deferred::{CancelHandle, Deferred, Failure, Promise};
use interfaces::{
    Address, ConnectError, DelayedCall, Deliver, Event, Factory, ReactorTime, Reason, Transport,
};

/// What a client says to a proxy, and how it reads the answers, without I/O.
///
/// It takes no byte behind the proxy's last answer.
pub(crate) trait Handshake: 'static {
    /// The prefix of log lines of the connection until it is open.
    const LOG_PREFIX: &'static str;

    /// Why there is no connection.
    type Error: Error + 'static;

    /// The first bytes to the proxy.
    fn first(&self) -> Vec<u8>;

    /// Takes bytes from the proxy. [`step`](Self::step) is called until it waits, opens or fails.
    fn push(&mut self, data: &[u8]);

    /// The next thing to do.
    fn step(&mut self) -> Step<Self::Error>;

    /// The proxy did not answer within this time.
    fn timed_out(after: Duration) -> Self::Error;

    /// The connection to the proxy ended before its answer.
    fn ended(reason: Reason) -> Self::Error;
}

/// What the client does next.
#[derive(Debug)]
pub(crate) enum Step<E> {
    /// More bytes have to come.
    Wait,
    /// These are sent to the proxy.
    Send(Vec<u8>),
    /// The way is open. These bytes came behind the answer, and are the destination's.
    Open(Vec<u8>),
    /// There will be no connection.
    Fail(E),
}

/// Connects to a proxy with `connect`, and then by the handshake to its destination, whose protocol the factory
/// builds. The proxy has `time` for its answers, from the connection to it on.
pub(crate) fn connect_through<H: Handshake>(
    handshake: H,
    factory: Rc<dyn Factory>,
    (clock, time): (Rc<dyn ReactorTime>, Duration),
    connect: impl FnOnce(Rc<dyn Factory>) -> Deferred<()>,
) -> Deferred<()> {
    let (tunnel, connected) = Tunnel::new(factory, handshake, (clock, time));
    let attempt = connect(Rc::new(TunnelFactory(tunnel.clone())));
    tunnel.dials(attempt.cancel_handle());
    let _told = attempt.add_errback(move |failure: Failure| {
        tunnel.fire(Err(failure));
        Ok(())
    });
    connected
}

/// The factory of the connection to the proxy.
struct TunnelFactory<H: Handshake>(Rc<Tunnel<H>>);

impl<H: Handshake> Factory for TunnelFactory<H> {
    /// Hands the tunnel to the first connection, and refuses any other.
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        let is_first = !self.0.is_claimed.replace(true);
        is_first.then(|| self.0.clone() as Rc<dyn Deliver>)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.0.factory)
    }
}

/// An attempt.
struct Tunnel<H: Handshake> {
    me: Weak<Tunnel<H>>,
    factory: Rc<dyn Factory>,
    handshake: RefCell<Option<H>>,
    is_claimed: Cell<bool>,
    attempt: RefCell<Option<CancelHandle>>,
    transport: RefCell<Option<Rc<dyn Transport>>>,
    protocol: RefCell<Option<Rc<dyn Deliver>>>,
    promise: Cell<Option<Promise<()>>>,
    deadline: RefCell<Option<DelayedCall>>,
    clock: Rc<dyn ReactorTime>,
    time: Duration,
}

impl<H: Handshake> Tunnel<H> {
    /// An attempt, and the Deferred of its outcome.
    fn new(
        factory: Rc<dyn Factory>,
        handshake: H,
        (clock, time): (Rc<dyn ReactorTime>, Duration),
    ) -> (Rc<Self>, Deferred<()>) {
        let tunnel = Rc::new_cyclic(|me| Self {
            me: me.clone(),
            factory,
            handshake: RefCell::new(Some(handshake)),
            is_claimed: Cell::default(),
            attempt: RefCell::default(),
            transport: RefCell::default(),
            protocol: RefCell::default(),
            promise: Cell::default(),
            deadline: RefCell::default(),
            clock,
            time,
        });
        let weak = tunnel.me.clone();
        let (connected, promise) = Deferred::with_canceller(move || {
            if let Some(tunnel) = weak.upgrade() {
                tunnel.give_up();
            }
            None
        });
        tunnel.promise.set(Some(promise));
        (tunnel, connected)
    }

    /// The handle of the connection to the proxy, while it is being made.
    fn dials(&self, attempt: CancelHandle) {
        self.attempt.replace(Some(attempt));
    }

    /// Tells the outcome, the first time.
    fn fire(&self, result: Result<(), Failure>) {
        self.end_deadline();
        if let Some(promise) = self.promise.take() {
            promise.fire(result);
        }
    }

    fn give_up(&self) {
        let attempt = self.attempt.take();
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
        self.abort();
    }

    fn abort(&self) {
        self.end_deadline();
        let transport = self.transport.borrow().clone();
        if let Some(transport) = transport {
            transport.abort_connection();
        }
    }

    fn end_deadline(&self) {
        let deadline = self.deadline.take();
        if let Some(deadline) = deadline {
            // The one that calls this is not pending.
            let _ = deadline.cancel();
        }
    }

    fn made(&self, transport: &Rc<dyn Transport>) {
        self.transport.replace(Some(transport.clone()));
        let (me, after) = (self.me.clone(), self.time);
        let late = move || {
            if let Some(tunnel) = me.upgrade() {
                tunnel.fail(H::timed_out(after));
            }
        };
        let deadline = self.clock.call_later(self.time, Box::new(late));
        self.deadline.replace(Some(deadline));
        let first = self.handshake.borrow().as_ref().map(H::first);
        if let Some(first) = first {
            transport.write(&first);
        }
    }

    fn negotiate(&self, data: &[u8]) {
        if let Some(handshake) = &mut *self.handshake.borrow_mut() {
            handshake.push(data);
        }
        loop {
            let step = self.handshake.borrow_mut().as_mut().map(H::step);
            let transport = self.transport.borrow().clone();
            match (step, transport) {
                (None | Some(Step::Wait), _) | (_, None) => return,
                (Some(Step::Send(bytes)), Some(transport)) => transport.write(&bytes),
                (Some(Step::Open(left)), Some(transport)) => {
                    return self.open(&transport, left);
                }
                (Some(Step::Fail(error)), _) => return self.fail(error),
            }
        }
    }

    fn fail(&self, error: H::Error) {
        self.handshake.take();
        self.abort();
        self.fire(Err(Failure::new(error)));
    }

    fn open(&self, transport: &Rc<dyn Transport>, mut left: Vec<u8>) {
        self.handshake.take();
        self.end_deadline();
        let address = transport.peer();
        let Some(protocol) = self.factory.build_protocol(&address) else {
            self.abort();
            return self.fire(Err(ConnectError::NoProtocol { address }.into()));
        };
        self.protocol.replace(Some(protocol.clone()));
        protocol.deliver(Event::ConnectionMade(transport));
        self.fire(Ok(()));
        if !left.is_empty() {
            protocol.deliver(Event::DataReceived(&mut left));
        }
    }

    fn lost(&self, event: Event<'_>) {
        self.end_deadline();
        let protocol = self.protocol.take();
        let transport = self.transport.take();
        drop(transport);
        match (protocol, event) {
            (Some(protocol), event) => protocol.deliver(event),
            (None, Event::ConnectionLost(reason)) => {
                self.handshake.take();
                self.fire(Err(Failure::new(H::ended(reason.clone()))));
            }
            (None, _) => {}
        }
    }

    fn protocol(&self) -> Option<Rc<dyn Deliver>> {
        self.protocol.borrow().clone()
    }
}

impl<H: Handshake> Deliver for Tunnel<H> {
    fn deliver(&self, event: Event<'_>) {
        match (event, self.protocol()) {
            (event @ Event::ConnectionLost(_), _) => self.lost(event),
            (event, Some(protocol)) => protocol.deliver(event),
            (Event::ConnectionMade(transport), None) => self.made(transport),
            (Event::DataReceived(data), None) => self.negotiate(data),
            // The others are for a protocol, and there is none yet.
            (_, None) => {}
        }
    }

    fn log_prefix(&self) -> &'static str {
        self.protocol().map_or(H::LOG_PREFIX, |protocol| protocol.log_prefix())
    }

    fn is_half_closeable(&self) -> bool {
        self.protocol().is_some_and(|protocol| protocol.is_half_closeable())
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.protocol()?.socket_guard()
    }
}
