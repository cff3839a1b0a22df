//! A port: accepting in bounded numbers, and what to do when there is no descriptor left.
//!
//! ```text
//!   Open ── EMFILE, and no reserve ──► Paused ── after accept_pause ──► Open
//!     ├── the factory is full ───────► Waiting ── its waker ──► Open
//!     └──────────── stop_listening ──────┴──► Closed: the socket is gone, do_stop has run
//! ```
//!
//! Invariant: while a port is open and neither paused nor waiting, a waiting connection is either
//! reported by the system, or the port is on the list of those that are still ready or of those that go
//! on after the closings.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::task::Waker;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Factory, ListenError, ListeningPort, OsError, ReactorEvent, ShareSocketError,
};

use crate::core::Core;
use crate::core::expendable::needs_descriptor;
use crate::core::tenant::{Kind, Tenant};
use crate::listen::hand_over::HandOver;
use crate::listen::port_factory::PortFactory;
use crate::listen::port_waker::port_waker;
use crate::sys::os_error::os_error;
use crate::sys::{Ready, StreamSys, Token};

/// A port of a reactor.
pub(crate) struct Port<S: StreamSys> {
    core: Weak<Core<S>>,
    token: Token,
    listener: RefCell<Option<S::Listener>>,
    factory: PortFactory,
    hand_over: Option<Box<dyn HandOver<S>>>,
    /// On the list of those that are still ready.
    listed: Cell<bool>,
    /// How often this port accepts in one turn: as the limits say, and once after a turn in which
    /// nothing but failures came of it.
    budget: Cell<usize>,
    /// It goes on after the closings.
    waits_for_closings: Cell<bool>,
    /// What a full factory wakes.
    waker: OnceCell<Waker>,
}

/// The outcome of one call of accept4(2).
enum Accepted {
    One,
    NoMore,
    /// This one failed, and the next may not.
    Skipped,
}

impl<S: StreamSys> Port<S> {
    /// Opens a port on a socket that listens. `address` is what was asked for.
    ///
    /// # Errors
    ///
    /// When the system cannot watch the socket.
    pub(crate) fn listen(
        core: &Core<S>,
        address: impl FnOnce() -> Address,
        listener: S::Listener,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        Self::listen_for_several(core, address, listener, factory, None)
    }

    /// As [`listen`](Self::listen), where `hand_over` may take connections away.
    ///
    /// # Errors
    ///
    /// As those of `listen`; `hand_over` is told that the port is closed.
    pub(crate) fn listen_for_several(
        core: &Core<S>,
        address: impl FnOnce() -> Address,
        listener: S::Listener,
        factory: Rc<dyn Factory>,
        hand_over: Option<Box<dyn HandOver<S>>>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        match Self::open(core, listener, factory, hand_over) {
            Ok(port) => Ok(port),
            Err(error) => Err(ListenError::Refused {
                address: address(),
                source: os_error(&error),
                hint: "the reactor cannot watch it".into(),
            }),
        }
    }

    fn open(
        core: &Core<S>,
        listener: S::Listener,
        factory: Rc<dyn Factory>,
        hand_over: Option<Box<dyn HandOver<S>>>,
    ) -> io::Result<Rc<Self>> {
        let address = core.sys.listener_address(&listener);
        let prefix = core.call("factory", None, || factory.log_prefix()).unwrap_or_default();
        let port = core.settle(|token| {
            Rc::new(Self {
                core: core.me.clone(),
                token,
                listener: RefCell::new(Some(listener)),
                factory: PortFactory::new(address, factory, prefix),
                hand_over,
                listed: Cell::new(false),
                budget: Cell::new(core.limits.accepts_per_turn),
                waits_for_closings: Cell::new(false),
                waker: OnceCell::new(),
            })
        });
        if let Some(Err(error)) = port.register(core) {
            drop(core.remove(port.token));
            port.tell_hand_over();
            return Err(error);
        }
        port.factory.start(core);
        Ok(port)
    }

    fn with_listener<R>(&self, ask: impl FnOnce(&S::Listener) -> R) -> Option<R> {
        self.listener.borrow().as_ref().map(ask)
    }

