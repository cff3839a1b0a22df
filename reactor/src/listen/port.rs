//! A port: accepting in bounded handfuls, and what to do when there is no descriptor left.
//!
//! ```text
//!   Open ── EMFILE, and no reserve ──► Resting ── after accept_pause ──► Open
//!     └──────────── stop_listening ──────┴──► Closed: the socket is gone, do_stop has run
//! ```
//!
//! Invariant: while a port is open and not resting, a waiting connection is either reported by the
//! system or the port is on the list of those that are still ready.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

use deferred::{Deferred, Failure};
use interfaces::{Address, Factory, ListeningPort, OsError, ReactorEvent, Reason};

use crate::core::{Core, Rare, Slot};
use crate::os_error;
use crate::stream::flags::Origin;
use crate::sys::{Sys, Token, Watch};

/// A port of a reactor.
pub(crate) struct Port<S: Sys> {
    core: Weak<Core<S>>,
    token: Token,
    address: Rc<Address>,
    listener: RefCell<Option<S::Listener>>,
    factory: RefCell<Option<Rc<dyn Factory>>>,
    /// On the list of those that are still ready.
    pub(crate) listed: Cell<bool>,
}

/// What became of one attempt to accept.
enum Accepted {
    One,
    NoMore,
    /// This one failed, and the next may not.
    Skipped,
}

impl<S: Sys> Core<S> {
    /// Opens a port on a socket that listens.
    pub(crate) fn open_port(
        &self,
        listener: S::Listener,
        factory: Rc<dyn Factory>,
    ) -> io::Result<Rc<Port<S>>> {
        let address = Rc::new(self.sys.listener_address(&listener));
        let make = |token| {
            Rc::new(Port {
                core: self.me.clone(),
                token,
                address,
                listener: RefCell::new(Some(listener)),
                factory: RefCell::new(Some(Rc::clone(&factory))),
                listed: Cell::new(false),
            })
        };
        let mut made = None;
        let token = self
            .slots
            .borrow_mut()
            .insert_with(|token| Slot::Rare(Rare::Port(Rc::clone(made.insert(make(token))))));
        let port = made.expect("insert_with calls its closure");
        let registered = port.with_listener(|listener| self.sys.register_listener(listener, token));
        if let Some(Err(error)) = registered {
            let slot = self.slots.borrow_mut().remove(token);
            drop(slot);
            return Err(error);
        }
        drop(self.call("factory", None, || factory.do_start()));
        self.observe(&ReactorEvent::ListeningStarted { address: &port.address });
        Ok(port)
    }

    /// Accepts what waits, within this turn's budget.
    pub(crate) fn accept(&self, port: &Rc<Port<S>>) {
        for _ in 0..self.limits.accepts_per_turn {
            match self.accept_one(port) {
                Accepted::One | Accepted::Skipped if self.another_waits(port) => {}
                Accepted::One | Accepted::Skipped | Accepted::NoMore => return,
            }
        }
        if !port.listed.replace(true) {
            self.note_still_ready(port.token);
        }
    }

    fn another_waits(&self, port: &Port<S>) -> bool {
        port.with_listener(|listener| self.sys.connection_waits(listener)).unwrap_or(false)
    }

    fn accept_one(&self, port: &Rc<Port<S>>) -> Accepted {
        match port.with_listener(|listener| self.sys.accept(listener)) {
            None => Accepted::NoMore,
            Some(Ok((socket, peer))) => {
                self.accepted(port, socket, peer);
                Accepted::One
            }
            Some(Err(error)) => self.accept_failed(port, &error),
        }
    }

    fn accepted(&self, port: &Port<S>, socket: S::Stream, peer: Address) {
        let Some(factory) = port.factory.borrow().clone() else { return };
        let built = self.call("factory", Some(&peer), || factory.build_protocol(&peer));
        let deliver = match built {
            Ok(Some(deliver)) => deliver,
            // The factory refuses, so the connection is closed.
            Ok(None) => return,
            Err(_) => return self.sys.reset_on_close(&socket),
        };
        let host = (!is_wildcard(&port.address)).then(|| Rc::clone(&port.address));
        if let Err(error) = self.enter(socket, (peer.clone(), host), Origin::Made, deliver) {
            self.observe(&ReactorEvent::AcceptFailed {
                address: &port.address,
                error: os_error(&error),
                remedy: "the connection was closed",
            });
        }
    }

