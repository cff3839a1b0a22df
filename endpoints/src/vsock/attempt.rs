//! One attempt to connect: a descriptor that is watched until it can be written.
//!
//! ```text
//!             writable, no error                  connection_made
//!  Connecting ──────────────────▶ Adopted ──────────────────────▶ fired
//!       └── error, late, cancelled, the reactor stops ──▶ closed, and fired unless it was cancelled
//! ```
//!
//! Invariant: the socket is taken out once, for the reactor or to be closed, and the watched descriptor is a copy
//! that lives for as long as the attempt.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use deferred::{Deferred, Failure, Promise};
use interfaces::{
    Address, AdoptError, ConnectError, DelayedCall, Deliver, Event, Factory, FileDescriptor,
    Reason, VsockAddress, WriteDescriptor,
};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};
use socket2::Socket;

use super::{VsockReactor, name_of, open, os_error};

/// connect(2) is not done: `EINPROGRESS` of Linux.
const IN_PROGRESS: i32 = 115;

pub(super) struct Attempt {
    me: Weak<Attempt>,
    reactor: Rc<dyn VsockReactor>,
    address: VsockAddress,
    factory: Rc<dyn Factory>,
    watched: OwnedFd,
    socket: Cell<Option<Socket>>,
    outcome: Outcome,
    deadline: RefCell<Option<DelayedCall>>,
}

/// The promise of an attempt; a clone is the same.
#[derive(Clone, Default)]
struct Outcome(Rc<Cell<Option<Promise<()>>>>);

impl Outcome {
    /// Tells the outcome, the first time.
    fn fire(&self, result: Result<(), Failure>) {
        if let Some(promise) = self.0.take() {
            promise.fire(result);
        }
    }
}

impl Attempt {
    pub(super) fn begin(
        reactor: Rc<dyn VsockReactor>,
        address: VsockAddress,
        timeout: Duration,
        factory: Rc<dyn Factory>,
    ) -> Deferred<()> {
        match Self::started(reactor, address, factory) {
            Ok(attempt) => attempt.wait(timeout),
            Err(error) => Deferred::fail(Failure::new(refused(address, &error))),
        }
    }

    fn started(
        reactor: Rc<dyn VsockReactor>,
        address: VsockAddress,
        factory: Rc<dyn Factory>,
    ) -> io::Result<Rc<Self>> {
        let socket = open()?;
        match socket.connect(&name_of(address)) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let watched = OwnedFd::from(socket.try_clone()?);
        Ok(Rc::new_cyclic(|me| Self {
            me: me.clone(),
            reactor,
            address,
            factory,
            watched,
            socket: Cell::new(Some(socket)),
            outcome: Outcome::default(),
            deadline: RefCell::default(),
        }))
    }

    /// A socket that is connected already is writable too.
    fn wait(self: Rc<Self>, timeout: Duration) -> Deferred<()> {
        let me = self.me.clone();
        let (connected, promise) = Deferred::with_canceller(move || {
            if let Some(attempt) = me.upgrade() {
                attempt.give_up();
            }
            None
        });
        self.outcome.0.set(Some(promise));
        let me = self.me.clone();
        let late = move || {
            if let Some(attempt) = me.upgrade() {
                attempt.give_up();
                let address = Address::from(attempt.address);
                let error = ConnectError::TimedOut { address, after: timeout };
                attempt.outcome.fire(Err(Failure::new(error)));
            }
        };
        self.deadline.replace(Some(self.reactor.call_later(timeout, Box::new(late))));
        if let Err(error) = self.reactor.add_writer(self.clone()) {
            self.close();
            self.outcome.fire(Err(Failure::new(error)));
        }
        connected
    }

    /// Ends the watch, and closes the socket.
    fn give_up(&self) {
        if let Some(me) = self.me.upgrade() {
            self.reactor.remove_writer(&(me as Rc<dyn WriteDescriptor>));
        }
        self.close();
    }

    fn close(&self) {
        self.end_deadline();
        drop(self.socket.take());
    }

    fn end_deadline(&self) {
        let deadline = self.deadline.take();
        if let Some(deadline) = deadline {
            // The one that calls this is not pending.
            let _ = deadline.cancel();
        }
    }

    /// The connection is made, or refused; `end` is how the watch ended, if it did so by itself.
    fn settle(&self, end: Option<&Reason>) {
        let Some(socket) = self.socket.take() else { return };
        self.end_deadline();
        let failure = match (socket.take_error(), end) {
            (Ok(None), None) => return self.hand_over(socket),
            (Ok(None), Some(reason)) => Failure::new(reason.clone()),
            (Ok(Some(error)) | Err(error), _) => Failure::new(refused(self.address, &error)),
        };
        drop(socket);
        self.outcome.fire(Err(failure));
    }

    fn hand_over(&self, socket: Socket) {
        let (outcome, address) = (self.outcome.clone(), self.address);
        let announce = move |_: &Address| Announce { outcome: outcome.clone(), address };
        let factory = WrappingFactory::new(self.factory.clone(), announce).into_rc();
        let adopted = self.reactor.adopt_stream_connection(socket.into(), factory);
        if let Err(error) = adopted {
            let address = Address::from(self.address);
            self.outcome.fire(Err(match error {
                AdoptError::NoProtocol => Failure::new(ConnectError::NoProtocol { address }),
                other => Failure::new(other),
            }));
        }
    }
}

fn refused(address: VsockAddress, error: &io::Error) -> ConnectError {
    ConnectError::Refused { address: address.into(), source: os_error(error) }
}

impl AsFd for Attempt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.as_fd()
    }
}

impl FileDescriptor for Attempt {
    /// An attempt that fails hangs its descriptor up; one that is settled has no socket any more.
    fn connection_lost(&self, reason: &Reason) {
        self.settle(Some(reason));
    }
}

impl WriteDescriptor for Attempt {
    fn do_write(&self) -> Result<(), Reason> {
        self.settle(None);
        Err(Reason::Done)
    }
}

/// Tells that `connection_made` has returned; all else passes.
struct Announce {
    outcome: Outcome,
    address: VsockAddress,
}

impl Layer for Announce {
    const WRAPS_TRANSPORT: bool = false;

    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        let result = match &event {
            Event::ConnectionMade(_) => Ok(()),
            Event::ConnectionLost(_) => {
                let address = Address::from(self.address);
                Err(Failure::new(ConnectError::EndedAtOnce { address }))
            }
            _ => return above.deliver(event),
        };
        above.deliver(event);
        self.outcome.fire(result);
    }
}