    /// Has the system report connections, if the port is open.
    fn register(&self, core: &Core<S>) -> Option<io::Result<()>> {
        self.with_listener(|listener| core.sys.register_listener(listener, self.token))
    }

    /// Accepts what waits, within this turn's budget and while the factory has a place. Where a connection
    /// is to be closed, as one that its protocol has ended at once, this port goes on when that is done: a
    /// factory with a cap would count it.
    fn accept(self: &Rc<Self>, core: &Core<S>) {
        let mut any = false;
        for _ in 0..self.budget.get() {
            if self.is_full(core) {
                return self.budget.set(core.limits.accepts_per_turn);
            }
            let accepted = self.accept_one(core);
            any |= matches!(accepted, Accepted::One);
            if matches!(accepted, Accepted::NoMore) || !self.another_waits(core) {
                return self.budget.set(core.limits.accepts_per_turn);
            }
            if core.has_closings() {
                self.budget.set(core.limits.accepts_per_turn);
                return self.wait_for_closings(core);
            }
        }
        self.budget.set(if any { core.limits.accepts_per_turn } else { 1 });
        self.list(core);
    }

    fn wait_for_closings(&self, core: &Core<S>) {
        if !self.waits_for_closings.replace(true) {
            core.call_after_closings(self.token);
        }
    }

    /// Whether the factory has no place. This port is woken when it may have one.
    fn is_full(&self, core: &Core<S>) -> bool {
        let waker = self.waker.get_or_init(|| port_waker(core, self.token));
        let Some(hand_over) = &self.hand_over else {
            return self.factory.is_full(core, 0, waker);
        };
        let on_the_way = hand_over.on_the_way();
        self.factory.is_full(core, on_the_way, waker) && {
            // Those may be refused where they arrive.
            if on_the_way > 0 {
                hand_over.wake_at_arrival(waker);
            }
            true
        }
    }

    /// Goes on in the next turn.
    fn list(&self, core: &Core<S>) {
        if !self.listed.replace(true) {
            core.list_still_ready(self.token);
        }
    }

    fn another_waits(&self, core: &Core<S>) -> bool {
        self.with_listener(|listener| core.sys.connection_waits(listener)).unwrap_or(false)
    }

    fn accept_one(self: &Rc<Self>, core: &Core<S>) -> Accepted {
        match self.with_listener(|listener| core.sys.accept(listener)) {
            None => Accepted::NoMore,
            Some(Ok((socket, peer))) => {
                self.accepted(core, socket, peer);
                Accepted::One
            }
            Some(Err(error)) => self.accept_failed(core, &error),
        }
    }

    fn accepted(&self, core: &Core<S>, socket: S::Stream, peer: Address) {
        let ours = match &self.hand_over {
            Some(hand_over) => hand_over.offer(socket, &peer),
            None => Some(socket),
        };
        if let Some(socket) = ours {
            core.load.opened();
            self.factory.start_protocol(core, socket, peer);
        }
    }

    fn accept_failed(self: &Rc<Self>, core: &Core<S>, error: &io::Error) -> Accepted {
        let errno = os_error(error);
        match error.raw_os_error() {
            _ if error.kind() == io::ErrorKind::WouldBlock => return Accepted::NoMore,
            _ if error.kind() == io::ErrorKind::Interrupted => return Accepted::Skipped,
            // The peer went away in the queue, or a firewall refused it (accept(2)).
            Some(libc::ECONNABORTED | libc::EPERM | libc::EPROTO) => {
                self.factory.observe_failure(core, errno, "went on with the next connection");
                return Accepted::Skipped;
            }
            _ if needs_descriptor(error) && core.free_descriptor() => {
                self.factory.observe_failure(
                    core,
                    errno,
                    "closed the oldest connection that lingered",
                );
                return Accepted::Skipped;
            }
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {}
            _ => {
                self.pause_accepting(core, errno);
                return Accepted::NoMore;
            }
        }
        match self.with_listener(|listener| core.sys.accept_and_close(listener)) {
            Some(Ok(())) => {
                let remedy = "closed the connection with the reserve descriptor";
                self.factory.observe_failure(core, errno, remedy);
                Accepted::Skipped
            }
            // Without a descriptor accept4(2) fails even when no connection waits.
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Accepted::NoMore,
            Some(Err(_)) => {
                self.pause_accepting(core, errno);
                Accepted::NoMore
            }
            None => Accepted::NoMore,
        }
    }