    /// Gives a connected socket a slot and has it watched, then starts it.
    pub(crate) fn enter(
        &self,
        socket: S::Stream,
        ends: (Address, Option<Rc<Address>>),
        origin: Origin,
        deliver: Rc<dyn interfaces::Deliver>,
    ) -> io::Result<()> {
        let token = self.slots.borrow_mut().insert_with(|_| Slot::Rare(Rare::Vacant));
        if let Err(error) = self.sys.register(&socket, token, Watch::Reading) {
            let slot = self.slots.borrow_mut().remove(token);
            drop(slot);
            let reason = Reason::Lost(Failure::new(os_error(&error)));
            let told = || deliver.deliver(interfaces::Event::ConnectionLost(&reason));
            drop(self.call("protocol", Some(&ends.0), told));
            return Err(error);
        }
        self.start(token, socket, ends, origin, deliver);
        Ok(())
    }

    fn accept_failed(&self, port: &Rc<Port<S>>, error: &io::Error) -> Accepted {
        let errno = os_error(error);
        match error.raw_os_error() {
            _ if error.kind() == io::ErrorKind::WouldBlock => return Accepted::NoMore,
            _ if error.kind() == io::ErrorKind::Interrupted => return Accepted::Skipped,
            // The peer went away in the queue, or a firewall refused it (accept(2)).
            Some(libc::ECONNABORTED | libc::EPERM | libc::EPROTO) => {
                self.accept_trouble(port, errno, "went on with the next connection");
                return Accepted::Skipped;
            }
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {}
            _ => {
                self.accept_trouble(port, errno, "the port pauses");
                self.rest(port);
                return Accepted::NoMore;
            }
        }
        match port.with_listener(|listener| self.sys.shed(listener)) {
            Some(Ok(())) => {
                let remedy = "closed the connection with the reserve descriptor";
                self.accept_trouble(port, errno, remedy);
                Accepted::Skipped
            }
            // Without a descriptor accept4(2) fails even when no connection waits.
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Accepted::NoMore,
            Some(Err(_)) => {
                self.accept_trouble(port, errno, "the port pauses");
                self.rest(port);
                Accepted::NoMore
            }
            None => Accepted::NoMore,
        }
    }

    fn accept_trouble(&self, port: &Port<S>, error: OsError, remedy: &'static str) {
        self.observe(&ReactorEvent::AcceptFailed { address: &port.address, error, remedy });
    }

    /// Accepts nothing for a while: a port that cannot accept would be reported for ever.
    fn rest(&self, port: &Rc<Port<S>>) {
        port.with_listener(|listener| self.sys.deregister_listener(listener));
        let weak = Rc::downgrade(port);
        let wake = move || {
            if let Some(port) = weak.upgrade()
                && let Some(core) = port.core.upgrade()
            {
                core.end_rest(&port);
            }
        };
        self.call_later(self.limits.accept_pause, Box::new(wake));
    }

    fn end_rest(&self, port: &Rc<Port<S>>) {
        let registered =
            port.with_listener(|listener| self.sys.register_listener(listener, port.token));
        match registered {
            None => {}
            Some(Ok(())) => self.accept(port),
            Some(Err(error)) => {
                self.accept_trouble(port, os_error(&error), "the port pauses");
                self.rest(port);
            }
        }
    }
}

impl<S: Sys> Port<S> {
    fn with_listener<R>(&self, ask: impl FnOnce(&S::Listener) -> R) -> Option<R> {
        self.listener.borrow().as_ref().map(ask)
    }

    /// Closes the port because its reactor is gone.
    pub(crate) fn abandon(&self) {
        drop(self.listener.take());
        drop(self.factory.take());
    }

    /// Closes the port now, and tells the factory.
    pub(crate) fn close(&self, core: &Core<S>) -> Result<(), Failure> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        core.sys.deregister_listener(&listener);
        drop(listener);
        let slot = core.slots.borrow_mut().remove(self.token);
        let factory = self.factory.take();
        core.observe(&ReactorEvent::ListeningStopped { address: &self.address });
        let stopped = core.call("factory", None, || {
            let stopped = factory.as_ref().map_or(Ok(()), |factory| factory.do_stop());
            drop((factory, slot));
            stopped
        });
        stopped.unwrap_or_else(|message| Err(Failure::new(Reason::Panicked(message))))
    }
}

impl<S: Sys> ListeningPort for Port<S> {
    fn host(&self) -> Address {
        Address::clone(&self.address)
    }

    fn stop_listening(&self) -> Deferred<()> {
        let Some(core) = self.core.upgrade() else { return Deferred::succeed(()) };
        match self.close(&core) {
            Ok(()) => Deferred::succeed(()),
            Err(failure) => Deferred::fail(failure),
        }
    }
}

/// Whether connections to this port have local addresses of their own.
fn is_wildcard(address: &Address) -> bool {
    address.as_socket_addr().is_some_and(|address| address.ip().is_unspecified())
}