    /// Accepts nothing for a while: a port that cannot accept would be reported for ever.
    fn pause_accepting(self: &Rc<Self>, core: &Core<S>, error: OsError) {
        self.factory.observe_failure(core, error, "the port pauses");
        self.with_listener(|listener| core.sys.deregister_listener(listener));
        let weak = Rc::downgrade(self);
        let resume = move || {
            if let Some(port) = weak.upgrade()
                && let Some(core) = port.core.upgrade()
            {
                port.resume_accepting(&core);
            }
        };
        core.call_later(core.limits.accept_pause, Box::new(resume));
    }

    fn resume_accepting(self: &Rc<Self>, core: &Core<S>) {
        match self.register(core) {
            None => {}
            Some(Ok(())) => self.accept(core),
            Some(Err(error)) => self.pause_accepting(core, os_error(&error)),
        }
    }

    /// Closes the port now, and tells the factory.
    fn close(&self, core: &Core<S>) -> Result<(), Failure> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        core.sys.deregister_listener(&listener);
        drop(listener);
        self.tell_hand_over();
        self.factory.stop(core, core.remove(self.token))
    }

    fn tell_hand_over(&self) {
        if let Some(hand_over) = &self.hand_over {
            hand_over.port_closed();
        }
    }
}

impl<S: StreamSys> Tenant<S> for Port<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, _: Ready, _: &mut [u8]) {
        if core.has_closings() {
            return self.wait_for_closings(core);
        }
        self.waits_for_closings.set(false);
        self.accept(core);
    }

    fn closed(self: Rc<Self>, core: &Core<S>) {
        self.waits_for_closings.set(false);
        self.accept(core);
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        if let Err(failure) = self.close(core) {
            let error = failure.as_error();
            core.observe(&ReactorEvent::Failed { attempt: "closing a port", error });
        }
    }

    fn abandon(&self, _: &S) {
        drop(self.listener.take());
        self.tell_hand_over();
        self.factory.abandon();
    }

    fn unlist(&self) {
        self.listed.set(false);
    }

    fn kind(&self) -> Kind {
        Kind::Port
    }
}

impl<S: StreamSys> ListeningPort for Port<S> {
    fn host(&self) -> Address {
        self.factory.address().clone()
    }

    fn stop_listening(&self) -> Deferred<()> {
        let Some(core) = self.core.upgrade() else { return Deferred::succeed(()) };
        match self.close(&core) {
            Ok(()) => Deferred::succeed(()),
            Err(failure) => Deferred::fail(failure),
        }
    }

    fn raw_descriptor(&self) -> Option<i32> {
        let core = self.core.upgrade()?;
        core.sys.listener_descriptor(self.listener.borrow().as_ref()?)
    }

    fn share_socket(&self) -> Result<OwnedFd, ShareSocketError> {
        let core = self.core.upgrade().ok_or(ShareSocketError::NoSocket)?;
        let listener = self.listener.borrow();
        core.sys.share_listener(listener.as_ref().ok_or(ShareSocketError::NoSocket)?)
    }

    fn copy_socket(&self) -> Result<OwnedFd, ShareSocketError> {
        let core = self.core.upgrade().ok_or(ShareSocketError::NoSocket)?;
        let listener = self.listener.borrow();
        core.sys.copy_listener(listener.as_ref().ok_or(ShareSocketError::NoSocket)?)
    }

    fn release_socket(&self) -> Result<OwnedFd, ShareSocketError> {
        let core = self.core.upgrade().ok_or(ShareSocketError::NoSocket)?;
        let copy = {
            let listener = self.listener.borrow();
            core.sys.release_listener(listener.as_ref().ok_or(ShareSocketError::NoSocket)?)?
        };
        if let Err(failure) = self.close(&core) {
            let error = failure.as_error();
            core.observe(&ReactorEvent::Failed { attempt: "closing a port", error });
        }
        Ok(copy)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.listener.borrow().is_some() {
            write!(f, "Port({} on {})", self.factory.prefix(), self.factory.address())
        } else {
            write!(f, "Port({}, not listening)", self.factory.prefix())
        }
    }
}
